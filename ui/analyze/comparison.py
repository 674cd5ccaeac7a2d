"""Two clips side by side: the answer to each, its modalities, and where the two differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from mmer_core.inference.prediction import Prediction
from mmer_core.inference.timeline import Cue, changes
from mmer_core.labels import MODALITY_TITLES
from ui.analyze.analysis import Analysis
from ui.analyze.ordinary_voice import compared
from ui.analyze.pieces import show_bars
from ui.analyze.player import show_clip, show_source
from ui.analyze.samples import shipped_answer
from ui.analyze.source import Source
from ui.analyze.strip import name_of
from ui.analyze.timeline import timeline_of
from ui.figure import percent
from ui.headline import headline_html, own_answer, warnings_html
from ui.models import ModelLoader
from ui.text import plain

Reader = Callable[[Source], Analysis | None]


def show_comparison(pair: Sequence[Source], loader: ModelLoader, read: Reader) -> None:
    """Two clips, each with its answer, and the difference in one sentence above."""
    place = st.container()
    found: list[tuple[Source, Prediction]] = []
    for source, column in zip(pair, st.columns(2, gap="medium"), strict=True):
        with column:
            st.markdown(f"#### {plain(name_of(source))}")
            prediction = _show_one(source, loader, read)
            if prediction is not None:
                found.append((source, prediction))
    if len(found) == len(pair):
        (first, a), (second, b) = found
        place.markdown(plain(difference(name_of(first), a, name_of(second), b)))


def _show_one(source: Source, loader: ModelLoader, read: Reader) -> Prediction | None:
    """A clip and its answer with every modality on, below each other."""
    shipped = shipped_answer(source)
    changing: Sequence[Cue] = ()
    if shipped is not None:
        prediction, changing = shipped.whole, shipped.changes
        show_source(source, shipped.kind, shipped.duration, f"player-{source.digest[:12]}")
    else:
        analysis = read(source)
        if analysis is None:
            return None
        model = loader.wait()
        observation = compared(analysis.observation, model)
        prediction = model.fuse(observation)
        timeline = timeline_of(observation, model, prediction.used)
        changing = changes(timeline) if timeline is not None else ()
        show_clip(analysis, f"player-{source.digest[:12]}")
    st.html(headline_html(prediction, changing) + warnings_html(prediction))
    show_bars(prediction, key=f"emotions-{source.digest[:12]}")
    for modality in prediction.used:
        own = prediction.modalities[modality]
        if said := own_answer(own):
            st.markdown(f"**{MODALITY_TITLES[modality]}:** {plain(said)}")
    return prediction


def difference(first: str, a: Prediction, second: str, b: Prediction) -> str:
    """Where two answers differ most, as a sentence."""
    shared = [label for label in a.probabilities if label in b.probabilities]
    gaps = {e: round(abs(a.probabilities[e] - b.probabilities[e]), 6) for e in shared}
    label = max(shared, key=lambda e: (gaps[e], e == a.label))
    if a.label == b.label:
        same = f"Both are closest to {a.label} ({percent(a.probability)} and {percent(b.probability)})."
        return same if label == a.label else f"{same} They differ most in {_gap(label, a, b)}."
    return f"{first}: {a.label}; {second}: {b.label}. They differ most in {_gap(label, a, b)}."


def _gap(label: str, a: Prediction, b: Prediction) -> str:
    return f"{label} ({percent(a.probabilities[label])} against {percent(b.probabilities[label])})"
