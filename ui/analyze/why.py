"""Why an answer is what it is, on the Analyze page: asked for by a button, computed once per visit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.analyze.analysis import KEPT, Analysis
from ui.figure import CONFIG, points
from ui.headline import modality_html
from ui.in_turn import in_turn
from ui.page import PAGES, ink
from ui.plot import show_figure
from ui.text import plain, sentence_case
from ui.theme import emotion_colour

if TYPE_CHECKING:
    from mmer_core.clip import Clip
    from mmer_core.explanation import Explanation, Face, Sound, Words
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation

Key = tuple[str, ...]
_ASKED, _WANTED = "why-asked", "why-wanted"


def ask_why(digest: str) -> None:
    """Show the explanation of the clip with this digest as soon as its answer is there."""
    st.session_state[_WANTED] = digest


@st.fragment
def show_why(
    analysis: Analysis, observation: Observation, model: EmotionModel, prediction: Prediction
) -> None:
    """A button, and once it is pressed what led to the answer. Another answer to the clip (a switch, other
    words) has the button again, so that it is there at once.
    """
    if not prediction.used:
        return
    key = _key(observation, model, prediction)
    asked: set[Key] = st.session_state.setdefault(_ASKED, set())
    if st.session_state.get(_WANTED) == analysis.digest:
        del st.session_state[_WANTED]
        asked.add(key)
    if key not in asked:
        button = st.empty()
        if not button.button(
            "Why this answer?",
            key="why",
            icon=":material/lightbulb:",
            help="The words, moments of the voice and parts of the face that led to it. Takes a few seconds.",
        ):
            return
        asked.add(key)
        button.empty()
    with st.spinner("Leaving out one part after the other …"):
        explanation = _explained(key, observation, model, prediction)
    _show(explanation, observation.clip, model, prediction)


def kept_explanation(
    observation: Observation, model: EmotionModel, prediction: Prediction
) -> tuple[Explanation, list[Modality]] | None:
    """The explanation of an answer that the person asked for, and the modalities whose parts are shown; None
    where it was not asked for.
    """
    from mmer_core.explanation import withheld

    key = _key(observation, model, prediction)
    if key not in st.session_state.get(_ASKED, ()):
        return None
    found = _explained(key, observation, model, prediction)
    return found, [m for m in found.telling if not withheld(model, m)]


@st.cache_resource(max_entries=2 * KEPT, show_spinner=False, scope="session")
def _explained(
    key: Key, _observation: Observation, _model: EmotionModel, _prediction: Prediction
) -> Explanation:
    """The explanation of an answer, keyed by all that it depends on."""
    from mmer_core.explanation import explain

    return in_turn(lambda post: explain(_model, _observation, _prediction.used, _prediction.label))


def _key(observation: Observation, model: EmotionModel, prediction: Prediction) -> Key:
    """The clip, its words and the turns before them, the face, the model, the baseline, and what counts."""
    clip = observation.clip
    face = b"" if clip.faces is None else clip.faces.boxes.tobytes()
    return (
        clip.digest,
        clip.text or "",
        "\n".join(clip.dialogue.previous if clip.dialogue else ()),
        hashlib.sha256(face).hexdigest(),
        model.identity["sha256"],
        *(baseline.fingerprint for baseline in observation.baseline.values()),
        *prediction.used,
        prediction.label,
    )


def _show(explanation: Explanation, clip: Clip, model: EmotionModel, prediction: Prediction) -> None:
    from mmer_core.explanation import summary, withheld

    held_back = {m: withheld(model, m) for m in explanation.parts}
    shown = [m for m in explanation.telling if not held_back[m]]
    st.markdown(f"#### Why {plain(explanation.label)}?")
    st.markdown(plain(summary(explanation, shown)))
    colour = emotion_colour(explanation.label, prediction.probabilities)
    if explanation.parts:
        places = st.columns(len(explanation.parts), gap="small")
        for (modality, part), place in zip(explanation.parts.items(), places, strict=True):
            with place, st.container(border=True, height="stretch"):
                st.html(
                    modality_html(modality, f"<span><strong>{escape(points(part.share))}</strong></span>")
                )
                if modality in shown:
                    _show_part(part, explanation.label, colour, clip)
                else:
                    reason = held_back[modality] or part.check.reason
                    st.caption(f"No part of it is shown: {plain(reason)}.")
    for modality, reason in explanation.reasons.items():
        if modality in prediction.used:
            st.caption(f"{MODALITY_TITLES[modality]}: {plain(reason)}.")
    if shown:
        _show_faithfulness(model, explanation.label, shown)


def _show_part(part: Words | Sound | Face, label: str, colour: str, clip: Clip) -> None:
    from mmer_core.explanation import Sound, Words
    from ui.analyze.why_charts import describe_sound, sound_figure, words_html

    if isinstance(part, Words):
        st.html(words_html(part, colour, label))
    elif isinstance(part, Sound):
        if clip.waveform is not None:
            figure = sound_figure(part, clip.waveform, colour, label, ink())
            show_figure(figure, config=CONFIG, key="why-sound", alt=describe_sound(part, label))
    else:
        _show_face(part, label, colour, clip)


def _show_face(face: Face, label: str, colour: str, clip: Clip) -> None:
    from ui.analyze.why_charts import FACE_SIDE, describe_face, face_image, strongest_cell

    pictures = clip.faces.crops if clip.faces is not None else clip.frames
    if pictures is None or not face.frames:
        strongest = max(face.moments, key=lambda moment: abs(moment.points))
        st.caption(f"Most from {strongest.start:.1f} to {strongest.end:.1f} s: {points(strongest.points)}.")
        return
    moving = len(face.moments) > 1
    with st.container(horizontal=True, gap="xsmall"):
        for frame in face.frames:
            st.image(
                face_image(pictures[frame.index], frame, colour, strongest_cell(face)),
                width=FACE_SIDE if len(face.frames) == 1 else 96,
                caption=f"{frame.time:.1f} s: {points(frame.points)}" if moving else None,
                alt=describe_face(frame, label, moving),
            )


def _show_faithfulness(model: EmotionModel, label: str, shown: Sequence[Modality]) -> None:
    """How to read it, how far it was measured to be true, and the way to the figures."""
    from mmer_core.explanation import measured

    found = {m: one for m in shown if (one := measured(model, m)) is not None}
    lines = [
        f"In colour: what speaks for {plain(label)}; hatched: what speaks against it. Points are "
        "percentage points of its probability. This is what the model went by, not what the person felt."
    ]
    if found:
        told = ", ".join(f"{MODALITY_TITLES[m].lower()} {100 * f.deletion[0]:.0f}" for m, f in found.items())
        lines.append(
            "Tested on clips that the model had not seen: without the parts marked as most important the "
            f"probability falls further than without random ones, by points on average: {told}."
        )
    else:
        lines.append(
            "With this model it was not tested on other clips; for this answer, leaving out the marked "
            "parts changes more than leaving out random ones."
        )
    st.caption(" ".join(map(sentence_case, lines)))
    st.page_link(PAGES / "about.py", label="How far explanations can be trusted", icon=":material/info:")
