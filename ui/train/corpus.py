"""The first part of the training form: which corpus, read how, and what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core import corpora
from mmer_core.corpora import made_up
from mmer_core.options import options_of
from ui import runs
from ui.text import plain, sentence_case
from ui.train.controls import Form

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest, ReaderEntry

KIND, PATH = "train-kind", "train-path"
MADE_UP = ".made-up"  # folder of the made-up features, below the runs
FRESH = 600  # seconds after which a corpus is read again, should its files have changed
_MADE_UP_PROBLEM = "train-made-up-problem"


@st.cache_resource(show_spinner=False, max_entries=4, ttl=FRESH)
def read_corpus(spec: str, options: tuple[tuple[str, Any], ...]) -> Manifest:
    """The corpus; ValueError or OSError with one sentence."""
    return corpora.read(spec, **dict(options))


def choose_corpus(form: Form) -> tuple[str, dict[str, Any], Manifest] | None:
    """Controls for the corpus; (spec, reader options, corpus), or None after saying what is missing."""
    st.subheader("1 · Data", anchor="data")
    entries = {entry.name: entry for entry in corpora.READERS.entries()}
    kind, path = _choose_place(entries)
    entry = entries[kind]
    st.caption(sentence_case(entry.description))
    options = _reader_options(form, entry)
    if not path:
        st.markdown(
            "Name the place of the data: its classes, the possible folds, whether they leak and how long "
            "training takes then appear here."
        )
        _offer_made_up()
        return None
    spec = f"{kind}:{Path(path).expanduser().absolute()}"
    manifest = _read(spec, options)
    if manifest is None:
        return None
    _describe(manifest, made_up_ones=Path(path).name == MADE_UP)
    return spec, options, manifest


def name_corpus(spec: str) -> None:
    """Fill the two boxes with a corpus as a request names it."""
    name, colon, path = spec.partition(":")
    if not (colon and name in corpora.names()):
        name, path = ("csv" if spec.lower().endswith(".csv") else "folder"), spec
    st.session_state[KIND], st.session_state[PATH] = name, path


def _choose_place(entries: dict[str, ReaderEntry]) -> tuple[str, str]:
    """The reader and the path that was typed."""
    kind_place, path_place = st.columns([2, 3])
    with kind_place:
        kind = st.selectbox(
            "Corpus",
            list(entries),
            format_func=lambda name: entries[name].title or name,
            key=KIND,
            persist_state="session",
            help="The kind of data.",
        )
    what = entries[kind].path
    with path_place:
        path = st.text_input(
            what.capitalize(),
            key=PATH,
            persist_state="session",
            placeholder="/data/manifest.csv" if what == "table" else f"/data/{kind}",
            help="A path on the machine that runs this app. Nothing in it is changed.",
        )
    return kind, path.strip()


def _read(spec: str, options: dict[str, Any]) -> Manifest | None:
    """The corpus, or None after saying why it cannot be used."""
    try:
        with st.spinner("Reading the corpus…"):
            manifest = read_corpus(spec, tuple(options.items()))
    except (ValueError, OSError) as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
        return None
    if not len(manifest):
        first = manifest.problems[0]
        problem = sentence_case(f"no row can be used: {first.id}: {first.reason}")
        st.error(plain(problem), icon=":material/error:")
        return None
    return manifest


def _offer_made_up() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try it on made-up features",
            icon=":material/casino:",
            on_click=_use_made_up,
            key="train-made-up",
            help="Writes drawn numbers for 240 utterances of 12 speakers beside the runs. What is "
            "learned from them says nothing about people.",
        )
        st.caption(
            "No corpus at hand? Drawn numbers show how training goes; they say nothing about people.",
            width="stretch",
        )
    if _MADE_UP_PROBLEM in st.session_state:
        st.error(plain(st.session_state.pop(_MADE_UP_PROBLEM)), icon=":material/error:")


def _use_made_up() -> None:
    try:
        folder = made_up.write(runs.home() / MADE_UP)
    except OSError as error:
        st.session_state[_MADE_UP_PROBLEM] = (
            f"Made-up features cannot be written to {runs.home()} ({error.strerror}): make room or "
            "set MMER_RUNS."
        )
        return
    name_corpus(f"features:{folder}")


def _reader_options(form: Form, entry: ReaderEntry) -> dict[str, Any]:
    """The options of the reader that are not at their default."""
    options = options_of(corpora.READERS.factory(entry.name))
    if not options:
        return {}
    begin = form.base.corpus_options if form.base.corpus.startswith(f"{entry.name}:") else {}
    with st.expander(f"Options: {entry.title or entry.name}", icon=":material/tune:"):
        chosen = form.controls(options, begin, f"corpus-{entry.name}")
    return {o.name: chosen[o.name] for o in options if o.name in begin or chosen[o.name] != o.default}


def _describe(manifest: Manifest, *, made_up_ones: bool) -> None:
    counts = manifest.table["label"].value_counts()
    speakers = len(set(manifest.table["group"]) - {""})
    classes = ", ".join(f"{label} {counts.get(label, 0)}" for label in manifest.labels)
    st.markdown(
        f"**{len(manifest):,} utterances** of {speakers or 'unknown'} speakers · "
        f"{len(manifest.labels)} classes: {plain(classes)}"
    )
    if made_up_ones:
        st.warning(
            "These features are made up: drawn numbers, to see how training goes. The figures say "
            "nothing about people, and the model can read no clip.",
            icon=":material/casino:",
        )
    if manifest.problems:
        title = f"{len(manifest.problems)} rows or parts are missing or cannot be used"
        with st.expander(title, icon=":material/report:"):
            st.dataframe([{"id": p.id, "reason": p.reason} for p in manifest.problems], hide_index=True)
