"""Tables and figures can be taken away whole."""

from __future__ import annotations

import io
import json
import re

import pandas as pd
import plotly.graph_objects as go
from streamlit.testing.v1 import AppTest

from ui.export import offline_page


def page() -> AppTest:
    def script() -> None:
        import pandas as pd
        import plotly.graph_objects as go
        import streamlit as st

        from ui.export import offer_figure, offer_table

        figure = go.Figure(go.Bar(x=["a"], y=[1]))
        st.plotly_chart(figure, key="chart")
        offer_figure(figure, "bars")
        offer_table(pd.DataFrame({"name": ["x, y", 'say "z"'], "value": [1.5, None]}), "table")

    at = AppTest.from_function(script, default_timeout=120).run()
    assert not at.exception
    return at


def test_every_button_has_help_and_a_name_of_its_own():
    buttons = {b.label: b for b in page().get("download_button")}
    assert set(buttons) == {"HTML", "CSV"}
    assert all(b.help for b in buttons.values())
    assert buttons["CSV"].key == "csv-table"
    assert buttons["HTML"].key == "html-bars"


def test_the_pictures_are_offered_once_for_each_figure():
    (component,) = page().get("bidi_component")
    assert json.loads(component.proto.json) == {"name": "bars"}


def test_the_page_of_a_figure_needs_no_network_and_is_readable_on_white():
    figure = go.Figure(go.Bar(x=["joy"], y=[0.5])).update_layout(paper_bgcolor="rgba(0,0,0,0)")
    html = offline_page(figure)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", html)
    assert len(html) > 1_000_000, "plotly.js is inside"
    assert '"paper_bgcolor":"white"' in html
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)", "the figure on the page stays as it was"


def test_markup_in_a_figure_cannot_break_out_of_its_page():
    html = offline_page(go.Figure(go.Bar(x=["</script><script>alert(1)</script>"], y=[1])))
    assert "alert(1)</script>" not in html


def test_a_table_survives_the_round_trip():
    table = pd.DataFrame({"name": ["x, y", 'say "z"'], "value": [1.5, None]})
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(table.to_csv(index=False))), table)
