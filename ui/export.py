"""Taking it away: every table as CSV, every figure as an interactive page that opens offline."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st


def offer_table(table: pd.DataFrame, name: str) -> None:
    """A button that saves a table as `name`.csv.

    Args:
        table: as shown, index not included.
        name: of the file, without ending; also the key of the button, so unique on the page.
    """
    st.download_button(
        "CSV",
        lambda: table.to_csv(index=False),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"csv-{name}",
        icon=":material/table:",
        on_click="ignore",
        help="Save this table as comma-separated values.",
    )


def offer_figure(figure: go.Figure, name: str) -> None:
    """Buttons that save a figure as `name`.html, which opens offline in any browser.

    Args:
        figure: as shown.
        name: of the file, without ending; also the key of the buttons, so unique on the page.
    """
    st.download_button(
        "HTML",
        lambda: figure.to_html(include_plotlyjs=True, full_html=True),
        file_name=f"{name}.html",
        mime="text/html",
        key=f"html-{name}",
        icon=":material/download:",
        on_click="ignore",
        help="Save this figure as an interactive page that opens offline.",
    )
