"""The first page gets out before anything heavy is loaded: what it does not need would make people wait."""

from __future__ import annotations

import json
import subprocess
import sys

from streamlit import delta_generator

from mmer_core.config import ROOT

SCRIPT = """
import runpy, sys
import streamlit as st
runpy.run_path("app.py")
heavy = {"torch", "pandas", "pyarrow", "cv2", "onnxruntime", "transformers", "librosa", "streamlit.emojis"}
st.session_state["heavy"] = sorted(heavy & set(sys.modules))
"""
CODE = """
import json
import ui.models
from streamlit.testing.v1 import AppTest
ui.models.HEAD_START = 600.0
at = AppTest.from_string({script!r}, default_timeout=120).run()
print(json.dumps([[e.value for e in at.exception], at.title[0].value, at.session_state["heavy"]]))
"""


def loaded(script):
    """The title that a page shows in a new process, and what it notes as "heavy"."""
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(script=script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    errors, title, heavy = json.loads(run.stdout.splitlines()[-1])
    assert errors == []
    return title, heavy


def test_the_first_page_loads_nothing_heavy():
    assert loaded(SCRIPT) == ("What emotion is in this clip?", [])


LIVE = """
import sys
import streamlit as st
from ui.live.devices import start_button
from ui.live.stream import take_dicts_as_they_are
take_dicts_as_they_are()
start_button(running=False, disabled=False, streams=["video", "audio"], on_event=print)
connection = st.components.v1.declare_component("connection", url="http://localhost")
connection(servers={"iceServers": [{"urls": "stun:localhost"}]})
st.session_state["heavy"] = sorted({"torch", "pandas"} & set(sys.modules))
st.title("drawn")
"""


def test_live_loads_no_pandas():
    assert loaded(LIVE) == ("drawn", [])


def test_streamlit_still_asks_how_it_was_started():
    """`ui.page.enter` answers it, since to find out it looks through every module."""
    assert isinstance(delta_generator._use_warning_has_been_displayed, bool)
