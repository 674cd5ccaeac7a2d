"""The explanation of an answer: what each word, moment and region of the face adds to its score."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from mmer_core.explanation.face import explain_face
from mmer_core.explanation.parts import Explanation
from mmer_core.explanation.share import ShareOf, contributions
from mmer_core.explanation.sound import explain_sound
from mmer_core.explanation.words import explain_words
from mmer_core.inference.observation import SWITCHED_OFF
from mmer_core.labels import MODALITY_TITLES, Modality

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation

_METHODS: dict[Modality, Callable[..., Any]] = {
    Modality.TEXT: explain_words,
    Modality.AUDIO: explain_sound,
    Modality.VISUAL: explain_face,
}
_WHOLE = "it is read as a whole: a few numbers, of which none is a part of the clip"


def explain(
    model: EmotionModel,
    observation: Observation,
    use: Collection[Modality] | None = None,
    label: str | None = None,
    *,
    seed: int = 0,
) -> Explanation:
    """Why a model gives an emotion the score that it does.

    Every part (word, moment, stretch of the face) has its Shapley value on the share of its modality, which
    is itself a Shapley value on the score: what the part adds on average when the parts are put together in
    any order, with the other modalities there or not. So the parts of a modality sum to its share without
    being scaled. Up to six parts it is exact, of more it is the mean over a few random orders. Only what lies
    within a part (a word of a long text's run, a region of a picture) is measured by leaving it out, and
    spread to the part's points; see `game.spread`. What was measured is kept as `effect`.

    The explanation says what the model went by, not what the person felt nor what is the cause of it.

    Args:
        model: any.
        observation: of a clip, by that model.
        use: the modalities that are switched on; all by default.
        label: the emotion whose score is explained; by default the one that is predicted.
        seed: of the random orders; the same seed gives the same explanation.

    Raises:
        ValueError: the model has no such label.
    """
    on = [m for m in model.modalities if use is None or m in use]
    present = tuple(m for m in on if m in observation.features)
    name = model.fuse(observation, on).label if label is None else label
    if name not in model.labels:
        raise ValueError(f"{model.name} has no label {name!r}: choose one of {', '.join(model.labels)}")
    index = model.labels.index(name)
    score, shares = contributions(model, observation, present, index)
    parts: dict[Modality, Any] = {}
    reasons: dict[Modality, str] = {}
    for modality in model.modalities:
        if modality not in present:
            absent = observation.absent.get(modality, "it is not in this clip")
            reasons[modality] = absent if modality in on else SWITCHED_OFF
        elif modality not in _METHODS:
            reasons[modality] = _WHOLE
        elif modality not in model.encoders:
            reasons[modality] = f"the {MODALITY_TITLES[modality].lower()} cannot be read without some part"
        else:
            share = ShareOf(model, observation, present, index, modality)
            parts[modality] = _METHODS[modality](
                model.encoders[modality], share, shares[modality], observation.clip, seed
            )
    words, sound, face = (parts.get(m) for m in _METHODS)
    return Explanation(name, score, shares, words, sound, face, reasons)
