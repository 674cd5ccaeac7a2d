"""The bar above every page: a link to each page and the switch of the theme. It is there at every width;
Streamlit's own navigation hides in a drawer on a phone.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from ui.page import PAGES, addresses

_BAR = "navigation"
#: File, title, icon, and what a person can do there; the first is the page without a name in the address.
_PAGES = (
    ("analyze", "Analyze", "mood", "Give a clip or a sentence and see the emotion in it."),
    ("live", "Live", "videocam", "Watch the camera and the microphone as they are read."),
    ("results", "Results", "grid_on", "Explore cross-validation runs: what was right, and what was not."),
    ("ablation", "Ablation", "tune", "Switch modalities off and see what each is worth."),
    ("train", "Train", "model_training", "Train fusion models by cross-validation and watch them."),
    ("about", "About", "info", "What the model cannot do, how good it is, and what it learned from."),
)
_CSS = """
label { display: flex; align-items: center; gap: 0.4rem; font-size: 0.875rem; font-family: var(--st-font); }
label { color: var(--st-text-color); }
select {
  min-height: 2.25rem; padding: 0 0.3rem; font: inherit; color: inherit; cursor: pointer;
  background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius);
}
select:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""
_THEME = st.components.v2.component(
    "mmer_theme",
    html="""
    <label>Theme
      <select title="Light or dark, kept in this browser">
        <option value="System">Automatic</option><option>Light</option><option>Dark</option>
      </select>
    </label>
    """,
    css=_CSS,
    js=(Path(__file__).parent / "navigation.js").read_text(encoding="utf-8"),
)


def navigate() -> StreamlitPage:
    """Draw the bar. Returns the page asked for, to be run."""
    pages = [
        st.Page(PAGES / f"{name}.py", title=title, icon=f":material/{icon}:", default=name == _PAGES[0][0])
        for name, title, icon, _ in _PAGES
    ]
    current = st.navigation(pages, position="hidden")
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=_BAR):
        for page in pages:
            st.page_link(
                page, label=page.title, icon=page.icon, query_params=addresses().get(page.title) or None
            )
        _THEME(
            key="theme",
            data={
                "bar": f"st-key-{_BAR}",
                "current": current.title,
                # a dict or list would make Streamlit import pandas, to see whether it is a table of that
                "purposes": tuple((title, purpose) for _, title, _, purpose in _PAGES),
            },
            width="content",
            on_theme_change=lambda: None,  # the run that follows draws figures in the new theme's ink
        )
    return current
