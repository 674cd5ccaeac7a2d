"""What the recipe of `more` records: how strangers are read, and how the words are built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmer_core import metrics
from mmer_core.labels import EMOTIONS
from recipes.left_out import scores
from recipes.words.more_corpora import SOURCES
from recipes.words.more_stages import MoreStages
from recipes.words.network import sentence_encoder
from recipes.words.phrases import SHARES
from recipes.words.strangers import STEPS, Answering, Read, best_answering, mean_scores

HALFWAY = (0.5,)  # the step at which the words answered before
_GOEMOTIONS = {"name": "GoEmotions, training part, comments with one label", "licence": "Apache-2.0"}
_MELD = {"name": "MELD, training part", "licence": "GPL-3.0 repository; dialogue of a television series"}


def stranger_row(recipe: str, read: Mapping[str, Read], trained: np.ndarray) -> dict[str, Any]:
    """Mean scores on corpora that were left out, and the UA on each, with answers under frequencies halfway
    to equal ones and at the temperature that is best for all of these corpora together.

    Args:
        recipe: what read them.
        read: {name: corpus and raw logits}.
        trained: (C,) class frequencies that the logits are under.
    """
    answering = best_answering(read, trained, HALFWAY)
    scored = {
        name: scores(answering.answers(r.logits, trained), r.utterances.labels) for name, r in read.items()
    }
    found: dict[str, Any] = {"recipe": recipe, "temperature": answering.temperature}
    found |= {f"left_out_{k}": v for k, v in mean_scores(read, answering, trained).items()}
    found |= {f"{name}_ua": scores["ua"] for name, scores in scored.items()}
    print(f"words: {', '.join(f'{k} {v}' for k, v in found.items())}", flush=True)
    return found


def together(network: Mapping[str, Read], phrases: Mapping[str, Read], share: float) -> dict[str, Read]:
    """The means of both logits, the phrases' with weight `share`."""
    return {
        name: Read(r.utterances, (1 - share) * r.logits + share * phrases[name].logits)
        for name, r in network.items()
    }


def best_phrases_share(
    network: Mapping[str, Read], phrases: Mapping[str, Read], trained: np.ndarray
) -> tuple[float, float]:
    """The share of the phrases with the least mean cross-entropy on corpora that were left out, each mean of
    logits taken at its best temperature and frequencies; and that cross-entropy.
    """

    def loss(share: float) -> float:
        read = together(network, phrases, share)
        return mean_scores(read, best_answering(read, trained), trained)["cross_entropy"]

    return min(((share, loss(share)) for share in SHARES), key=lambda found: found[1])


def answers_by_step(work: Path, read: Mapping[str, Read], trained: np.ndarray) -> list[dict[str, Any]]:
    """For each of `STEPS` from MELD's frequencies to equal ones, at the temperature that is best for the
    corpora that were left out: their mean scores, and those of the logits that were written for MELD's
    development part, which choose nothing.
    """
    table = pd.read_parquet(work / "text_validation.parquet")
    labels = np.array([EMOTIONS.index(name) for name in table["label"]])
    logits = table[[f"logit_{name}" for name in EMOTIONS]].to_numpy(float)
    rows = []
    for step in STEPS:
        answering = best_answering(read, trained, (step,))
        dev = answering.answers(logits, trained)
        row: dict[str, Any] = {"step": step, "temperature": answering.temperature}
        row |= {f"left_out_{k}": v for k, v in mean_scores(read, answering, trained).items()}
        row |= {f"dev_{k}": scores(dev, labels)[k] for k in ("ua", "accuracy", "ece", "cross_entropy")}
        row["dev_weighted_f1"] = round(metrics.score_predictions(labels, dev)["weighted_f1"], 4)
        rows.append(row)
    return rows


def left_out_figures(
    read: Mapping[str, Read], answering: Answering, trained: np.ndarray
) -> dict[str, dict[str, Any]]:
    """{"<corpus>, left out": scores} as the words answer."""
    return {
        f"{SOURCES[name].title}, left out": scores(answering.answers(r.logits, trained), r.utterances.labels)
        for name, r in read.items()
    }


def describe(stages: MoreStages, trained: np.ndarray, new: float) -> dict[str, Any]:
    """How to build encoder and head, and what they learned from.

    Args:
        stages: of the training.
        trained: (C,) class frequencies that the logits are under.
        new: share of the way from the words before; without any nothing was learned from the further corpora.
    """
    data, text = stages.data, stages.text
    learned = [_MELD | {"n": len(data.meld)}, _GOEMOTIONS | {"n": len(data.comments["train"])}]
    learned += [
        {"name": source.title, "n": len(data.more[name]), "licence": source.licence}
        for name, source in SOURCES.items()
        if new
    ]
    further = (
        f"{new:.0%} of the way to a further stage on six corpora" if new else "a further stage was no better"
    )
    return {
        "encoder": text.encoder,
        "encoder_options": {"delta": "text.safetensors", "context": text.context},
        "head": {"name": "words", "options": {}},
        # behind a vector lie its phrases' logits
        "dim": sentence_encoder(text.encoder).spec.dim + len(EMOTIONS),
        "prior": {name: round(float(p), 6) for name, p in zip(EMOTIONS, trained, strict=True)},
        "data": learned,
        "recipe": f"the words of the model before; {further}",
        "seed": stages.seed,
        "options": stages.options.to_json(),
        "command": f"python -m recipes.words --data DIR --work DIR --more --seed {stages.seed}",
    }
