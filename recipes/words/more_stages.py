"""A further stage of the shipped words, so that they read strangers better: they go on learning, from more
corpora than MELD and GoEmotions, without forgetting these.

Everything is chosen on corpora that are left out in turn (`FOLDS`), on dialogues held out of MELD's training
part and on GoEmotions' development part; MELD's development part is measured at the end and chooses nothing.
The shipped network, from which each training begins, has learned the held-out dialogues: there they only tell
what is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmer_core.config import JsonConfig
from recipes.words.corpora import Predictor, Utterances, hold_out, read_goemotions, read_meld
from recipes.words.mixture import MixtureBatches, Part
from recipes.words.more_corpora import GROUPS, read_more
from recipes.words.network import TextClassifier
from recipes.words.recipes import TextTraining
from recipes.words.shipped import ShippedWords
from recipes.words.stages import train_stage

TEACHER_LOGITS = "text_teacher.safetensors"  # of the shipped words on MELD and on GoEmotions
# of the way from the shipped words to what this stage makes of them; 0 are those without their phrases
NEW_SHARES = (0.0, 0.25, 0.5, 1.0)
FOLDS = (("film",), ("tweets", "sentences"))  # groups of corpora that are left out together
PER_EPOCH = {
    "meld": 9000,
    "goemotions": 7000,
    "xed": 7000,
    "semeval2018": 3500,
    "tweeteval": 2300,
    "emotion_stimulus": 2200,
}  # utterances that an epoch shows


@dataclass(frozen=True)
class MoreTraining(JsonConfig):
    """Settings of the stage, chosen on corpora that were left out.

    Attributes:
        epochs: passes of the training that is shipped.
        trial_epochs: of those that leave corpora out.
        trial_share: of `PER_EPOCH`, shown in a pass of these.
        rate: learning rate.
        distillation: share of the loss that follows the shipped words on MELD and GoEmotions.
        in_dialogue: share of MELD's utterances that an epoch shows behind the turns before them.
        unpunctuated: share of the texts that an epoch shows without punctuation.
        held_out: share of MELD's training dialogues that trials leave out.
        step: of the way from MELD's class frequencies to equal ones, at which the words answer.
    """

    epochs: int = 2
    trial_epochs: int = 2
    trial_share: float = 0.65
    rate: float = 3e-4
    distillation: float = 0.5
    in_dialogue: float = 0.5
    unpunctuated: float = 0.35
    held_out: float = 0.15
    step: float = 0.5

    def text(self, rank: int) -> TextTraining:
        """The settings of the network with adapters of that rank."""
        return TextTraining(
            rank=rank,
            recipes=(),
            rate=self.rate,
            distillation=self.distillation,
            unpunctuated=self.unpunctuated,
            in_dialogue=self.in_dialogue,
            held_out=self.held_out,
            replayed=0,
            seeds=1,
        )


@dataclass(frozen=True)
class MoreData:
    """What the stage learns from and is chosen on.

    Attributes:
        meld: MELD's training part.
        dev: its development part.
        comments: {split: GoEmotions}.
        more: {name: corpus} of `more_corpora.SOURCES`.
    """

    meld: Utterances
    dev: Utterances
    comments: dict[str, Utterances]
    more: dict[str, Utterances]

    @classmethod
    def read(cls, data: Path) -> MoreData:
        """From `data/meld`, `data/goemotions` and `data/texts`; errors as their readers'."""
        comments = {split: read_goemotions(data / "goemotions", split) for split in ("train", "dev", "test")}
        meld, dev = (read_meld(data / "meld", split) for split in ("train", "dev"))
        return cls(meld, dev, comments, read_more(data))


class MoreStages:
    """Trainings that begin at the shipped words, each with a checkpoint in `work`.

    Args:
        work: folder of the checkpoints and of the shipped words' logits.
        shipped: the words to go on from.
        data: the corpora.
        options: the settings.
        seed: of every training.

    Attributes:
        learn, held_out: MELD's training part without and only with the held-out dialogues.
        text: settings of the network.
        shipped_predictor: raw logits of the shipped words, phrases included.
        teacher: see `teacher_logits`.
        history: {name of a training: a row for each epoch}; seconds: what they took together.
    """

    def __init__(
        self, work: Path, shipped: ShippedWords, data: MoreData, options: MoreTraining, seed: int
    ) -> None:
        self.work, self.shipped, self.data, self.options, self.seed = work, shipped, data, options, seed
        self.learn, self.held_out = hold_out(data.meld, options.held_out, seed)
        rank = next(t.shape[0] for name, t in shipped.tensors.items() if name.endswith(".down"))
        self.text = options.text(rank)
        self.shipped_predictor: Predictor = partial(shipped.logits, shipped.classifier(self.text))
        self.teacher = teacher_logits(work / TEACHER_LOGITS, self.shipped_predictor, data)
        self.seconds = 0.0
        self.history: dict[str, list[Mapping[str, float]]] = {}

    def trial(self, name: str, without: Sequence[str]) -> TextClassifier:
        """Trained without the held-out dialogues and without some groups of corpora."""
        left = [corpus for group in without for corpus in GROUPS[group]]
        kept = {corpus: part for corpus, part in self.data.more.items() if corpus not in left}
        return self._train(name, self.learn, kept, self.options.trial_epochs, self.options.trial_share)

    def final(self) -> TextClassifier:
        """Trained on everything."""
        return self._train("all corpora", self.data.meld, self.data.more, self.options.epochs, 1.0)

    def _train(
        self, name: str, meld: Utterances, more: Mapping[str, Utterances], epochs: int, share: float
    ) -> TextClassifier:
        place = {id_: i for i, id_ in enumerate(self.data.meld.ids)}
        rows = torch.tensor([place[id_] for id_ in meld.ids])
        size = {corpus: max(1, round(share * count)) for corpus, count in PER_EPOCH.items()}
        parts = [
            Part(meld, size["meld"], self.teacher["meld"][:, rows]),
            Part(self.data.comments["train"], size["goemotions"], self.teacher["goemotions"]),
            *(Part(part, size[corpus]) for corpus, part in more.items()),
        ]
        classifier = TextClassifier(self.text, self.seed)
        classifier.load(self.shipped.tensors)
        batches = MixtureBatches(classifier, parts, in_dialogue=self.options.in_dialogue)
        checkpoint = self.work / f"text_more_{name.replace(', ', '_').replace(' ', '_')}.safetensors"
        fitted = train_stage(
            name, classifier, batches, epochs=epochs, rate=self.options.rate, checkpoint=checkpoint
        )
        self.seconds += fitted.seconds
        self.history[name] = list(fitted.history)
        return classifier


def teacher_logits(path: Path, shipped: Predictor, data: MoreData) -> dict[str, Tensor]:
    """Raw logits of the shipped words on MELD's training part, alone and behind the turns before,
    (2, N, C) float32, and on GoEmotions', (1, N, C); kept in `path`.
    """
    comments = data.comments["train"]
    shapes = {"meld": (2, len(data.meld)), "goemotions": (1, len(comments))}
    if path.is_file():
        kept = load_file(path)
        if {name: tuple(tensor.shape[:2]) for name, tensor in kept.items()} == shapes:
            return kept
    contexts = (None, data.meld.contexts())
    logits = {
        "meld": np.stack([shipped(data.meld.texts, context) for context in contexts]),
        "goemotions": shipped(comments.texts, None)[None],
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in logits.items()}
    save_file(tensors, path)
    return tensors
