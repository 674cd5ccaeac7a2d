"""Whose face to read, where several people are in view."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mmer_core.clip import FaceTrack
from ui.analyze.analysis import Analysis
from ui.text import sentence_case

_SIDE = 64  # pixels of a crop on the page
_BY_ITSELF = -1  # the face that was followed, where it is not among those seen together in one frame


def choose_face(analysis: Analysis) -> int | None:
    """A crop of each person and the choice between them, as `Analysis.corrected` takes it. Nothing for one
    face.
    """
    clip = analysis.observation.clip
    if len(clip.people) < 2 or clip.faces is None:
        return None
    faces: dict[int, FaceTrack] = {} if analysis.main is not None else {_BY_ITSELF: clip.faces}
    faces |= dict(enumerate(clip.people))
    crops = st.container(horizontal=True, gap="xsmall")
    by_itself = "a face" if analysis.main is None else _name(analysis.main).lower()
    chosen = st.segmented_control(
        "Whose face to read",
        list(faces),
        format_func=_name,
        default=_BY_ITSELF if analysis.main is None else analysis.main,
        required=True,
        key=f"face-{analysis.digest}",
        persist_state="session",
        help="Counted from the left. Choose another face, by mouse or with the arrow keys and Enter: the "
        f"answer follows. Chosen automatically: {by_itself}. {sentence_case(clip.faces.rule)}",
    )
    with crops:
        for i, face in faces.items():
            mark = "✓ " if i == chosen else ""
            st.image(
                _crop(face),
                width=_SIDE,
                caption=f"{mark}{_name(i)}",
                alt=f"{_name(i)}{', the one that is read' if i == chosen else ''}",
            )
    return chosen


def _name(person: int) -> str:
    return "Main face" if person == _BY_ITSELF else f"Face {person + 1}"


def _crop(face: FaceTrack) -> np.ndarray:
    """The crop that the detector was surest of."""
    return face.crops[int(face.scores.argmax())]
