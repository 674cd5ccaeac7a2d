"""The recipes that are tried for text, and their settings."""

from __future__ import annotations

from dataclasses import dataclass

from mmer_core.config import JsonConfig


@dataclass(frozen=True)
class Recipe:
    """
    Attributes:
        pretraining: the training begins on GoEmotions.
        in_dialogue: MELD's utterances are also shown behind the turns before them.
        distilled: the labels are accompanied by the soft labels of a larger network.
    """

    pretraining: bool
    in_dialogue: bool
    distilled: bool = False


IN_DIALOGUE = "adapters, GoEmotions then MELD in its dialogues"
RECIPES = {
    "adapters, MELD alone": Recipe(False, False),
    "adapters, GoEmotions then MELD": Recipe(True, False),
    IN_DIALOGUE: Recipe(True, True),
    f"{IN_DIALOGUE}, distilled from MPNet": Recipe(True, True, True),
}


@dataclass(frozen=True)
class TextTraining(JsonConfig):
    """Settings, chosen on dialogues held out of MELD's training part.

    Attributes:
        encoder: what the adapters are put on: minilm, or mpnet for the large model.
        recipes: names in `RECIPES` that are compared.
        distillation: share of the loss that follows the teacher's soft labels, in recipes that have a
            teacher; the rest follows the labels.
        distillation_epochs: passes over MELD with a teacher: soft labels are not memorised as soon as labels
            are.
        writes_soft_labels: keep those of MELD's training part, by the network that is shipped and by the one
            that was trained without the held-out dialogues.
        rank: of the adapters.
        first_epochs: passes over GoEmotions; their learning rate is `first_rate`.
        epochs: passes over MELD; their learning rate is `rate`.
        warm_up: share of the steps over which the learning rate rises; it then falls as a cosine.
        unpunctuated: share of the texts that an epoch shows without punctuation.
        held_out: share of MELD's training dialogues kept for choosing.
        longest: tokens of a text that are read in training.
        context: tokens of the turns before an utterance that are read with it.
        in_dialogue: share of the utterances that an epoch shows behind those turns; the others stand alone,
            as words without a history will.
        seeds: trainings of each kind, with other random numbers each, whose adapters are averaged.
        replayed: comments of GoEmotions that each pass over MELD also shows where there is replay, since
            these passes make a network forget them; 0 tries no replay.
    """

    encoder: str = "minilm"
    recipes: tuple[str, ...] = tuple(RECIPES)
    distillation: float = 0.8
    distillation_epochs: int = 8
    writes_soft_labels: bool = False
    rank: int = 16
    first_epochs: int = 1
    first_rate: float = 1e-3
    epochs: int = 4
    rate: float = 6e-4
    batch: int = 32
    weight_decay: float = 0.01
    warm_up: float = 0.1
    dropout: float = 0.1
    head_dropout: float = 0.3
    label_smoothing: float = 0.1
    unpunctuated: float = 0.3
    held_out: float = 0.15
    longest: int = 64
    context: int = 48
    in_dialogue: float = 0.6
    seeds: int = 2
    replayed: int = 5000


#: The large model's; its network learns faster than MiniLM and overfits sooner.
LARGE = TextTraining(
    encoder="mpnet",
    recipes=(IN_DIALOGUE,),
    first_rate=5e-4,
    epochs=3,
    rate=4e-4,
    writes_soft_labels=True,
    replayed=0,
)
