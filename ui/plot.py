"""A figure on the page: the one way in which pages show one."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from ui.figure import tamed


def show_figure(figure: go.Figure, **options: Any) -> Any:
    """As `st.plotly_chart`, whose options and result these are; names from people are shown as they are."""
    return st.plotly_chart(tamed(figure), **options)
