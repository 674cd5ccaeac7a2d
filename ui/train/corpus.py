"""The first part of the training form: which corpus, read how, and what it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core import corpora
from mmer_core.corpora import made_up
from mmer_core.options import options_of
from mmer_core.runs.titles import UPLOADED
from ui import runs
from ui.text import plain, sentence_case
from ui.train.controls import Form
from ui.train.unusable import show_unusable
from ui.train.upload import choose_upload, offer_template, sent_name

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest, Problem, ReaderEntry

KIND, PATH, WAY = "train-kind", "train-path", "train-way"
NAMED, SENT = ":material/folder: In a folder", ":material/upload: Upload"
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
    with st.container(horizontal=True, vertical_alignment="center"):
        way = st.segmented_control(
            "Where the data is",
            [NAMED, SENT],
            default=NAMED,
            required=True,
            key=WAY,
            persist_state="session",
            label_visibility="collapsed",
            help="Name a place on the machine that runs this app, or upload a corpus.",
        )
        offer_template()
    return _sent_corpus() if way == SENT else _named_corpus(form)


def _sent_corpus() -> tuple[str, dict[str, Any], Manifest] | None:
    """The corpus that was uploaded; see `choose_corpus`."""
    received = choose_upload()
    if received is None:
        return None
    options: dict[str, Any] = {}
    if received.table:
        root = st.text_input(
            "Folder of its clips",
            key="train-upload-root",
            persist_state="session",
            placeholder="/data/clips",
            help="The folder on the machine that runs this app that the table's paths are relative to. Leave "
            "it empty if the table has words alone.",
        ).strip()
        options = {"root": str(Path(root).expanduser().absolute())} if root else {}
    spec = f"csv:{received.uploaded.manifest}"
    manifest = _read(spec, options, received.uploaded.problems)
    if manifest is None:
        return None
    _describe(manifest, received.uploaded.problems)
    return spec, options, manifest


def _named_corpus(form: Form) -> tuple[str, dict[str, Any], Manifest] | None:
    """The corpus at a place that is named; see `choose_corpus`."""
    entries = {entry.name: entry for entry in corpora.READERS.entries()}
    kind, path = _choose_place(entries)
    entry = entries[kind]
    st.caption(plain(sentence_case(entry.description)))
    options = _reader_options(form, entry)
    if not path:
        st.markdown(
            "Enter the path to your data, or upload it. Contents, splits, leakage and training time appear "
            "here."
        )
        _offer_made_up()
        return None
    spec = f"{kind}:{Path(path).expanduser().absolute()}"
    manifest = _read(spec, options)
    if manifest is None:
        return None
    _describe(manifest, made_up_ones=Path(path).name == MADE_UP)
    return spec, options, manifest


def short_name(spec: str, manifest: Manifest) -> str:
    """The corpus in the proposed name of a run: letters, digits and hyphens."""
    path = Path(spec)
    if path.name == MADE_UP:
        return "made-up"
    if path.parent.name.startswith(UPLOADED):
        return re.sub(r"[^A-Za-z0-9]+", "-", sent_name()).strip("-").lower() or "uploaded"
    return manifest.corpus


def name_corpus(spec: str) -> None:
    """Fill the two boxes with a corpus as a request names it."""
    name, colon, path = spec.partition(":")
    if not (colon and name in corpora.names()):
        name, path = ("csv" if spec.lower().endswith(".csv") else "folder"), spec
    st.session_state[KIND], st.session_state[PATH], st.session_state[WAY] = name, path, NAMED


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


def _read(spec: str, options: dict[str, Any], problems: Sequence[Problem] = ()) -> Manifest | None:
    """The corpus, or None after saying why it cannot be used; `problems` were found before."""
    try:
        with st.spinner("Reading the corpus…"):
            manifest = read_corpus(spec, tuple(options.items()))
    except (ValueError, OSError) as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
        return None
    if not len(manifest):
        first = (*manifest.problems, *problems)[0]
        problem = sentence_case(f"no row can be used: {first.id}: {first.reason}")
        st.error(plain(problem), icon=":material/error:")
        show_unusable((*manifest.problems, *problems), manifest.ids)
        return None
    return manifest


def _offer_made_up() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try it on made-up features",
            icon=":material/casino:",
            on_click=_use_made_up,
            key="train-made-up",
            help="Writes random numbers for 240 utterances of 12 speakers beside the runs. What is "
            "learned from them says nothing about people.",
        )
        st.caption(
            "No corpus at hand? Random numbers show how training goes; they say nothing about people.",
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
    title = "CSV" if entry.name == "csv" else entry.title or entry.name
    with st.expander(f"Options: {title}", icon=":material/tune:"):
        chosen = form.controls(options, begin, f"corpus-{entry.name}")
    return {o.name: chosen[o.name] for o in options if o.name in begin or chosen[o.name] != o.default}


def _describe(manifest: Manifest, sent: Sequence[Problem] = (), *, made_up_ones: bool = False) -> None:
    counts = manifest.table["label"].value_counts()
    speakers = len(set(manifest.table["group"]) - {""})
    classes = ", ".join(f"{label} {counts.get(label, 0)}" for label in manifest.labels)
    st.markdown(
        f"**{len(manifest):,} utterances** of {speakers or 'unknown'} speakers · "
        f"{len(manifest.labels)} classes: {plain(classes)}"
    )
    if made_up_ones:
        st.warning(
            "These features are made up: random numbers, to see how training goes. The figures say "
            "nothing about people, and the model can read no clip.",
            icon=":material/casino:",
        )
    show_unusable((*sent, *manifest.problems), manifest.ids)
