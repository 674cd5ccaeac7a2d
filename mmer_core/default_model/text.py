"""Training of the expert on words: adapters on MiniLM, or on MPNet for the large model, first on GoEmotions, then on MELD.

Everything is chosen on dialogues held out of MELD's training part; the development part is measured at the end and chooses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmer_core import metrics
from mmer_core.calibration import answering_under, fit_temperature, halfway_to_equal, negative_log_likelihood
from mmer_core.default_model.text_corpora import Judge, Utterances, bare, hold_out, read_goemotions, read_meld
from mmer_core.default_model.text_phrases import best_share, fit_phrases, join, judge_of, mixed
from mmer_core.default_model.text_recipes import RECIPES, Recipe, TextTraining
from mmer_core.default_model.text_stage import Stage
from mmer_core.default_model.text_teacher import read_answers, write_answers
from mmer_core.default_model.text_trainer import EXPERT_PREFIX, TextTrainer, average, sentence_encoder
from mmer_core.encoders.text import SentenceEncoder
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS

TEACHER = "large"  # the folder in `work` in which the large model's words are trained


def train_text(data: Path, work: Path, seed: int = 0, options: TextTraining | None = None) -> dict[str, Any]:
    """Train on `data/meld` and `data/goemotions`; can be stopped and goes on at the last whole epoch.

    Writes to `work` text.safetensors (half precision: adapters `adapter.*` and the table of phrases `phrases.*` for the encoder, `expert.*` for the
    words network), text.json (what this returns: how to build them, the prior, figures in [0, 1], what was tried) and text_validation.parquet
    (logits of MELD's development part).

    With `options.teaches` also text_answers.parquet, from which another training learns (see `text_teacher`) that finds it in `work/large`.

    Raises:
        FileNotFoundError: a corpus is not in `data`, or a recipe's teacher has not been trained.
        ValueError: a corpus is not as published, or `work` holds the state of a training with other data or options.
    """
    options = options or TextTraining()
    work.mkdir(parents=True, exist_ok=True)
    train, dev, first = read_meld(data / "meld", "train"), read_meld(data / "meld", "dev"), read_goemotions(data / "goemotions")
    learn, held = hold_out(train, options.held_out, seed)
    stages = _Stages(work, options)
    trainer = TextTrainer(options, seed)
    fresh = trainer.tensors()
    starts = {False: fresh, True: stages.run("GoEmotions", trainer, fresh, first)}
    tried, trials = _frozen(options.encoder, learn, held, dev), {}
    recipes = {name: RECIPES[name] for name in options.recipes}
    for name, recipe in recipes.items():
        trials[name] = stages.run(name, trainer, starts[recipe.first], learn, recipe)
        tried.append(_tried(name, trainer.answer, held, dev, options.in_dialogue > 0))
    rows = [row for row in tried if row["recipe"] in recipes]
    best = max(rows, key=lambda row: sum(row["held_out" + k] for k in held.ways(options.in_dialogue > 0)))["recipe"]
    trainer.load(trials[best])
    if options.teaches:
        write_answers(work, trainer, train)
    told = RECIPES[best].in_dialogue
    phrases = judge_of(trainer.encoder, fit_phrases(trainer, learn))
    share = best_share(trainer.answer, phrases, held, told)
    beside = mixed(trainer.answer, phrases, share)
    tried.append(_tried("phrases alone", phrases, held, dev))
    tried.append(_tried(f"{best}, beside phrases", beside, held, dev, options.in_dialogue > 0))
    trained, single = [], []
    for member in range(seed, seed + options.seeds):
        again = TextTrainer(options, member)
        trained.append(stages.run(f"{best}, all dialogues, seed {member}", again, starts[RECIPES[best].first], train, RECIPES[best]))
        single.append(_scores("dev", dev, _answers(again.answer, dev, told)))
    shipped = join(average(trained), fit_phrases(trainer, train), share)
    save_file({name: tensor.half().contiguous() for name, tensor in shipped.items()}, work / "text.safetensors")
    report = _report(trainer, seed, train, best, first)
    prior = np.array(list(report["prior"].values()))
    temperature, answered = _temperature(beside, held, told), halfway_to_equal(prior)  # people say things at other frequencies than MELD
    report |= {
        "phrases_share": share,
        "answer_prior": {name: float(value) for name, value in zip(EMOTIONS, answered, strict=True)},
        "figures": _measure(work, report, dev, lambda logits: answering_under(logits, temperature, prior, answered)) | _spread(single),
        "tried": tried,
        "history": stages.history,
        "seconds": round(sum(row["seconds"] for epochs in stages.history.values() for row in epochs)),
    }
    (work / "text.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"text: MELD dev weighted F1 {report['figures']['MELD dev']['weighted_f1']:.4f}", flush=True)
    return report


def _temperature(judge: Judge, held: Utterances, told: bool) -> float:
    """That of answers to utterances alone and, where turns before them are `told`, behind these."""
    logits = [judge(*way) for k, way in held.ways(told).items() if k != "_bare"]
    return fit_temperature(np.concatenate(logits), np.tile(held.labels, len(logits)))


class _Stages:
    """The stages of a training, each with a checkpoint in `work` by its number."""

    def __init__(self, work: Path, options: TextTraining) -> None:
        self.work, self.options = work, options
        self.history: dict[str, list[dict[str, float]]] = {}

    def run(
        self, name: str, trainer: TextTrainer, start: Mapping[str, Tensor], corpus: Utterances, recipe: Recipe | None = None
    ) -> dict[str, Tensor]:
        """Train from `start` on; without a recipe on GoEmotions' terms. Returns what was trained."""
        options = self.options
        trainer.load(start)
        epochs, rate = (options.epochs, options.rate) if recipe else (options.first_epochs, options.first_rate)
        epochs = options.taught_epochs if recipe and recipe.taught else epochs
        told = options.in_dialogue if recipe and recipe.in_dialogue else 0.0
        answers = read_answers(self.work / TEACHER, corpus) if recipe and recipe.taught else None
        checkpoint = self.work / f"text_stage_{len(self.history)}.safetensors"
        stage = Stage(name, trainer, corpus, epochs=epochs, rate=rate, checkpoint=checkpoint, in_dialogue=told, answers=answers)
        self.history[name] = stage.run()
        return trainer.tensors()


def _frozen(name: str, learn: Utterances, held: Utterances, dev: Utterances) -> list[dict[str, Any]]:
    """The baselines to beat: logistic regression on the encoder as published, without and with copies that lack punctuation."""
    encoder = sentence_encoder(name)

    def vectors(texts: Sequence[str]) -> np.ndarray:
        # one window is enough for an utterance; what has no words becomes zeros
        return np.stack([rows[0] if len(rows) else np.zeros(encoder.spec.dim, np.float32) for rows in encoder.encode_texts(texts)])

    plain, stripped = vectors(learn.texts), vectors(tuple(map(bare, learn.texts)))
    tables = {"frozen, logistic regression": [plain], "frozen, logistic regression, half without punctuation": [plain, stripped]}
    rows = []
    for recipe, parts in tables.items():
        model = LogisticRegression(C=4.0, max_iter=1000).fit(np.concatenate(parts), np.tile(learn.labels, len(parts)))
        rows.append(_tried(recipe, partial(_regress, model, vectors), held, dev))
    return rows


def _regress(model: LogisticRegression, vectors: Callable[[Sequence[str]], np.ndarray], texts: Sequence[str], _before: object) -> np.ndarray:
    """(N, C) log probabilities; -inf for emotions that the training part lacks."""
    result = np.full((len(texts), len(EMOTIONS)), -np.inf)
    result[:, model.classes_] = model.predict_log_proba(vectors(texts))
    return result


def _tried(recipe: str, logits: Judge, held: Utterances, dev: Utterances, in_dialogue: bool = False) -> dict[str, Any]:
    """Weighted F1 of one recipe, before class frequencies are weighed, on the held-out dialogues, which choose, and on the development part, which
    does not; and cross-entropy on the former at its best temperature, utterances alone."""
    said = _answers(logits, held, in_dialogue)
    row = {"recipe": recipe} | _scores("held_out", held, said) | _scores("dev", dev, _answers(logits, dev, in_dialogue))
    alone = said[""]
    row["held_out_cross_entropy"] = round(negative_log_likelihood(alone / fit_temperature(alone, held.labels), held.labels), 4)
    print(f"text: {', '.join(f'{k} {v}' for k, v in row.items())}", flush=True)
    return row


def _answers(judge: Judge, part: Utterances, in_dialogue: bool) -> dict[str, np.ndarray]:
    """Logits (N, C) for a part met in each way."""
    return {k: judge(*way) for k, way in part.ways(in_dialogue).items()}


def _scores(name: str, part: Utterances, said: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Weighted F1 of the answers to a part met in each way."""
    return {name + k: round(metrics.score_predictions(part.labels, logits)["weighted_f1"], 4) for k, logits in said.items()}


def _spread(single: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Mean and standard deviation of each seed's weighted F1 on the development part, before the class frequencies are weighed."""
    if len(single) < 2:
        return {}
    columns = {k: np.array([row[k] for row in single]) for k in single[0]}
    return {
        f"MELD dev, {len(single)} seeds one by one": {
            f"weighted_f1{k.removeprefix('dev')}_{what}": round(float(value), 4)
            for k, v in columns.items()
            for what, value in (("mean", v.mean()), ("sd", v.std(ddof=1)))
        }
    }


def _measure(work: Path, report: Mapping[str, Any], dev: Utterances, answer: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    """Figures of the weights as they were written, on MELD's development part as it is, without punctuation and in its dialogues.

    Writes the raw logits of the part as it is. `answer` makes of raw logits those that the shipped model answers with.
    """
    weights = work / "text.safetensors"
    encoder = sentence_encoder(report["encoder"], delta=weights, context=report["encoder_options"].get("context", 0))
    expert = WordsNetwork(**report["expert_options"]).eval()
    expert.load_state_dict({k.removeprefix(EXPERT_PREFIX): v.float() for k, v in load_file(weights).items() if k.startswith(EXPERT_PREFIX)})
    names = {"": "MELD dev", "_bare": "MELD dev without punctuation", "_in_dialogue": "MELD dev in its dialogues"}
    logits = {names[k]: _judge(encoder, expert, *way) for k, way in dev.ways(encoder.context > 0).items()}
    table = pd.DataFrame({"id": dev.ids, "label": [EMOTIONS[i] for i in dev.labels], "group": dev.groups})
    table[[f"logit_{name}" for name in EMOTIONS]] = logits["MELD dev"]
    table.to_parquet(work / "text_validation.parquet", index=False)
    figures = {}
    for name, values in logits.items():
        confusion = metrics.confusion_matrix(dev.labels, answer(values).argmax(1), len(EMOTIONS))
        f1 = np.nan_to_num(metrics.per_class(confusion)["f1"])
        figures[name] = metrics.scores(confusion) | {"f1": {emotion: round(float(v), 4) for emotion, v in zip(EMOTIONS, f1, strict=True)}}
    return figures


@torch.inference_mode()
def _judge(encoder: SentenceEncoder, expert: WordsNetwork, texts: Sequence[str], before: Sequence[Sequence[str]] | None) -> np.ndarray:
    """(N, C) logits, one text after the other as the app does it."""
    vectors = encoder.encode_texts(texts, before)
    rows = [torch.from_numpy(x if len(x) else np.zeros((1, encoder.spec.dim), np.float32)).unsqueeze(0) for x in vectors]
    return np.concatenate([expert(x, torch.zeros(x.shape[:2], dtype=torch.bool)).numpy() for x in rows])


def _report(trainer: TextTrainer, seed: int, train: Utterances, recipe: str, first: Utterances) -> dict[str, Any]:
    """How to build the expert and what it was made of; `train` is what it learned from of MELD."""
    options = trainer.options
    step = "text" if options.encoder == "minilm" else "large-text"
    frequency = np.bincount(train.labels, minlength=len(EMOTIONS)) / len(train)
    data = [{"name": "MELD, training part", "n": len(train), "licence": "GPL-3.0 repository; dialogue of a television series"}]
    if RECIPES[recipe].first:
        data.append({"name": "GoEmotions, training part, comments with one label", "n": len(first), "licence": "Apache-2.0"})
    return {
        "encoder": options.encoder,
        "encoder_options": {"delta": "text.safetensors"} | ({"context": options.context} if RECIPES[recipe].in_dialogue else {}),
        "expert": "words",
        "expert_options": {"dim": trainer.encoder.spec.dim + len(EMOTIONS), "classes": len(EMOTIONS)},  # behind a vector lie its phrases' logits
        "prior": {emotion: round(float(p), 6) for emotion, p in zip(EMOTIONS, frequency, strict=True)},
        "data": data,
        "recipe": recipe,
        "seed": seed,
        "options": options.to_json(),
        "command": f"python -m mmer_core train-default --data DIR --work DIR --only {step} --seed {seed}",
    }
