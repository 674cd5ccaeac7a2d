"""The door: `streamlit run app.py`. Page settings and the list of pages; each page stands on its own."""

from __future__ import annotations

import streamlit as st

from ui.page import PAGES, enter

enter()
st.set_page_config(page_title="Multimodal emotion recognition", page_icon="🎭", layout="wide", menu_items={"About": None})
st.navigation(
    [
        st.Page(
            PAGES / "analyze.py", title="Analyze", icon=":material/mood:", default=True, help="Give a clip or a sentence and see the emotion in it."
        ),
        st.Page(
            PAGES / "about.py", title="About", icon=":material/info:", help="What the model was trained on, how good it is, and what it is not for."
        ),
    ],
    position="top",
).run()
