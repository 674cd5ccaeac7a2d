"""Taking it away: every table as CSV; every figure as PNG, SVG and an interactive page that opens offline.

PNG and SVG are made by the browser from the figure it already shows, so that they look as on the page and
nothing needs a renderer on the server. Streamlit keeps Plotly to itself, hence the small script: it joins the
figure's layers to one picture on the page's ground.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from mmer_core.runs.spreadsheets import without_formulas
from ui.figure import tamed

if TYPE_CHECKING:
    import pandas as pd

_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".eaf": "application/xml",
    ".html": "text/html",
    ".json": "application/json",
    ".mp4": "video/mp4",
    ".parquet": "application/vnd.apache.parquet",
    ".srt": "application/x-subrip",
    ".TextGrid": "text/plain",
    ".vtt": "text/vtt",
}

_CSS = """
div { display: flex; flex-wrap: wrap; gap: 0.25rem; }
button {
  font: inherit; font-size: 0.875rem; color: inherit; background: none; border: 0; border-radius: 0.5rem;
  min-height: 2.5rem; padding: 0.25rem 0.5rem; cursor: pointer;
}
button:hover { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); }
"""

_JS = """
const LAYERS_TO_DROP = ".draglayer, .hoverlayer, .zoomlayer, .selectionlayer, .modebar-container";

// The figure just before these buttons; else the first one after them.
function figureOf(here) {
  const shown = (plot) => plot.getClientRects().length;
  const all = [...document.querySelectorAll(".js-plotly-plot")].filter(shown);
  const before = all.filter((plot) => here.compareDocumentPosition(plot) & Node.DOCUMENT_POSITION_PRECEDING);
  return before.at(-1) ?? all[0];
}

function joined(plot) {
  const { width, height } = plot.getBoundingClientRect();
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const ground = getComputedStyle(document.querySelector(".stApp") ?? document.body).backgroundColor;
  svg.setAttribute("width", Math.round(width));
  svg.setAttribute("height", Math.round(height));
  svg.setAttribute("viewBox", `0 0 ${Math.round(width)} ${Math.round(height)}`);
  const rect = document.createElementNS(svg.namespaceURI, "rect");
  const attributes = { width: "100%", height: "100%", fill: ground };
  for (const [name, value] of Object.entries(attributes)) rect.setAttribute(name, value);
  svg.append(rect);
  for (const layer of plot.querySelectorAll("svg.main-svg")) {
    const copy = layer.cloneNode(true);
    copy.querySelectorAll(LAYERS_TO_DROP).forEach((part) => part.remove());
    copy.removeAttribute("style");
    svg.append(copy);
  }
  return { svg, width, height };
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function take(here, name, kind) {
  const plot = figureOf(here);
  if (!plot) return;
  const { svg, width, height } = joined(plot);
  const picture = new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
  if (kind === "SVG") return save(picture, `${name}.svg`);
  const image = new Image();
  image.src = URL.createObjectURL(picture);
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(2 * width), Math.round(2 * height)];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  canvas.toBlob((blob) => save(blob, `${name}.png`), "image/png");
}

export default function (component) {
  const { data, parentElement } = component;
  const host = parentElement.host ?? parentElement;
  for (const button of parentElement.querySelectorAll("button")) {
    const kind = button.textContent.trim();
    button.setAttribute("aria-label", `Save the figure ${data.name} as ${kind}`);
    button.onclick = () => take(host, data.name, kind);
  }
}
"""

_PICTURES = st.components.v2.component(
    "mmer_figure_pictures",
    html=(
        '<div><button type="button" title="Save this figure as a picture, at twice its size on the '
        'screen.">PNG</button>'
        '<button type="button" title="Save this figure as a drawing that stays sharp at any '
        'size.">SVG</button></div>'
    ),
    css=_CSS,
    js=_JS,
)


def offer_file(
    label: str,
    make: Callable[[], str | bytes],
    file_name: str,
    *,
    key: str,
    help: str,
    icon: str | None = None,
    quiet: bool = False,
) -> None:
    """A button that saves a file; the page is not run again for it.

    Args:
        label: on the button.
        make: called when the file is asked for, not before.
        file_name: its ending decides the media type.
        key: unique on the page.
        help: one sentence.
        icon: before the label.
        quiet: without a frame, for a button beside a figure or a table.
    """
    st.download_button(
        label,
        make,
        file_name=file_name,
        mime=_MEDIA_TYPES[Path(file_name).suffix],
        key=key,
        icon=icon,
        type="tertiary" if quiet else "secondary",
        on_click="ignore",
        help=help,
    )


def offer_table(table: pd.DataFrame, name: str) -> None:
    """A button that saves a table as `name`.csv.

    Args:
        table: as shown, index not included.
        name: of the file, without ending; also the key of the button, so unique on the page.
    """
    offer_file(
        "CSV",
        lambda: without_formulas(table).to_csv(index=False),
        f"{name}.csv",
        key=f"csv-{name}",
        help="Save this table as comma-separated values.",
        icon=":material/table:",
        quiet=True,
    )


def offer_figure(figure: go.Figure, name: str) -> None:
    """Small buttons that save the figure above them as `name`.png, .svg or .html; call it right after
    `st.plotly_chart`.

    Args:
        figure: as shown; the HTML is made from it, the pictures from what the browser shows.
        name: of the files, without ending; also the key of the buttons, so unique on the page.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"take-{name}"):
        st.caption(":material/download: Save as", width="content")
        _PICTURES(data={"name": name}, key=f"pictures-{name}", width="content", height="content")
        page_help = "Save this figure as an interactive page that opens offline."
        offer_file(
            "HTML",
            lambda: offline_page(figure),
            f"{name}.html",
            key=f"html-{name}",
            help=page_help,
            quiet=True,
        )


def offline_page(figure: go.Figure) -> str:
    """The figure as one HTML page with plotly.js inside (about 5 MB), on white, whatever the page's theme
    was.
    """
    copy = go.Figure(tamed(figure))
    copy.update_layout(paper_bgcolor="white", plot_bgcolor="white", template="plotly_white")
    return str(
        copy.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False, "responsive": True})
    )
