"""Results."""

from __future__ import annotations

import streamlit as st

from ui.page import frame

with frame("Results"):
    st.title("Results")
