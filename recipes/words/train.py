"""The recipe of the shipped text networks: adapters on MiniLM, or on MPNet for the large model, first on
GoEmotions, then on MELD.

Everything is chosen on dialogues held out of MELD's training part, and on comments of GoEmotions' development
part; MELD's development part is measured at the end and chooses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmer_core import metrics
from mmer_core.encoders.sentences import SentenceEncoder
from mmer_core.fusion.heads.words import WordsNetwork
from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import answering_under, halfway_to_equal
from recipes.words.corpora import (
    Condition,
    Predictor,
    Utterances,
    hold_out,
    read_goemotions,
    read_meld,
    under_own_prior,
)
from recipes.words.distillation import SOFT_LABELS, TRIAL_SOFT_LABELS, read_soft_labels, write_soft_labels
from recipes.words.evaluation import EvaluationSuite, scores, spread
from recipes.words.network import HEAD_PREFIX, TextClassifier, average, classifier_of, sentence_encoder
from recipes.words.phrases import best_share, fit_phrases, join, mixed, phrase_predictor
from recipes.words.recipes import RECIPES, TextTraining
from recipes.words.selection import REPLAY, Choice, choose
from recipes.words.stages import Stages

TEACHER = "large"  # the folder in `work` in which the large model's words are trained
_FIGURES = {
    "": "MELD dev",
    "_bare": "MELD dev without punctuation",
    "_in_dialogue": "MELD dev in its dialogues",
}


def train_words(data: Path, work: Path, seed: int = 0, options: TextTraining | None = None) -> dict[str, Any]:
    """Train on `data/meld` and `data/goemotions`; can be stopped and goes on at the last whole epoch.

    Writes to `work` text.safetensors (half precision: adapters `adapter.*` and the table of phrases
    `phrases.*` for the encoder, `expert.*` for the head), text.json (what this returns: how to build them,
    the prior, figures in [0, 1], what was tried) and text_validation.parquet (logits of MELD's development
    part). With `options.writes_soft_labels` also the tables of `distillation`, which another training looks
    for in `work/large`.

    Raises:
        FileNotFoundError: a corpus is not in `data`, or a recipe's teacher has not been trained.
        ValueError: a corpus is not as published, or `work` holds the state of a training with other data or
            options.
    """
    options = options or TextTraining()
    work.mkdir(parents=True, exist_ok=True)
    train, dev = read_meld(data / "meld", "train"), read_meld(data / "meld", "dev")
    comments = {split: read_goemotions(data / "goemotions", split) for split in ("train", "dev", "test")}
    learn, held_out = hold_out(train, options.held_out, seed)
    if any(RECIPES[name].distilled for name in options.recipes):  # said before the first stage takes its time
        for name, part in ((TRIAL_SOFT_LABELS, learn), (SOFT_LABELS, train)):
            read_soft_labels(work / TEACHER / name, part)
    suite = EvaluationSuite(held_out, under_own_prior(comments["dev"], learn.labels), dev)
    stages = Stages(work, work / TEACHER, options, comments["train"], seed)
    choice = choose(options, stages, learn, suite, seed)
    in_dialogue = RECIPES[choice.recipe].in_dialogue
    trial = classifier_of(options, choice.trial)
    share, predictor, rows = _with_phrases(choice, trial, learn, comments["train"], suite)
    members = [member(choice, stages, train, number) for number in range(seed, seed + options.seeds)]
    single = [
        scores("dev", dev.conditions(in_dialogue), classifier_of(options, one).predict) for one in members
    ]
    final = classifier_of(options, average(members))
    if options.writes_soft_labels:
        write_soft_labels(work / TRIAL_SOFT_LABELS, trial, train)
        write_soft_labels(work / SOFT_LABELS, final, train)
    shipped = join(final.tensors(), fit_phrases(final, train, comments["train"]), share)
    save_file({name: t.half().contiguous() for name, t in shipped.items()}, work / "text.safetensors")
    report = _report(options, seed, choice, train, comments["train"])
    prior = np.array(list(report["prior"].values()))
    temperature = suite.temperature(predictor, in_dialogue)
    answered = halfway_to_equal(prior)  # people say things at other frequencies than MELD
    calibrated = partial(answering_under, temperature=temperature, trained=prior, answered=answered)
    measured = measure(work, report, dev, comments["test"], calibrated)
    report |= {
        "phrases_share": share,
        "answer_prior": {name: float(value) for name, value in zip(EMOTIONS, answered, strict=True)},
        "figures": measured | spread(single),
        "tried": [*choice.tried, *rows],
        "history": {name: list(fitted.history) for name, fitted in stages.fitted.items()},
        "seconds": round(sum(fitted.seconds for fitted in stages.fitted.values())),
    }
    write_json(work / "text.json", report)
    print(f"words: MELD dev weighted F1 {measured['MELD dev']['weighted_f1']:.4f}", flush=True)
    return report


def member(choice: Choice, stages: Stages, train: Utterances, seed: int) -> dict[str, Tensor]:
    """The tensors of the choice, trained on all dialogues with one seed."""
    trained = []
    for replay in choice.replay:
        name = f"{choice.recipe}{REPLAY if replay else ''}, all dialogues, seed {seed}"
        trained.append(stages.run(name, RECIPES[choice.recipe], train, seed, replay=replay))
    return average(trained)


def _with_phrases(
    choice: Choice,
    trial: TextClassifier,
    learn: Utterances,
    comments: Utterances,
    suite: EvaluationSuite,
) -> tuple[float, Predictor, list[dict[str, Any]]]:
    """The share of phrases beside the choice, by the held-out dialogues; the predictor with that share; and
    the scores of the phrases alone and of the predictor.
    """
    phrases = phrase_predictor(trial.encoder, fit_phrases(trial, learn, comments))
    conditions = suite.held_out.conditions(RECIPES[choice.recipe].in_dialogue)
    share = best_share(trial.predict, phrases, conditions.values())
    both = mixed(trial.predict, phrases, share)
    rows = [
        suite.row("phrases alone", phrases),
        suite.row(f"{choice.name}, beside phrases", both, trial.options.in_dialogue > 0),
    ]
    return share, both, rows


def measure(
    work: Path,
    report: Mapping[str, Any],
    dev: Utterances,
    comments: Utterances,
    calibrated: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Any]:
    """Figures of the weights as they were written to `work`, on MELD's development part under all conditions,
    and on comments; writes the raw logits of that part as it is.

    Args:
        calibrated: raw logits to those that the shipped model answers with.
    """
    weights = work / "text.safetensors"
    context = report["encoder_options"].get("context", 0)
    encoder = sentence_encoder(report["encoder"], delta=weights, context=context)
    head = WordsNetwork(report["dim"], len(EMOTIONS)).eval()
    tensors = {k: t.float() for k, t in load_file(weights).items() if k.startswith(HEAD_PREFIX)}
    head.load_state_dict({k.removeprefix(HEAD_PREFIX): t for k, t in tensors.items()})
    conditions = {_FIGURES[k]: c for k, c in dev.conditions(context > 0).items()}
    conditions["GoEmotions test"] = Condition(comments.texts, None, comments.labels)
    logits = {name: c.logits(partial(_predict, encoder, head)) for name, c in conditions.items()}
    table = pd.DataFrame({"id": dev.ids, "label": [EMOTIONS[i] for i in dev.labels], "group": dev.groups})
    table[[f"logit_{name}" for name in EMOTIONS]] = logits["MELD dev"]
    table.to_parquet(work / "text_validation.parquet", index=False)
    figures = {}
    for name, values in logits.items():
        predicted = calibrated(values).argmax(1)
        confusion = metrics.confusion_matrix(conditions[name].labels, predicted, len(EMOTIONS))
        f1 = np.nan_to_num(metrics.per_class(confusion)["f1"])
        by_emotion = {emotion: round(float(v), 4) for emotion, v in zip(EMOTIONS, f1, strict=True)}
        figures[name] = metrics.scores(confusion) | {"f1": by_emotion}
    return figures


@torch.inference_mode()
def _predict(
    encoder: SentenceEncoder,
    head: WordsNetwork,
    texts: Sequence[str],
    context: Sequence[Sequence[str]] | None,
) -> np.ndarray:
    """(N, C) logits, one text after the other as the app computes them."""
    nothing = np.zeros((1, encoder.spec.dim), np.float32)
    rows = [torch.from_numpy(x if len(x) else nothing)[None] for x in encoder.encode_texts(texts, context)]
    return np.concatenate([head(x, torch.zeros(x.shape[:2], dtype=torch.bool)).numpy() for x in rows])


def _report(
    options: TextTraining, seed: int, choice: Choice, train: Utterances, comments: Utterances
) -> dict[str, Any]:
    """How to build encoder and head, and what they learned of MELD and of GoEmotions."""
    step = "words" if options.encoder == "minilm" else "large-words"
    recipe = RECIPES[choice.recipe]
    frequency = np.bincount(train.labels, minlength=len(EMOTIONS)) / len(train)
    data = [
        {
            "name": "MELD, training part",
            "n": len(train),
            "licence": "GPL-3.0 repository; dialogue of a television series",
        }
    ]
    if recipe.pretraining:
        data.append(
            {
                "name": "GoEmotions, training part, comments with one label",
                "n": len(comments),
                "licence": "Apache-2.0",
            }
        )
    context = {"context": options.context} if recipe.in_dialogue else {}
    return {
        "encoder": options.encoder,
        "encoder_options": {"delta": "text.safetensors", **context},
        "head": {"name": "words", "options": {}},
        # behind a vector lie its phrases' logits
        "dim": sentence_encoder(options.encoder).spec.dim + len(EMOTIONS),
        "prior": {emotion: round(float(p), 6) for emotion, p in zip(EMOTIONS, frequency, strict=True)},
        "data": data,
        "recipe": choice.name,
        "seed": seed,
        "options": {**options.to_json(), "recipes": list(options.recipes)},
        "command": f"python -m recipes --data DIR --work DIR --only {step} --seed {seed}",
    }
