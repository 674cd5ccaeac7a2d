"""What is tried for words, and with which hyper-parameters."""

from __future__ import annotations

from dataclasses import dataclass

from mmer_core.config import JsonConfig


@dataclass(frozen=True)
class Recipe:
    """What is tried.

    Attributes:
        first: the training begins on GoEmotions.
        in_dialogue: MELD's utterances are also shown behind the turns before them.
        taught: the labels are accompanied by the answers of a larger network.
    """

    first: bool
    in_dialogue: bool
    taught: bool = False


IN_DIALOGUE = "adapters, GoEmotions then MELD in its dialogues"
RECIPES = {
    "adapters, MELD alone": Recipe(False, False),
    "adapters, GoEmotions then MELD": Recipe(True, False),
    IN_DIALOGUE: Recipe(True, True),
    f"{IN_DIALOGUE}, taught by MPNet": Recipe(True, True, True),
}


@dataclass(frozen=True)
class TextTraining(JsonConfig):
    """Hyper-parameters, chosen on dialogues held out of MELD's training part.

    Attributes:
        encoder: what the adapters are put on: minilm, or mpnet for the large model.
        recipes: names in `RECIPES` that are compared.
        taught: share of the loss that follows the teacher's answers, in recipes that have a teacher; the rest follows the labels.
        taught_epochs: passes over MELD with a teacher: its answers are not learned by heart as soon as labels are.
        teaches: keep the answers to MELD's training part, of what is shipped and of what was trained without the held-out dialogues.
        seeds: trainings of each kind, with other random numbers each, whose adapters are averaged.
        rank: of the adapters.
        first_epochs: passes over GoEmotions; its learning rate is `first_rate`.
        epochs: passes over MELD; their learning rate is `rate`.
        bare: share of the texts that an epoch shows without punctuation.
        warm_up: share of the steps over which the learning rate rises; it then falls as a cosine.
        held_out: share of MELD's training dialogues kept for choosing.
        longest: tokens of a text that are read in training.
        context: tokens of the turns before an utterance that are read with it.
        in_dialogue: share of the utterances that an epoch shows behind those turns; the others stand alone, as words without a history will.
        rehearsed: comments of GoEmotions that each pass over MELD also shows where it rehearses, as the passes make a network forget them; 0 tries
            no rehearsing.
    """

    encoder: str = "minilm"
    recipes: tuple[str, ...] = tuple(RECIPES)
    taught: float = 0.8
    taught_epochs: int = 8
    teaches: bool = False
    rank: int = 16
    first_epochs: int = 1
    first_rate: float = 1e-3
    epochs: int = 4
    rate: float = 6e-4
    batch: int = 32
    weight_decay: float = 0.01
    warm_up: float = 0.1
    dropout: float = 0.1
    expert_dropout: float = 0.3
    smoothing: float = 0.1
    bare: float = 0.3
    held_out: float = 0.15
    longest: int = 64
    context: int = 48
    in_dialogue: float = 0.6
    seeds: int = 2
    rehearsed: int = 5000


#: The large model's; its network learns faster than MiniLM and overfits sooner.
LARGE = TextTraining(encoder="mpnet", recipes=(IN_DIALOGUE,), first_rate=5e-4, epochs=3, rate=4e-4, teaches=True, rehearsed=0)
