"""Ablation."""

from __future__ import annotations

import streamlit as st

from ui.page import frame

with frame("Ablation"):
    st.title("Ablation")
