"""Published figures of other systems, and of people, on the corpora that are read here, to draw beside a run.

Each names its source and how its utterances relate to those of a run; few are of the same split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmer_core.labels import Modality

TEXT, AUDIO, VISUAL = Modality.TEXT, Modality.AUDIO, Modality.VISUAL


@dataclass(frozen=True)
class Published:
    """One published figure.

    Attributes:
        corpus: name of the reader.
        classes: number of classes.
        title: the system that reached it, for a chart.
        modalities: that it used.
        scores: {metric: value in [0, 1]}.
        source: where it was published.
        split: its relation to the runs here, as a sentence.
        kind: "model", or "people" for the accuracy of people.
    """

    corpus: str
    classes: int
    title: str
    modalities: tuple[Modality, ...]
    scores: dict[str, float]
    source: str
    split: str
    kind: Literal["model", "people"] = "model"


_LUNA = (
    "Luna-Jiménez et al. 2022, Applied Sciences 12(1), 327",
    "The same five folds by actor; the voice model is a large speech transformer, fine-tuned.",
)
_CAO = (
    "Cao et al. 2014, IEEE Transactions on Affective Computing 5, 377-390",
    "Share of crowd ratings that named the intended emotion, over all clips; people were not trained on the "
    "corpus.",
)
_EARLY_LATE = (
    "Multimodal Emotion Recognition, project of CSCI 535, University of Southern California, 2024: "
    "early and late fusion of ResNet, VGGish and BERT features",
    "Five folds by speaker, on features that are not public.",
)
_MULTI_LEVEL = (
    "Multi-Modal Multi-Focus Emotion Recognition, github.com/prashantkhatri23/Emotion_Recognition: "
    "multi-level attention over acoustic descriptors and words",
    "A split of its authors: not the same utterances.",
)
_ENSEMBLE = (
    "Multimodal Emotion Recognition System, technical report, November 2025: ensemble of early and late "
    "fusion with BERT, CLIP and mel spectrograms",
    "The official test split of MELD, on which no run here is scored: not the same utterances.",
)

PUBLISHED: tuple[Published, ...] = (
    Published("ravdess", 8, "Published, voice and face", (AUDIO, VISUAL), {"accuracy": 0.867}, *_LUNA),
    Published("ravdess", 8, "Published, voice", (AUDIO,), {"accuracy": 0.818}, *_LUNA),
    Published("ravdess", 8, "Published, action units", (VISUAL,), {"accuracy": 0.602}, *_LUNA),
    Published(
        "meld",
        7,
        "Published early-and-late ensemble",
        (TEXT, AUDIO, VISUAL),
        {"accuracy": 0.624, "weighted_f1": 0.597},
        *_ENSEMBLE,
    ),
    Published(
        "iemocap", 4, "Published early fusion", (TEXT, AUDIO, VISUAL), {"accuracy": 0.6256}, *_EARLY_LATE
    ),
    Published(
        "iemocap", 4, "Published late fusion", (TEXT, AUDIO, VISUAL), {"accuracy": 0.5431}, *_EARLY_LATE
    ),
    Published(
        "iemocap", 4, "Published MMMLA", (TEXT, AUDIO), {"accuracy": 0.777, "ua": 0.783}, *_MULTI_LEVEL
    ),
    Published(
        "crema_d", 6, "People, seeing and hearing", (AUDIO, VISUAL), {"accuracy": 0.636}, *_CAO, "people"
    ),
    Published("crema_d", 6, "People, seeing only", (VISUAL,), {"accuracy": 0.582}, *_CAO, "people"),
    Published("crema_d", 6, "People, hearing only", (AUDIO,), {"accuracy": 0.409}, *_CAO, "people"),
)


def lines(corpus: str, classes: int, metric: str) -> tuple[Published, ...]:
    """Return the published figures for a corpus with so many classes that give this metric."""
    return tuple(p for p in PUBLISHED if p.corpus == corpus and p.classes == classes and metric in p.scores)
