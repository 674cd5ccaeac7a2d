"""Training of the default model's expert on words: adapters on MiniLM, first on GoEmotions, then on MELD.

Everything is chosen on dialogues held out of MELD's training part; the development part is measured at the end and chooses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
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
from mmer_core.calibration import fit_prior_share, fit_temperature, leaning_less
from mmer_core.default_model.text_corpora import Utterances, bare, hold_out, read_goemotions, read_meld
from mmer_core.default_model.text_trainer import EXPERT_PREFIX, Stage, TextTrainer, TextTraining
from mmer_core.encoders.text import MiniLmEncoder
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS

Judge = Callable[[tuple[str, ...]], np.ndarray]
#: What is tried; true if the training begins on GoEmotions.
RECIPES = {"adapters, MELD alone": False, "adapters, GoEmotions then MELD": True}


def train_text(data: Path, work: Path, seed: int = 0, options: TextTraining | None = None) -> dict[str, Any]:
    """Train on `data/meld` and `data/goemotions`; can be stopped and goes on at the last whole epoch.

    Writes to `work` text.safetensors (half precision: adapters `adapter.*` for the encoder minilm, `expert.*` for the words network), text.json (what
    this returns: how to build both, the prior, figures in [0, 1], what was tried) and text_validation.parquet (logits of MELD's development part).

    Raises:
        FileNotFoundError: a corpus is not in `data`.
        ValueError: a corpus is not as published, or `work` holds the state of a training with other data or options.
    """
    options = options or TextTraining()
    work.mkdir(parents=True, exist_ok=True)
    train, dev, first = read_meld(data / "meld", "train"), read_meld(data / "meld", "dev"), read_goemotions(data / "goemotions")
    learn, held = hold_out(train, options.held_out, seed)
    tried = _frozen(learn, held, dev)
    trainer = TextTrainer(options, seed)
    history: dict[str, list[dict[str, float]]] = {}

    def stage(name: str, start: Mapping[str, Tensor], corpus: Utterances, epochs: int, rate: float) -> dict[str, Tensor]:
        trainer.load(start)
        checkpoint = work / f"text_stage_{len(history)}.safetensors"
        history[name] = Stage(name, trainer, corpus, epochs=epochs, rate=rate, checkpoint=checkpoint).run()
        return trainer.tensors()

    fresh = trainer.tensors()
    starts = {False: fresh, True: stage("GoEmotions", fresh, first, options.first_epochs, options.first_rate)}
    held_logits = {}
    for recipe, begins in RECIPES.items():
        stage(recipe, starts[begins], learn, options.epochs, options.rate)
        tried.append(_tried(recipe, lambda texts: trainer.logits(trainer.tokens(texts)), held, dev))
        held_logits[recipe] = trainer.logits(trainer.tokens(held.texts))
    best = max(RECIPES, key=lambda recipe: next(row["held_out"] + row["held_out_bare"] for row in tried if row["recipe"] == recipe))
    trained = stage(f"{best}, all dialogues", starts[RECIPES[best]], train, options.epochs, options.rate)
    save_file({name: tensor.half() for name, tensor in trained.items()}, work / "text.safetensors")
    report = _report(options, seed, train, best, first)
    prior = np.array(list(report["prior"].values()))
    temperature = fit_temperature(held_logits[best], held.labels)
    share = fit_prior_share(held_logits[best] / temperature, held.labels, prior)
    report |= {
        "prior_share": share,
        "figures": _measure(work, options, dev, lambda logits: leaning_less(logits, temperature, prior, share)),
        "tried": tried,
        "history": history,
        "seconds": round(sum(row["seconds"] for epochs in history.values() for row in epochs)),
    }
    (work / "text.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"text: MELD dev weighted F1 {report['figures']['MELD dev']['weighted_f1']:.4f}", flush=True)
    return report


def _frozen(learn: Utterances, held: Utterances, dev: Utterances) -> list[dict[str, Any]]:
    """The baselines to beat: logistic regression on MiniLM as published, without and with copies that lack punctuation."""
    encoder = MiniLmEncoder()

    def vectors(texts: tuple[str, ...]) -> np.ndarray:
        # one window is enough for an utterance; what has no words becomes zeros
        return np.stack([rows[0] if len(rows) else np.zeros(encoder.spec.dim, np.float32) for rows in encoder.encode_texts(texts)])

    plain, stripped = vectors(learn.texts), vectors(tuple(map(bare, learn.texts)))
    tables = {"frozen, logistic regression": [plain], "frozen, logistic regression, half without punctuation": [plain, stripped]}
    rows = []
    for recipe, parts in tables.items():
        model = LogisticRegression(C=4.0, max_iter=1000).fit(np.concatenate(parts), np.tile(learn.labels, len(parts)))
        rows.append(_tried(recipe, partial(_regress, model, vectors), held, dev))
    return rows


def _regress(model: LogisticRegression, vectors: Judge, texts: tuple[str, ...]) -> np.ndarray:
    """(N, C) log probabilities; -inf for emotions that the training part lacks."""
    result = np.full((len(texts), len(EMOTIONS)), -np.inf)
    result[:, model.classes_] = model.predict_log_proba(vectors(texts))
    return result


def _tried(recipe: str, logits: Judge, held: Utterances, dev: Utterances) -> dict[str, Any]:
    """Weighted F1 of one recipe on the held-out dialogues, which choose, and on the development part, which does not."""
    row: dict[str, Any] = {"recipe": recipe}
    for name, part in (("held_out", held), ("dev", dev)):
        for suffix, texts in (("", part.texts), ("_bare", tuple(map(bare, part.texts)))):
            row[name + suffix] = round(metrics.score_predictions(part.labels, logits(texts))["weighted_f1"], 4)
    print(f"text: {', '.join(f'{k} {v}' for k, v in row.items())}", flush=True)
    return row


def _measure(work: Path, options: TextTraining, dev: Utterances, answer: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    """Figures of the weights as they were written, on MELD's development part as it is and without punctuation; writes its raw logits.

    `answer` makes of raw logits those that the shipped model answers with.
    """
    weights = work / "text.safetensors"
    encoder, expert = MiniLmEncoder(delta=weights), WordsNetwork(**_expert_options(options)).eval()
    expert.load_state_dict({k.removeprefix(EXPERT_PREFIX): v.float() for k, v in load_file(weights).items() if k.startswith(EXPERT_PREFIX)})
    logits = {
        name: _judge(encoder, expert, texts) for name, texts in (("MELD dev", dev.texts), ("MELD dev without punctuation", map(bare, dev.texts)))
    }
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
def _judge(encoder: MiniLmEncoder, expert: WordsNetwork, texts: Iterable[str]) -> np.ndarray:
    """(N, C) logits, one text after the other as the app does it."""
    rows = [torch.from_numpy(x if len(x) else np.zeros((1, encoder.spec.dim), np.float32)).unsqueeze(0) for x in encoder.encode_texts(tuple(texts))]
    return np.concatenate([expert(x, torch.zeros(x.shape[:2], dtype=torch.bool)).numpy() for x in rows])


def _expert_options(options: TextTraining) -> dict[str, Any]:
    return {"dim": 384, "classes": len(EMOTIONS), "hidden": options.hidden}


def _report(options: TextTraining, seed: int, train: Utterances, recipe: str, first: Utterances) -> dict[str, Any]:
    """How to build the expert and what it was made of."""
    frequency = np.bincount(train.labels, minlength=len(EMOTIONS)) / len(train)
    data = [{"name": "MELD, training part", "n": len(train), "licence": "GPL-3.0 repository; dialogue of a television series"}]
    if RECIPES[recipe]:
        data.append({"name": "GoEmotions, training part, comments with one label", "n": len(first), "licence": "Apache-2.0"})
    return {
        "encoder": "minilm",
        "encoder_options": {"delta": "text.safetensors"},
        "expert": "words",
        "expert_options": _expert_options(options),
        "prior": {emotion: round(float(p), 6) for emotion, p in zip(EMOTIONS, frequency, strict=True)},
        "data": data,
        "recipe": recipe,
        "seed": seed,
        "options": options.to_json(),
        "command": f"python -m mmer_core train-default --data DIR --work DIR --only text --seed {seed}",
    }
