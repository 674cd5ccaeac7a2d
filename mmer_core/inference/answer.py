"""The prediction of one clip from its scores: fused and unimodal, contributions, notes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mmer_core.evaluation.attribution import shapley_values
from mmer_core.inference.observation import SWITCHED_OFF, Observation
from mmer_core.inference.prediction import Prediction, UnimodalPrediction, as_probabilities
from mmer_core.inference.scoring import Scores
from mmer_core.labels import MODALITY_TITLES, Modality, in_order, subset_name, subsets
from mmer_core.media.language import ENGLISH, foreign, language_name
from mmer_core.uncertainty.warnings import basis, warnings

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel

AVERAGE = "the average training speaker"
AVERAGE_SPEAKER = (
    f"The voice was read against {AVERAGE}; ten seconds of this person's ordinary voice make it more "
    "reliable."
)

LESS_SURELY = (
    "they are read by a smaller model, which gets about three of ten sentences with an emotion right"
)


def answer(
    model: EmotionModel, observation: Observation, scores: Scores, use: Collection[Modality]
) -> Prediction:
    """The prediction from the modalities in `use` that are present.

    Args:
        scores: of the observation, for every subset of what is present.
    """
    started = time.perf_counter()
    present = tuple(m for m in model.modalities if m in observation.features and m in use)
    fused = scores.of(present)
    winner = int(fused.argmax())
    contributions = shapley_values(present, lambda s: float(scores.of(in_order(s))[winner]))
    about = tuple(_warnings(model, observation, present))
    against = _compared_with(model, observation, present)
    return Prediction(
        label=model.labels[winner],
        probability=float(fused[winner]),
        probabilities=as_probabilities(fused, model.labels),
        modalities=_unimodal(model, observation, scores, use, contributions),
        subsets={subset_name(s): as_probabilities(scores.of(s), model.labels) for s in subsets(present)},
        contributions={m: contributions.get(m, 0.0) for m in model.modalities},
        notes=(*observation.clip.notes, *basis(present), *about, *_comparison(against)),
        timings={**observation.timings, "fuse": time.perf_counter() - started},
        model=model.identity,
        unsure_below=model.unsure_below,
        coverage=model.coverage,
        warnings=about,
        baseline=_told(against),
    )


def _unimodal(
    model: EmotionModel,
    observation: Observation,
    scores: Scores,
    use: Collection[Modality],
    contributions: Mapping[Modality, float],
) -> dict[Modality, UnimodalPrediction]:
    """Each modality alone, with its share of the decision; or why it is absent."""
    shares = scores.shares(model.modalities, in_order(contributions), contributions)
    found = {}
    for modality in model.modalities:
        if modality in contributions:
            (temperature,) = model.scorer.distance_temperatures(modality, [observation.features])
            alone = as_probabilities(scores.of((modality,)), model.labels)
            found[modality] = UnimodalPrediction(True, None, alone, shares[modality], temperature)
        else:
            known = observation.absent.get(modality) or observation.clip.absent.get(modality, SWITCHED_OFF)
            reason = known if modality in use else SWITCHED_OFF
            found[modality] = UnimodalPrediction(False, reason)
    return found


def _warnings(model: EmotionModel, observation: Observation, present: Sequence[Modality]) -> Iterator[str]:
    features = {m: observation.features[m] for m in present}
    yield from warnings(observation.clip, features, model.detectors, model.encoders)
    if observation.left_out:
        yield f"The words were left out: {observation.left_out}."
    elif Modality.TEXT in present and len(model.languages) > 1:
        told = observation.clip.language
        language = foreign(observation.clip.text or "") if not told else None
        if told and told != ENGLISH:
            language = language_name(told)
        if language is not None:
            yield f"The words were taken for {language}; {LESS_SURELY}."


def _compared_with(
    model: EmotionModel, observation: Observation, present: Sequence[Modality]
) -> dict[Modality, str]:
    """{modality: what it was compared with} for those that are standardised by speaker."""
    return {m: str(observation.baseline.get(m, AVERAGE)) for m in present if m in model.input_scaling}


def _told(against: Mapping[Modality, str]) -> str:
    """What the modalities were compared with as a part of a sentence; "" for none."""
    if len(set(against.values())) < 2:
        return next(iter(against.values()), "")
    return ", ".join(f"{MODALITY_TITLES[m].lower()}: {what}" for m, what in against.items())


def _comparison(against: Mapping[Modality, str]) -> Iterator[str]:
    """What each was compared with, as sentences."""
    for modality, what in against.items():
        title = MODALITY_TITLES[modality].lower()
        if modality is Modality.AUDIO and what == AVERAGE:
            yield AVERAGE_SPEAKER
        else:
            yield f"The {title} {'were' if modality is Modality.TEXT else 'was'} read against {what}."
