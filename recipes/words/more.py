"""The recipe of words that go on learning, so that they read strangers better: `train_more_words`; what is
trained and why stands in `more_stages`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import answering_under
from recipes.words.corpora import under_own_prior
from recipes.words.evaluation import EvaluationSuite
from recipes.words.more_report import (
    answers_by_step,
    describe,
    left_out_figures,
    stranger_row,
    together,
)
from recipes.words.more_stages import FOLDS, MoreData, MoreStages, MoreTraining
from recipes.words.more_trials import Shares, Trial, choose_shares, left_out
from recipes.words.network import between, classifier_of
from recipes.words.phrases import fit_phrases, join
from recipes.words.shipped import ShippedWords
from recipes.words.strangers import Read, best_answering, write_read
from recipes.words.train import measure

BEFORE, STRANGERS = "text_strangers_before.parquet", "text_strangers.parquet"


def train_more_words(
    data: Path,
    work: Path,
    seed: int = 0,
    base: Path = DEFAULT_CHECKPOINT,
    options: MoreTraining | None = None,
) -> dict[str, Any]:
    """Go on training the words of the model in `base` on `data/meld`, `data/goemotions` and `data/texts`; can
    be stopped and goes on at the last whole epoch.

    Writes to `work` the files of `train.train_words` and, for every corpus of `more_corpora.SOURCES`, the raw
    logits of a network that was trained without it, under MELD's class frequencies: by the words in `base`
    (text_strangers_before.parquet) and by a trial of this recipe (text_strangers.parquet).

    Raises:
        FileNotFoundError: a corpus or a file of `base` is missing.
        ValueError: a corpus is not as published, or `work` holds the state of a training with other data or
            options.
    """
    work.mkdir(parents=True, exist_ok=True)
    shipped, corpora = ShippedWords.read(base), MoreData.read(data)
    stages = MoreStages(work, shipped, corpora, options or MoreTraining(), seed)
    prior = np.bincount(corpora.meld.labels, minlength=len(EMOTIONS)) / len(corpora.meld)
    before = {
        name: Read(part, stages.shipped_predictor(part.texts, None)) for name, part in corpora.more.items()
    }
    write_read(work / BEFORE, before)
    trials = [Trial(stages, groups) for groups in FOLDS]
    choice = choose_shares(trials, prior)
    after = together(left_out(trials, choice.new), left_out(trials), choice.phrases)
    write_read(work / STRANGERS, after)
    answering = best_answering(after, prior, (stages.options.step,))
    tried = [
        stranger_row("shipped words, on corpora that are strangers to them", before, prior),
        *choice.tried,
        *_known_rows(stages, trials, choice),
    ]
    _write_final(stages, choice, work / "text.safetensors")
    report = describe(stages, prior, choice.new)
    answered = answering.frequencies(prior)
    calibrated = partial(answering_under, temperature=answering.temperature, trained=prior, answered=answered)
    figures = measure(work, report, corpora.dev, corpora.comments["test"], calibrated)
    report |= {
        "phrases_share": choice.phrases,
        "new_share": choice.new,
        "temperature": answering.temperature,
        "answer_prior": {name: float(value) for name, value in zip(EMOTIONS, answered, strict=True)},
        "figures": figures | left_out_figures(after, answering, prior),
        "answers": answers_by_step(work, after, prior),
        "tried": tried,
        "history": stages.history,
        "seconds": round(stages.seconds),
    }
    write_json(work / "text.json", report)
    return report


def _write_final(stages: MoreStages, choice: Shares, path: Path) -> None:
    """Train on all corpora if that was chosen; write adapters, phrases and head in half precision."""
    data, tensors = stages.data, stages.shipped.tensors
    if choice.new:
        tensors = between(tensors, stages.final().tensors(), choice.new)
    final = classifier_of(stages.text, tensors)
    table = fit_phrases(final, data.meld, data.comments["train"], tuple(data.more.values()))
    written = join(final.tensors(), table, choice.phrases)
    save_file({name: tensor.half().contiguous() for name, tensor in written.items()}, path)


def _known_rows(stages: MoreStages, trials: Sequence[Trial], choice: Shares) -> list[dict[str, Any]]:
    """Scores of the shipped words and of the trials on MELD and on GoEmotions, which they have learned."""
    data = stages.data
    comments = under_own_prior(data.comments["dev"], data.meld.labels)
    suite = EvaluationSuite(stages.held_out, comments, data.dev)
    predictors = {"shipped words": stages.shipped_predictor}
    predictors |= {f"{choice.name}, {trial.name}": trial.predictor(choice) for trial in trials}
    return [suite.row(name, predictor, in_dialogue=True) for name, predictor in predictors.items()]
