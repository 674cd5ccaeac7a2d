"""What others reached on the same corpora, to draw beside a run. Each figure says what it is of; few are of the same split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmer_core.labels import Modality

_VOICE, _FACE, _WORDS = (Modality.AUDIO,), (Modality.VISUAL,), (Modality.TEXT,)


@dataclass(frozen=True)
class Published:
    """One figure of somebody else's.

    Attributes:
        corpus: name of the reader.
        classes: how many.
        title: what reached it, for a chart.
        modalities: that it used.
        scores: {metric: value in [0, 1]}.
        source: where it stands.
        split: how it relates to the runs here, as a sentence.
        kind: "model", or "people" where it is how well people recognise the emotions.
    """

    corpus: str
    classes: int
    title: str
    modalities: tuple[Modality, ...]
    scores: dict[str, float]
    source: str
    split: str
    kind: Literal["model", "people"] = "model"


_LUNA = "Luna-Jiménez et al. 2022, Applied Sciences 12(1), 327"
_LUNA_SPLIT = "The same five folds by actor; the voice model is a large speech transformer, fine-tuned."
_CAO = "Cao et al. 2014, IEEE Transactions on Affective Computing 5, 377-390"
_CAO_SPLIT = "Share of crowd ratings that named the intended emotion, over all clips; people were not trained on the corpus."
_S0, _S0_SPLIT = "S0, early and late fusion of ResNet, VGGish and BERT features", "Five folds by speaker, on features that are not public."
_S3, _S3_SPLIT = "S3, multi-level attention over acoustic descriptors and words", "A split of its authors: not the same utterances."
_OFFICIAL = "The official test split of MELD, on which no run here is scored: not the same utterances."

PUBLISHED: tuple[Published, ...] = (
    Published("ravdess", 8, "Published, voice and face", (*_VOICE, *_FACE), {"accuracy": 0.867}, _LUNA, _LUNA_SPLIT),
    Published("ravdess", 8, "Published, voice", _VOICE, {"accuracy": 0.818}, _LUNA, _LUNA_SPLIT),
    Published("ravdess", 8, "Published, action units", _FACE, {"accuracy": 0.602}, _LUNA, _LUNA_SPLIT),
    Published(
        "meld", 7, "Published ensemble (S4)", (*_WORDS, *_VOICE, *_FACE), {"accuracy": 0.624, "weighted_f1": 0.597},
        "S4, an ensemble of early and late fusion with BERT, CLIP and mel spectrograms", _OFFICIAL,
    ),
    Published("iemocap", 4, "Published early fusion (S0)", (*_WORDS, *_VOICE, *_FACE), {"accuracy": 0.6256}, _S0, _S0_SPLIT),
    Published("iemocap", 4, "Published late fusion (S0)", (*_WORDS, *_VOICE, *_FACE), {"accuracy": 0.5431}, _S0, _S0_SPLIT),
    Published("iemocap", 4, "Published attention (S3)", (*_WORDS, *_VOICE), {"accuracy": 0.777, "ua": 0.783}, _S3, _S3_SPLIT),
    Published("crema_d", 6, "People, seeing and hearing", (*_VOICE, *_FACE), {"accuracy": 0.636}, _CAO, _CAO_SPLIT, "people"),
    Published("crema_d", 6, "People, seeing only", _FACE, {"accuracy": 0.582}, _CAO, _CAO_SPLIT, "people"),
    Published("crema_d", 6, "People, hearing only", _VOICE, {"accuracy": 0.409}, _CAO, _CAO_SPLIT, "people"),
)  # fmt: skip


def lines(corpus: str, classes: int, metric: str) -> tuple[Published, ...]:
    """The published figures for a corpus with so many classes that give this metric."""
    return tuple(p for p in PUBLISHED if p.corpus == corpus and p.classes == classes and metric in p.scores)
