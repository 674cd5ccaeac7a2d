"""What the names of networks, settings and encoders mean, beside the choice. The words are those of the files
that define them; only the sources stand here.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import streamlit as st

from mmer_core import encoders, fusion
from mmer_core.encoders.request import EncoderRequest
from mmer_core.registry import Entry
from mmer_core.training.config import PRESETS
from ui.text import plain, sentence_case

SAID = 0.4  # of a description's words, at most, may be new for it to be left out
_COURSE = "project “Multimodal Emotion Recognition”, course CSCI 535, University of Southern California, 2024"
_HACKATHON = (
    "“Emotion Multimodal Fusion Model”, an entry to a hackathon on data like MELD (Poria et al. 2019)"
)
_ATTENTION = "“Multi-Modal Multi-Focus Emotion Recognition”, after Yang et al. 2016 and Arevalo et al. 2017"
_ENSEMBLE = "“Multimodal Emotion Recognition System – Technical Report”, 2025"
#: {network: where it was published}.
NETWORK_SOURCES: dict[str, str] = {
    "unimodal": _COURSE,
    "early": _COURSE,
    "late_mean": _COURSE,
    "late_vote": _COURSE,
    "late_weighted": _HACKATHON,
    "ensemble": _ENSEMBLE,
    "mmb": _ATTENTION,
    "mmmla": _ATTENTION,
    "crossmodal": "of this project, after MulT (Tsai et al. 2019)",
    "product": "of this project, after Hinton 2002 and Kittler et al. 1998",
}
#: {settings: where they were published}.
PRESET_SOURCES: dict[str, str] = {
    "default": "of this project, docs/evidence/defaults.md",
    "early_late": _COURSE,
    "handmade": _HACKATHON,
    "attention": _ATTENTION,
    "ensemble": _ENSEMBLE,
}


@cache
def first_sentence(module: str) -> str:
    """The first sentence of a module's docstring without its full stop, read without importing it; "" where
    it has none.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    try:
        text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    except (OSError, SyntaxError, ValueError):
        return ""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def network_line(entry: Entry) -> str:
    """A network in one line of Markdown."""
    return _line(entry, NETWORK_SOURCES.get(entry.name, ""))


def preset_line(name: str) -> str:
    """Settings in one line of Markdown."""
    source = PRESET_SOURCES.get(name, "")
    end = f" *Source: {plain(source)}.*" if source else ""
    title = name.replace("_", " ").capitalize()
    return f"- **{plain(title)}**: {plain(PRESETS[name].description)}.{end}"


def encoder_line(name: str) -> str:
    """An encoder in one line of Markdown."""
    return _line(encoders.ENCODERS.entry(EncoderRequest.parse(name).name), "")


def _line(entry: Entry, source: str) -> str:
    """What the file that defines it says of itself, its description where that says more, and the source."""
    own = first_sentence(entry.module) if entry.module.startswith("mmer_core.") else ""
    said = set(re.findall(r"\w+", own.lower()))
    words = re.findall(r"\w+", entry.description.lower())
    more = sum(word not in said for word in words) > len(words) * SAID
    parts = [entry.description if more or not own else "", own]
    text = " ".join(plain(sentence_case(part)) for part in parts if part)
    end = f" *Source: {plain(source)}.*" if source else ""
    return f"- **{plain(entry.name)}**: {text}{end}"


def show_networks() -> None:
    """All networks and settings, folded."""
    with st.expander("What these names mean", icon=":material/menu_book:"):
        st.markdown("**Networks**\n" + "\n".join(map(network_line, fusion.FUSION_MODELS.entries())))
        st.markdown("**Settings**\n" + "\n".join(map(preset_line, PRESETS)))


def show_encoders(names: list[str]) -> None:
    """The encoders on offer, folded; nothing without any."""
    if names:
        with st.expander("What these encoders are", icon=":material/menu_book:"):
            st.markdown("\n".join(map(encoder_line, names)))
