"""The clip last analysed, with switches and the exact Shapley values of every emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import MODALITY_TITLES, Modality, subsets
from mmer_core.runs.ablation import clip_shares
from ui.ablation.scores import offer
from ui.ablation.share_charts import share_table
from ui.ablation.tables import clip_rows
from ui.analyze.analysis import Analysis, latest, turns_in
from ui.analyze.charts import describe, emotion_bars
from ui.figure import CONFIG, number, signed
from ui.headline import UNSURE, unsure_sentence
from ui.models import ModelUnavailable, model_loader, show_loading
from ui.page import PAGES, ink
from ui.plot import show_figure
from ui.text import agreement_sentence, plain, sentence_case
from ui.theme import emotion_name

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation


def show_last_clip() -> None:
    """The clip that was last analysed in this visit, or where to go first."""
    if latest() is None:
        st.info(
            "No clip has been analysed in this visit yet: analyse one, then come back.",
            icon=":material/movie:",
        )
        st.page_link(PAGES / "analyze.py", label="Analyze a clip", icon=":material/mood:")
        return
    if not show_loading():
        return
    try:
        model = model_loader().wait()
    except ModelUnavailable as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
        return
    analysis = latest(model.identity["sha256"])
    if analysis is None:
        st.info("The model has changed since the last clip: analyse it again.", icon=":material/movie:")
        st.page_link(PAGES / "analyze.py", label="Analyze a clip", icon=":material/mood:")
        return
    st.markdown(f"**{plain(analysis.source.name)}**")
    _switched(analysis, model)


@st.fragment
def _switched(analysis: Analysis, model: EmotionModel) -> None:
    words, person = (
        st.session_state.get(f"words-{analysis.digest}", analysis.first_words),
        st.session_state.get(f"face-{analysis.digest}"),
    )
    context = turns_in(st.session_state.get(f"context-{analysis.digest}"))
    observation = analysis.corrected(words, person, model, context)
    with st.container(horizontal=True, gap="medium"):
        use = {m for m in model.modalities if _switch(analysis, observation, m)}
    prediction = model.fuse(observation, use)
    everything = model.fuse(observation) if set(prediction.used) < set(observation.features) else None
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _show_answer(prediction, everything)
    with right:
        _show_shares(analysis, observation, model, prediction)


def _switch(analysis: Analysis, observation: Observation, modality: Modality) -> bool:
    there = modality in observation.features
    title = MODALITY_TITLES[modality]
    return st.toggle(
        title,
        value=there,
        key=f"ablate-clip-{modality}-{analysis.digest}",
        disabled=not there,
        help=f"Let the {title.lower()} count in the answer to this clip, or not."
        if there
        else f"Not in this clip: {observation.absent.get(modality)}.",
    )


def _show_answer(prediction: Prediction, everything: Prediction | None) -> None:
    answer = f"{plain(emotion_name(prediction.label))}, {number(prediction.probability)}%"
    st.markdown(f"#### {UNSURE}, perhaps {answer}" if prediction.unsure else f"#### {answer}")
    reference = None if everything is None else everything.probabilities
    figure = emotion_bars(prediction.probabilities, reference, ink())
    show_figure(figure, config=CONFIG, key="clip-emotions", alt=describe(prediction.probabilities))
    notes = [unsure_sentence(prediction)] if prediction.unsure and prediction.used else []
    notes += ["The upright ticks mark the answer with everything on."] if everything is not None else []
    if not prediction.used:
        notes.append(
            "Nothing is switched on or found: this is only how often each emotion came up in training."
        )
    if agreement := agreement_sentence(prediction):
        notes.append(agreement)
    if notes:
        st.caption(" ".join(notes))


def _show_shares(
    analysis: Analysis, observation: Observation, model: EmotionModel, prediction: Prediction
) -> None:
    st.markdown("#### What each modality did to each emotion")
    labels = list(prediction.probabilities)
    chosen: list[tuple[Modality, ...]] = [(), *subsets(prediction.used)]
    rows = model.subset_probabilities(observation, chosen)
    shares = clip_shares({frozenset(s): row for s, row in zip(chosen, rows, strict=True)})
    total = np.array([prediction.probabilities[label] for label in labels])
    figure = share_table(labels, rows[0], shares, total, names=("Prior", "Answer"), ink=ink())
    best = labels.index(prediction.label)
    words = ", ".join(f"{MODALITY_TITLES[m]} {signed(float(v[best]))} points" for m, v in shares.items())
    show_figure(
        figure,
        config=CONFIG,
        key="clip-shares",
        alt=f"For {prediction.label}, from {number(float(rows[0][best]))} percent: {words or 'nothing'}",
    )
    name = f"clip-shapley-{analysis.digest[:8]}"
    offer(clip_rows(labels, rows[0], shares, total), figure, name)
    st.caption(
        "In percent. The prior is how often each emotion came up in training. Each exact Shapley "
        "value adds (blue) or takes away (orange), "
        "averaged over every order of adding them; every row sums to the answer."
    )
