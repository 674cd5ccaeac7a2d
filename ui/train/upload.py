"""A corpus that was uploaded: received into a private folder, kept for the visit and for trainings that read
it, then removed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from mmer_core.corpora import CorpusError
from mmer_core.corpora.uploaded import TABLES, TEMPLATE, Uploaded, receive_archive, receive_table
from mmer_core.media.loading import display_name
from mmer_core.media.private_folder import outside
from mmer_core.runs.titles import UPLOADED
from mmer_core.runs.uploaded_corpora import remove_orphans, remove_unused
from ui import runs
from ui.export import offer_file
from ui.forgetting import keeper
from ui.text import plain, sentence_case
from ui.upload_limit import most_megabytes

LARGEST = 200  # megabytes
_RECEIVED = "train-received"


@dataclass(eq=False)
class Received:
    """An uploaded corpus of this visit. When nothing holds it any more, its folder is removed.

    Attributes:
        name: of the file, safe to show.
        uploaded: what was received.
        files: clips that were unpacked.
        table: it is a table alone, whose clips lie elsewhere.
    """

    name: str
    uploaded: Uploaded
    files: int
    table: bool

    def __post_init__(self) -> None:
        self._end = weakref.finalize(self, remove_unused, self.uploaded.manifest.parent, runs.home())

    def remove(self) -> None:
        """Remove the folder now, unless a training reads it."""
        self._end()


def receive(data: BinaryIO, name: str, speaker: str = "") -> Received:
    """Receive a zip archive or a table into a new private folder.

    Raises:
        CorpusError: it cannot be used; nothing is left then.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{UPLOADED}{os.getpid()}-", dir=outside()))
    except OSError as error:
        raise CorpusError(
            f"the temporary folder cannot be used ({error.strerror}): free some space there or set TMPDIR"
        ) from error
    shown, table = display_name(name), name.lower().endswith(TABLES)
    try:
        data.seek(0)
        found = (
            receive_table(data.read(), shown, folder)
            if table
            else receive_archive(data, shown, folder, speaker=speaker)
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Received(shown, found, sum(1 for _ in folder.glob("clips/*")), table)


def offer_template() -> None:
    """The button that saves a table to fill in."""
    offer_file(
        "Template CSV",
        lambda: TEMPLATE,
        "corpus-template.csv",
        key="train-template",
        icon=":material/table:",
        help="A table with the columns id, path, text, label and speaker, and three lines to replace. Path "
        "or text may be empty, not both.",
    )


def choose_upload() -> Received | None:
    """The uploader, or what was received in this visit with a button that removes it."""
    if (received := st.session_state.get(_RECEIVED)) is not None:
        return _show_received(received)
    st.markdown(
        "A **zip** with clips in folders named for their emotions (`anger/…`, `joy/…`), or with a table and "
        "the clips that it names; or a **table** (CSV) alone."
    )
    speaker = st.text_input(
        "Who speaks, from the file's name",
        key="train-upload-speaker",
        persist_state="session",
        placeholder="[A-Za-z]+  finds anna in anna_01.wav",
        help="For clips in folders by emotion: a regular expression searched in each file's name. Without it "
        "the speakers are unknown, and folds cannot keep them apart.",
    )
    file = st.file_uploader(
        "Corpus",
        type=["zip", "csv", "tsv"],
        key="train-upload",
        max_upload_size=most_megabytes(LARGEST),
        help=f"Up to {most_megabytes(LARGEST)} MB. It is unpacked into a private temporary folder, kept for "
        "this visit and while a training reads it, then removed.",
    )
    if file is not None:
        _take(file, speaker.strip())
    return None


def _take(file: BinaryIO, speaker: str) -> None:
    """Receive a file, or say why it cannot be used."""
    try:
        with st.spinner("Unpacking…"):
            remove_orphans(runs.home())
            st.session_state[_RECEIVED] = receive(file, str(file.name), speaker)
    except CorpusError as error:
        reason = str(error)  # a file is called what it is called, also where its name begins the sentence
        named = reason.startswith(display_name(str(file.name)))
        st.error(plain(f"{reason}." if named else sentence_case(reason)), icon=":material/error:")
        return
    st.rerun(scope="app")


def _show_received(received: Received) -> Received:
    with st.container(horizontal=True, vertical_alignment="center"):
        files = f", {received.files:,} files" if received.files else ""
        st.markdown(f":green-badge[:material/check: {plain(received.name)}{files}]", width="content")
        st.button(
            "Remove",
            icon=":material/delete:",
            key="train-upload-remove",
            on_click=_remove,
            help="Deletes the unpacked files now, unless a training reads them, and lets you upload another.",
        )
    st.caption(
        "Kept in a private temporary folder for this visit and while a training reads it. Features that a "
        "training computes stay in the feature store on this machine."
    )
    return received


def _remove() -> None:
    received: Received | None = st.session_state.pop(_RECEIVED, None)
    if received is not None:
        received.remove()


@keeper
def _forget() -> Sequence[str]:
    received: Received | None = st.session_state.pop(_RECEIVED, None)
    if received is None:
        return []
    received.remove()
    stays = received.uploaded.manifest.parent.exists()
    return [f"the uploaded corpus{' (its files go when the training that reads them ends)' if stays else ''}"]


def sent_name() -> str:
    """The name of the file that was uploaded in this visit, without its ending; "" if there is none."""
    received: Received | None = st.session_state.get(_RECEIVED)
    return "" if received is None else Path(received.name).stem
