"""Whose face to read, where several people are in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mmer_core.clip import FaceTrack
from mmer_core.labels import Modality
from ui.analyze.analysis import Analysis
from ui.headline import own_answer
from ui.text import sentence_case

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel

_SIDE = 64  # pixels of a crop on the page
_BY_ITSELF = -1  # the face that was followed, where it is not among those seen together in one frame


def choose_face(analysis: Analysis, model: EmotionModel) -> int | None:
    """A crop of each person and the choice between them, as `Analysis.corrected` takes it; on demand each has
    its own emotion. Nothing for one face.
    """
    clip = analysis.observation.clip
    if len(clip.people) < 2 or clip.faces is None:
        return None
    faces: dict[int, FaceTrack] = {} if analysis.main is not None else {_BY_ITSELF: clip.faces}
    faces |= dict(enumerate(clip.people))
    crops = st.container(horizontal=True, gap="xsmall")
    by_itself = "a face" if analysis.main is None else _name(analysis.main).lower()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = st.segmented_control(
            "Whose face to read",
            list(faces),
            format_func=_name,
            default=_BY_ITSELF if analysis.main is None else analysis.main,
            required=True,
            key=f"face-{analysis.digest}",
            persist_state="session",
            label_visibility="collapsed",
            help="Whose face to read, counted from the left. Choose another, by mouse or with the arrow keys "
            f"and Enter: the answer follows. Chosen automatically: {by_itself}. "
            f"{sentence_case(clip.faces.rule)}",
        )
        every = st.toggle(
            "Read every face",
            key=f"every-face-{analysis.digest}",
            persist_state="session",
            help="The emotion of each face, alone; the answer goes on with the chosen one.",
        )
    with crops:
        for i, face in faces.items():
            mark = "✓ " if i == chosen else ""
            said = f": {_emotion(analysis, i, model)}" if every else ""
            st.image(
                _crop(face),
                width=_SIDE if not every else 2 * _SIDE,
                caption=f"{mark}{_name(i)}{said}",
                alt=f"{_name(i)}{said}{', the one that is read' if i == chosen else ''}",
            )
    return chosen


def _emotion(analysis: Analysis, person: int, model: EmotionModel) -> str:
    """What one face says alone: "😊 Joy 62%"."""
    observation = analysis.followed(person, model)
    own = model.fuse(observation, {Modality.VISUAL}).modalities[Modality.VISUAL]
    return own_answer(own) or own.reason or "not read"


def _name(person: int) -> str:
    return "Main face" if person == _BY_ITSELF else f"Face {person + 1}"


def _crop(face: FaceTrack) -> np.ndarray:
    """The crop that the detector was surest of."""
    return face.crops[int(face.scores.argmax())]
