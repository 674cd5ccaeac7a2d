"""Ways to give a clip: drop a file, record one, type a sentence, press a sample. Whatever was done last is
what is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from mmer_core.labels import Modality
from ui.analyze.analysis import Source, choose
from ui.analyze.files import take_files
from ui.analyze.recorder import recorder
from ui.model_choice import choose_model, usable_modalities
from ui.page import ROOT

LONGEST_TEXT = 2000  # characters
UPLOAD, RECORD = ":material/upload: Upload", ":material/videocam: Record"


@dataclass(frozen=True)
class Sample:
    """A clip or sentence that comes with the app; `file` is a name in samples/, described in
    samples/SOURCES.md.
    """

    title: str
    credit: str
    icon: str
    file: str | None = None
    text: str | None = None

    def source(self) -> Source:
        data = None if self.file is None else (ROOT / "samples" / self.file).read_bytes()
        return Source(self.file or self.title, data, self.text, origin="sample")


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "Speech, 9 s",
        "A statement at the White House, 14 July 2015. A work of the US government, in the public domain.",
        ":material/play_circle:",
        file="speech.mp4",
    ),
    Sample(
        "A sentence",
        "Made up for this app.",
        ":material/format_quote:",
        text="Oh my God, you came all this way! I can't believe it!",
    ),
)


def intake() -> None:
    """The uploader or the recorder; beside it, where there is room, the text field, the samples and the
    model in use.
    """
    words = Modality.TEXT in usable_modalities()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        way = st.segmented_control(
            "How to give a clip",
            [UPLOAD, RECORD],
            default=UPLOAD,
            required=True,
            key="intake-way",
            label_visibility="collapsed",
            help="Give a file that you have, or record one with camera and microphone.",
        )
        if way == RECORD:
            recorder()
        else:
            _uploader()
    with right:
        if words:
            _typing()
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("Or try", width="content")
            for sample in SAMPLES:
                if words or sample.text is None:
                    st.button(
                        sample.title,
                        key=f"sample-{sample.title}",
                        icon=sample.icon,
                        on_click=_take_sample,
                        args=(sample,),
                        help=sample.credit,
                    )
        choose_model()


def _typing() -> None:
    with (
        st.form("typing", border=False, enter_to_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input(
            "Or type what someone said",
            key="typed",
            max_chars=LONGEST_TEXT,
            placeholder="I can't believe you did that!",
            help="English works best. Without a clip, the answer rests on the words alone.",
        )
        st.form_submit_button("Read", on_click=_take_text, help="See the emotion in these words.")


def _uploader() -> None:
    # of any type: the core tells files by their content, and says what is wrong with one that it can't read
    st.file_uploader(
        "Drop a clip, or several",
        accept_multiple_files=True,
        key="upload",
        on_change=_take_upload,
        help="Videos, sounds or pictures, up to 200 MB each; of a long clip the first minute is used. "
        "Several become a table. They are read on this machine and not kept.",
    )


def _take_upload() -> None:
    take_files([Source(file.name, file.getvalue()) for file in st.session_state["upload"] or ()])


def _take_text() -> None:
    text = st.session_state["typed"].strip()
    if text:
        choose(Source("your sentence", text=text, origin="text"))


def _take_sample(sample: Sample) -> None:
    choose(sample.source())


def credit_of(source: Source) -> str | None:
    """Where a sample comes from; None for a person's own clip."""
    return next(
        (s.credit for s in SAMPLES if source.origin == "sample" and source.name in (s.file, s.title)), None
    )
