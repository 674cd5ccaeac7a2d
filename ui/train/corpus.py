"""The first part of the training form: which corpus, read how, and what it has."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from mmer_core import corpora, encoders
from mmer_core.corpora import made_up
from ui import runs
from ui.phrases import plain, sentence_case

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest
    from mmer_core.encoders import EncoderSpec

KIND, PATH = "train-kind", "train-path"
TITLES = {"csv": "A table of your own clips (CSV)", "features": "Features in an archive", "folder": "A folder of clips by label"}
MADE_UP = ".made-up"  # folder of the made-up features, below the runs
FRESH = 600  # seconds after which a corpus is read again, should its files have changed


@st.cache_resource(show_spinner=False, max_entries=4, ttl=FRESH)
def read_corpus(spec: str, options: tuple[str, ...]) -> Manifest:
    """The corpus; ValueError or OSError with one sentence."""
    return corpora.read(spec, **corpora.parse_options(spec, options))


@st.cache_resource(show_spinner=False, max_entries=1)
def reader_sentences() -> dict[str, str]:
    """{reader: the first sentence of its file}."""
    found = {}
    for name in corpora.names():
        module = inspect.getmodule(corpora.READERS.factory(name))
        found[name] = " ".join((inspect.getdoc(module) or name).split("\n\n")[0].split())
    return found


class EncoderState(NamedTuple):
    """Whether an encoder can be had on this machine.

    Attributes:
        spec: its record; None if something is missing.
        missing: what, and how to get it.
        fetched: it would be fetched from a hub when first used, where that can be reached.
    """

    spec: EncoderSpec | None
    missing: str = ""
    fetched: bool = False


@st.cache_resource(show_spinner=False, max_entries=32)
def encoder_state(name: str) -> EncoderState:
    """How it is with one encoder. Asks no network."""
    from mmer_core.encoders.weights import HubFile

    made: Any = encoders.factory(name)
    missing = next((file for file in getattr(made, "needs", ()) if file.find() is None), None)
    if missing is not None:
        return EncoderState(None, missing.how_to_get, isinstance(missing, HubFile))
    try:
        return EncoderState(encoders.create(name).spec)
    except (encoders.EncoderUnavailable, ImportError, OSError) as error:
        return EncoderState(None, str(error).splitlines()[0])


def choose_corpus() -> tuple[str, tuple[str, ...], Manifest] | None:
    """Controls for the corpus; (spec, reader options, corpus), or None after saying what is missing."""
    st.subheader("1 · Data", anchor="data")
    sentences = reader_sentences()
    kinds = sorted(sentences, key=lambda name: (name not in ("csv", "features", "folder"), name))
    kind_place, path_place = st.columns([2, 3])
    with kind_place:
        kind = st.selectbox(
            "Corpus",
            kinds,
            format_func=lambda name: _title(name, sentences[name]),
            key=KIND,
            persist_state="session",
            help="What kind of data it is.",
        )
    with path_place:
        path = st.text_input(
            "Table" if kind == "csv" else "Folder",
            key=PATH,
            persist_state="session",
            placeholder="/data/manifest.csv" if kind == "csv" else f"/data/{kind}",
            help="A path on the machine that runs this app. Nothing in it is changed.",
        ).strip()
    st.caption(sentences[kind])
    options = _reader_options(kind)
    if not path:
        st.markdown("Say where the data is: what it holds, how it can be cut, whether that leaks and how long training takes then appear here.")
        _offer_made_up()
        return None
    spec = f"{kind}:{Path(path).expanduser().absolute()}"
    try:
        with st.spinner("Reading the corpus…"):
            manifest = read_corpus(spec, options)
    except (ValueError, OSError) as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
        return None
    if not len(manifest):
        st.error(plain(sentence_case(f"no row can be used: {manifest.problems[0].id}: {manifest.problems[0].reason}")), icon=":material/error:")
        return None
    _describe(manifest, made_up_ones=Path(path).name == MADE_UP)
    return spec, options, manifest


def _title(name: str, sentence: str) -> str:
    """How a reader is called in the list: our word, or the beginning of its sentence."""
    return TITLES.get(name) or re.split(r"[:(,]", sentence)[0].strip()


def _offer_made_up() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try it on made-up features",
            icon=":material/casino:",
            on_click=_use_made_up,
            key="train-made-up",
            help="Writes drawn numbers for 240 utterances of 12 speakers beside the runs. What is learned from them says nothing about people.",
        )
        st.caption("No corpus at hand? Drawn numbers show how training goes; they say nothing about people.", width="stretch")
    if "train-made-up-problem" in st.session_state:
        st.error(plain(st.session_state.pop("train-made-up-problem")), icon=":material/error:")


def _use_made_up() -> None:
    try:
        folder = made_up.write(runs.FOLDER / MADE_UP)
    except OSError as error:
        st.session_state["train-made-up-problem"] = (
            f"Made-up features cannot be written to {runs.FOLDER} ({error.strerror}): make room or set MMER_RUNS."
        )
        return
    st.session_state[KIND], st.session_state[PATH] = "features", str(folder)


def _reader_options(kind: str) -> tuple[str, ...]:
    """NAME=VALUE of the reader's options that were changed."""
    factory = corpora.READERS.factory(kind)
    parameters = list(inspect.signature(factory).parameters.values())[1:]
    if not parameters:
        return ()
    explained = dict(re.findall(r"^ +(\w+): (.+(?:\n {12,}.+)*)", inspect.getdoc(factory) or "", flags=re.MULTILINE))
    found = []
    with st.expander(f"Options of {kind}", icon=":material/tune:"):
        for place, p in zip([column for _ in parameters for column in st.columns(1)], parameters, strict=True):
            label, key, help = (
                p.name.replace("_", " ").capitalize(),
                f"train-{kind}-{p.name}",
                sentence_case(" ".join(explained.get(p.name, p.name).split())),
            )
            with place:
                value = (
                    st.toggle(label, p.default, key=key, help=help)
                    if isinstance(p.default, bool)
                    else st.text_input(label, str(p.default), key=key, help=help)
                )
            text = ("yes" if value else "no") if isinstance(value, bool) else value.strip()
            if value != p.default and text != str(p.default):
                found.append(f"{p.name}={text}")
    return tuple(found)


def _describe(manifest: Manifest, *, made_up_ones: bool) -> None:
    counts = manifest.table["label"].value_counts()
    speakers = len(set(manifest.table["group"]) - {""})
    classes = ", ".join(f"{label} {counts.get(label, 0)}" for label in manifest.labels)
    st.markdown(f"**{len(manifest):,} utterances** of {speakers or 'unknown'} speakers · {len(manifest.labels)} classes: {plain(classes)}")
    if made_up_ones:
        st.warning(
            "These features are made up: drawn numbers, to see how training goes. The figures say nothing about people.", icon=":material/casino:"
        )
    if manifest.problems:
        with st.expander(f"{len(manifest.problems)} rows or parts are missing or cannot be used", icon=":material/report:"):
            st.dataframe([{"id": p.id, "reason": p.reason} for p in manifest.problems], hide_index=True)
