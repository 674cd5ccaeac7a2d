"""Ways to give a clip: drop a file, record one, type a sentence, press a sample. Whatever was done last is
what is shown.
"""

from __future__ import annotations

from collections.abc import Collection
from html import escape

import streamlit as st

from mmer_core.labels import Modality
from ui.analyze.files import take_files
from ui.analyze.recorder import recorder
from ui.analyze.samples import SAMPLES_FOLDER, Sample, samples, take_sample
from ui.analyze.source import Source, choose
from ui.analyze.uploads import take_uploads, upload_errors
from ui.model_choice import choose_model, is_shipped, usable_modalities
from ui.text import plain, sentence_case
from ui.upload_limit import most_in_words

LONGEST_TEXT = 2000  # characters
_IN_A_ROW = 4  # samples
_RECORDING = "recording"
_UPLOADS = "uploads"  # how many times files were taken: a new uploader, empty, each time


def intake(now: Source | None) -> None:
    """Upload, record and type side by side, the samples as pictures, and the model in use.

    Args:
        now: what is shown; all of this is folded away then, and closes again when something else is chosen.
    """
    if now is None:
        _ways()
        choose_model()
        return
    if not is_shipped():
        choose_model()
    with st.expander("Give another clip", icon=":material/add:", key=f"another-{now.digest[:12]}"):
        _ways()
        if is_shipped():
            choose_model()


def _ways() -> None:
    modalities = usable_modalities()
    words = Modality.TEXT in modalities
    columns = st.columns([5, 4, 5] if words else [5, 4], gap="medium")
    with columns[0]:
        _uploader()
    with columns[1]:
        recording = _record_switch()
    if words:
        with columns[2]:
            _typing()
    if recording:
        recorder()
    _gallery(modalities)


def _uploader() -> None:
    # of any type: the core tells files by their content, and says what is wrong with one that it can't read
    st.file_uploader(
        "Upload a clip, or several",
        accept_multiple_files=True,
        key=_upload_key(),
        on_change=_take_upload,
        help=f"Videos, sounds or pictures, up to {most_in_words()} each. Of a long one the first minute is "
        "answered; then choose another part, or read all of it. Several become a table. They are read on "
        "this machine and not kept.",
    )
    for reason in upload_errors():
        st.error(plain(sentence_case(reason)), icon=":material/error:")


def _upload_key() -> str:
    return f"upload-{st.session_state.get(_UPLOADS, 0)}"


def _record_switch() -> bool:
    """Whether the recorder is open."""
    there = bool(st.session_state.get(_RECORDING))
    st.markdown("Record one", help="With the camera, the microphone, or both; up to 30 seconds.")
    st.button(
        "Close the recorder" if there else "Open the recorder",
        icon=":material/close:" if there else ":material/videocam:",
        key="record",
        on_click=_switch_recorder,
        help="Nothing is recorded before you press start there.",
    )
    return there


def _switch_recorder() -> None:
    st.session_state[_RECORDING] = not st.session_state.get(_RECORDING)


def _typing() -> None:
    with st.form("typing", border=False, enter_to_submit=True):
        st.text_input(
            "Type what someone said",
            key="typed",
            max_chars=LONGEST_TEXT,
            placeholder="I can't believe you did that!",
            help="English works best. Without a clip, the answer rests on the words alone.",
        )
        st.form_submit_button(
            "Analyze text",
            icon=":material/notes:",
            on_click=_take_text,
            help="See the emotion in these words.",
        )


def _gallery(modalities: Collection[Modality]) -> None:
    """The samples that the model in use can read, each a picture to press."""
    offered = [s for s in samples() if any(s.reads(m) for m in modalities)]
    if not offered:
        return
    st.markdown(
        "#### Or try one of these", help="Each shows its answer at once. Sources: samples/SOURCES.md."
    )
    with st.grid(_IN_A_ROW, min_column_width=150, gap="small"):
        for sample in offered:
            _tile(sample)


def _tile(sample: Sample) -> None:
    with st.container(key=f"tile-{sample.id}", border=True, gap="xsmall", height="stretch"):
        if sample.poster:
            st.image(SAMPLES_FOLDER / "posters" / sample.poster, width="stretch", alt="")
        else:
            st.html(f'<p class="mmer-tile-words">“{escape(sample.text or "")}”</p>')
        st.button(
            sample.title,
            key=f"sample-{sample.id}",
            type="tertiary",
            on_click=take_sample,
            args=(sample,),
            help=sample.credit,
        )
        st.caption(sample.shows)


def _take_upload() -> None:
    take_files(take_uploads(_upload_key()))
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1


def _take_text() -> None:
    text = st.session_state["typed"].strip()
    if text:
        choose(Source("your sentence", text=text, origin="text"))
