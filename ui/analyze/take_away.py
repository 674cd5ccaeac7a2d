"""The answer to take away: a report and a file of figures, made when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from mmer_core.inference.prediction import Prediction
from mmer_core.inference.timeline import Timeline
from ui.analyze.analysis import Analysis
from ui.analyze.clip_report import clip_report
from ui.analyze.pieces import show_caveat
from ui.analyze.why import kept_explanation
from ui.export import offer_file

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation


def offer_files(
    prediction: Prediction,
    analysis: Analysis,
    observation: Observation,
    timeline: Timeline | None,
    model: EmotionModel,
    *,
    film: Callable[[], None],
) -> None:
    """The answer as a report and as JSON; frames are in the report only if the person says so. Both are made
    when asked for. `film` offers the clip itself.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        _offer_report(prediction, analysis, observation, timeline, model)
        if analysis.strip:
            st.checkbox(
                "with frames",
                key=f"frames-{analysis.digest}",
                help="Put a few frames of the clip into the report, which otherwise holds nothing of it "
                "but the words.",
            )
        offer_file(
            "Download JSON",
            lambda: json.dumps(timed(prediction, analysis).to_json(), indent=2, ensure_ascii=False),
            f"{_stem(prediction, analysis)}.json",
            key="download",
            icon=":material/download:",
            help="All probabilities, subsets, contributions, notes and times; the clip itself is not in it.",
        )
        film()
    show_caveat()


def _offer_report(
    prediction: Prediction,
    analysis: Analysis,
    observation: Observation,
    timeline: Timeline | None,
    model: EmotionModel,
) -> None:
    frames = bool(analysis.strip) and st.session_state.get(f"frames-{analysis.digest}", False)
    strip = tuple(analysis.strip) if frames else ()
    offer_file(
        "Report",
        lambda: clip_report(
            analysis.source,
            observation,
            prediction,
            timeline,
            record=model.record,
            frames=strip,
            why=kept_explanation(observation, model, prediction),
        ),
        f"{_stem(prediction, analysis)}.html",
        key="report",
        icon=":material/description:",
        help="All of this page's answer, and why if you asked, as one HTML file (5 MB) that opens "
        "offline and loads nothing.",
    )


def _stem(prediction: Prediction, analysis: Analysis) -> str:
    """How the files' names begin."""
    return f"emotion-{prediction.label}-{analysis.digest[:8]}"


def timed(prediction: Prediction, analysis: Analysis) -> Prediction:
    """The prediction with the time of every step, reading included."""
    return replace(prediction, timings={**analysis.seconds, "fuse": prediction.timings.get("fuse", 0.0)})
