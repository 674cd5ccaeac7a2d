"""The door: `streamlit run app.py`. Page settings, the bar of pages and the page asked for; each page stands
on its own.
"""

from __future__ import annotations

import streamlit as st

from ui.navigation import navigate
from ui.page import enter

enter()
st.set_page_config(
    page_title="Multimodal emotion recognition",
    page_icon=":performing_arts:",
    layout="wide",
    menu_items={"About": None},
)
navigate().run()
