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
from mmer_core.calibration import answering_under, halfway_to_equal
from mmer_core.default_model.text_corpora import Utterances, Way, bare, elsewhere, hold_out, read_goemotions, read_meld
from mmer_core.default_model.text_exam import Exam, scores, spread
from mmer_core.default_model.text_phrases import best_share, fit_phrases, join, judge_of, mixed
from mmer_core.default_model.text_recipes import RECIPES, Recipe, TextTraining
from mmer_core.default_model.text_reminder import blend, free_share
from mmer_core.default_model.text_stage import Stage
from mmer_core.default_model.text_teacher import answers_of, read_answers, write_answers
from mmer_core.default_model.text_trainer import EXPERT_PREFIX, TextTrainer, average, holding, sentence_encoder
from mmer_core.encoders.text import SentenceEncoder
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS

REMINDED = ", reminded of comments"
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
    train, dev = read_meld(data / "meld", "train"), read_meld(data / "meld", "dev")
    comments = {split: read_goemotions(data / "goemotions", split) for split in ("train", "dev", "test")}
    learn, held = hold_out(train, options.held_out, seed)
    exam = Exam(held, elsewhere(comments["dev"], learn.labels), dev)
    stages = _Stages(work, options, comments["train"], seed)
    tried = _frozen(options.encoder, learn, exam)
    trials, rows = {}, {}
    for name, recipe in ((name, RECIPES[name]) for name in options.recipes):
        trials[name] = stages.run(name, recipe, learn, seed)
        rows[name] = exam.row(name, holding(options, trials[name]).answer, options.in_dialogue > 0)
    best = max(rows, key=lambda name: exam.total(rows[name]))
    recipe, told = RECIPES[best], RECIPES[best].in_dialogue
    trial, kept = trials[best], 0.0
    if options.reminded_epochs:
        reminded = stages.remind(best, trial, learn)
        kept = free_share(options, trial, reminded, held.ways(told).values())
        trial = blend(trial, reminded, kept)
    chosen = holding(options, trial)
    if options.teaches:
        write_answers(work, chosen, train)
    phrases = judge_of(chosen.encoder, fit_phrases(chosen, learn, comments["train"]))
    share = best_share(chosen.answer, phrases, held.ways(told).values())
    beside = mixed(chosen.answer, phrases, share)
    for name, judge in {f"{best}{REMINDED}": chosen.answer, "phrases alone": phrases, f"{best}{REMINDED}, beside phrases": beside}.items():
        rows[name] = exam.row(name, judge, judge is not phrases and options.in_dialogue > 0)
    members = [stages.run(f"{best}, all dialogues, seed {member}", recipe, train, member) for member in range(seed, seed + options.seeds)]
    single = [scores("dev", dev.ways(told), holding(options, member).answer) for member in members]
    mean = average(members)
    if kept:
        mean = blend(mean, stages.remind(f"{best}, all dialogues", mean, train), kept)
    shipped = join(mean, fit_phrases(chosen, train, comments["train"]), share)
    save_file({name: tensor.half().contiguous() for name, tensor in shipped.items()}, work / "text.safetensors")
    report = _report(options, seed, best, {"MELD": train, "GoEmotions": comments["train"]})
    prior = np.array(list(report["prior"].values()))
    temperature, answered = exam.temperature(beside, told), halfway_to_equal(prior)  # people say things at other frequencies than MELD
    measured = _measure(work, report, dev, comments["test"], lambda logits: answering_under(logits, temperature, prior, answered))
    report |= {
        "reminded_share": kept,
        "phrases_share": share,
        "answer_prior": {name: float(value) for name, value in zip(EMOTIONS, answered, strict=True)},
        "figures": measured | spread(single),
        "tried": [*tried, *rows.values()],
        "history": stages.history,
        "seconds": round(sum(row["seconds"] for epochs in stages.history.values() for row in epochs)),
    }
    (work / "text.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"text: MELD dev weighted F1 {measured['MELD dev']['weighted_f1']:.4f}", flush=True)
    return report


class _Stages:
    """The stages of a training, each with a checkpoint in `work` by its number; the first is on comments, of which the last ones remind."""

    def __init__(self, work: Path, options: TextTraining, comments: Utterances, seed: int) -> None:
        self.work, self.options, self.comments, self.seed = work, options, comments, seed
        self.history: dict[str, list[dict[str, float]]] = {}
        trainer = TextTrainer(options, seed)
        self._fresh = trainer.tensors()
        self._run("GoEmotions", trainer, corpus=comments, epochs=options.first_epochs, rate=options.first_rate)
        self._first = trainer.tensors()

    def run(self, name: str, recipe: Recipe, corpus: Utterances, seed: int) -> dict[str, Tensor]:
        """Train by a recipe on MELD's utterances. Returns what was trained."""
        options = self.options
        trainer = TextTrainer(options, seed)
        trainer.load(self._first if recipe.first else self._fresh)
        self._run(
            name,
            trainer,
            corpus=corpus,
            epochs=options.taught_epochs if recipe.taught else options.epochs,
            rate=options.rate,
            in_dialogue=options.in_dialogue if recipe.in_dialogue else 0.0,
            answers=read_answers(self.work / TEACHER, corpus) if recipe.taught else None,
            taught=options.taught if recipe.taught else 0.0,
        )
        return trainer.tensors()

    def remind(self, name: str, trained: Mapping[str, Tensor], corpus: Utterances) -> dict[str, Tensor]:
        """Train on comments again what was trained on MELD's utterances, to which it keeps its answers."""
        options = self.options
        trainer = holding(options, trained, self.seed)
        # factors of a mean lie side by side: each is moved, so that their product moves so many times as far
        self._run(
            f"{name}{REMINDED}",
            trainer,
            corpus=corpus,
            epochs=options.reminded_epochs,
            rate=options.reminded_rate * options.rank / trainer.options.rank,
            in_dialogue=options.in_dialogue,
            answers=answers_of(trainer, corpus),
            taught=1.0,
            rehearsal=self.comments,
        )
        return trainer.tensors()

    def _run(self, name: str, trainer: TextTrainer, **how: Any) -> None:
        checkpoint = self.work / f"text_stage_{len(self.history)}.safetensors"
        self.history[name] = Stage(name, trainer, checkpoint=checkpoint, **how).run()


def _frozen(name: str, learn: Utterances, exam: Exam) -> list[dict[str, Any]]:
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
        rows.append(exam.row(recipe, partial(_regress, model, vectors)))
    return rows


def _regress(model: LogisticRegression, vectors: Callable[[Sequence[str]], np.ndarray], texts: Sequence[str], _before: object) -> np.ndarray:
    """(N, C) log probabilities; -inf for emotions that the training part lacks."""
    result = np.full((len(texts), len(EMOTIONS)), -np.inf)
    result[:, model.classes_] = model.predict_log_proba(vectors(texts))
    return result


def _measure(
    work: Path, report: Mapping[str, Any], dev: Utterances, comments: Utterances, answer: Callable[[np.ndarray], np.ndarray]
) -> dict[str, Any]:
    """Figures of the weights as they were written, on MELD's development part as it is, without punctuation and in its dialogues, and on comments.

    Writes the raw logits of the part as it is. `answer` makes of raw logits those that the shipped model answers with.
    """
    weights = work / "text.safetensors"
    encoder = sentence_encoder(report["encoder"], delta=weights, context=report["encoder_options"].get("context", 0))
    expert = WordsNetwork(**report["expert_options"]).eval()
    expert.load_state_dict({k.removeprefix(EXPERT_PREFIX): v.float() for k, v in load_file(weights).items() if k.startswith(EXPERT_PREFIX)})
    names = {"": "MELD dev", "_bare": "MELD dev without punctuation", "_in_dialogue": "MELD dev in its dialogues"}
    ways = {names[k]: way for k, way in dev.ways(encoder.context > 0).items()} | {"GoEmotions test": Way(comments.texts, None, comments.labels)}
    logits = {name: way.ask(partial(_judge, encoder, expert)) for name, way in ways.items()}
    table = pd.DataFrame({"id": dev.ids, "label": [EMOTIONS[i] for i in dev.labels], "group": dev.groups})
    table[[f"logit_{name}" for name in EMOTIONS]] = logits["MELD dev"]
    table.to_parquet(work / "text_validation.parquet", index=False)
    figures = {}
    for name, values in logits.items():
        confusion = metrics.confusion_matrix(ways[name].labels, answer(values).argmax(1), len(EMOTIONS))
        f1 = np.nan_to_num(metrics.per_class(confusion)["f1"])
        figures[name] = metrics.scores(confusion) | {"f1": {emotion: round(float(v), 4) for emotion, v in zip(EMOTIONS, f1, strict=True)}}
    return figures


@torch.inference_mode()
def _judge(encoder: SentenceEncoder, expert: WordsNetwork, texts: Sequence[str], before: Sequence[Sequence[str]] | None) -> np.ndarray:
    """(N, C) logits, one text after the other as the app does it."""
    vectors = encoder.encode_texts(texts, before)
    rows = [torch.from_numpy(x if len(x) else np.zeros((1, encoder.spec.dim), np.float32)).unsqueeze(0) for x in vectors]
    return np.concatenate([expert(x, torch.zeros(x.shape[:2], dtype=torch.bool)).numpy() for x in rows])


def _report(options: TextTraining, seed: int, recipe: str, learned: Mapping[str, Utterances]) -> dict[str, Any]:
    """How to build the expert and what it was made of: what it learned of MELD and of GoEmotions."""
    step = "text" if options.encoder == "minilm" else "large-text"
    train, comments = learned["MELD"], learned["GoEmotions"]
    frequency = np.bincount(train.labels, minlength=len(EMOTIONS)) / len(train)
    data = [{"name": "MELD, training part", "n": len(train), "licence": "GPL-3.0 repository; dialogue of a television series"}]
    if RECIPES[recipe].first:
        data.append({"name": "GoEmotions, training part, comments with one label", "n": len(comments), "licence": "Apache-2.0"})
    width = sentence_encoder(options.encoder).spec.dim
    return {
        "encoder": options.encoder,
        "encoder_options": {"delta": "text.safetensors"} | ({"context": options.context} if RECIPES[recipe].in_dialogue else {}),
        "expert": "words",
        "expert_options": {"dim": width + len(EMOTIONS), "classes": len(EMOTIONS)},  # behind a vector lie its phrases' logits
        "prior": {emotion: round(float(p), 6) for emotion, p in zip(EMOTIONS, frequency, strict=True)},
        "data": data,
        "recipe": recipe,
        "seed": seed,
        "options": options.to_json(),
        "command": f"python -m mmer_core train-default --data DIR --work DIR --only {step} --seed {seed}",
    }
