"""Training of the expert on words: adapters on MiniLM, or on MPNet for the large model, first on GoEmotions, then on MELD.

Everything is chosen on dialogues held out of MELD's training part, and on comments of GoEmotions' development part; MELD's development part is
measured at the end and chooses nothing.
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
from torch import Tensor

from mmer_core import metrics
from mmer_core.calibration import answering_under, halfway_to_equal
from mmer_core.default_model.text_choice import REHEARSING, Choice, choose
from mmer_core.default_model.text_corpora import Judge, Utterances, Way, elsewhere, hold_out, read_goemotions, read_meld
from mmer_core.default_model.text_exam import Exam, scores, spread
from mmer_core.default_model.text_phrases import best_share, fit_phrases, join, judge_of, mixed
from mmer_core.default_model.text_recipes import RECIPES, TextTraining
from mmer_core.default_model.text_stage import Stages
from mmer_core.default_model.text_teacher import ANSWERS, TRIAL_ANSWERS, write_answers
from mmer_core.default_model.text_trainer import EXPERT_PREFIX, TextTrainer, average, holding, sentence_encoder
from mmer_core.encoders.text import SentenceEncoder
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS

TEACHER = "large"  # the folder in `work` in which the large model's words are trained


def train_text(data: Path, work: Path, seed: int = 0, options: TextTraining | None = None) -> dict[str, Any]:
    """Train on `data/meld` and `data/goemotions`; can be stopped and goes on at the last whole epoch.

    Writes to `work` text.safetensors (half precision: adapters `adapter.*` and the table of phrases `phrases.*` for the encoder, `expert.*` for the
    words network), text.json (what this returns: how to build them, the prior, figures in [0, 1], what was tried) and text_validation.parquet
    (logits of MELD's development part).

    With `options.teaches` also the tables of answers from which another training learns (see `text_teacher`) that finds them in `work/large`.

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
    stages = Stages(work, work / TEACHER, options, comments["train"], seed)
    choice = choose(options, stages, learn, exam, seed)
    told = RECIPES[choice.recipe].in_dialogue
    chosen = holding(options, choice.trial)
    share, beside, rows = _phrases_beside(choice, chosen, learn, comments["train"], exam)
    members = [_member(choice, stages, train, member) for member in range(seed, seed + options.seeds)]
    single = [scores("dev", dev.ways(told), holding(options, member).answer) for member in members]
    final = holding(options, average(members))
    if options.teaches:
        write_answers(work / TRIAL_ANSWERS, chosen, train)
        write_answers(work / ANSWERS, final, train)
    shipped = join(final.tensors(), fit_phrases(final, train, comments["train"]), share)
    save_file({name: tensor.half().contiguous() for name, tensor in shipped.items()}, work / "text.safetensors")
    report = _report(options, seed, choice, train, comments["train"])
    prior = np.array(list(report["prior"].values()))
    temperature, answered = exam.temperature(beside, told), halfway_to_equal(prior)  # people say things at other frequencies than MELD
    measured = _measure(work, report, dev, comments["test"], lambda logits: answering_under(logits, temperature, prior, answered))
    report |= {
        "phrases_share": share,
        "answer_prior": {name: float(value) for name, value in zip(EMOTIONS, answered, strict=True)},
        "figures": measured | spread(single),
        "tried": [*choice.tried, *rows],
        "history": stages.history,
        "seconds": round(sum(row["seconds"] for epochs in stages.history.values() for row in epochs)),
    }
    (work / "text.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"text: MELD dev weighted F1 {measured['MELD dev']['weighted_f1']:.4f}", flush=True)
    return report


def _phrases_beside(
    choice: Choice, trainer: TextTrainer, learn: Utterances, comments: Utterances, exam: Exam
) -> tuple[float, Judge, list[dict[str, Any]]]:
    """The share of phrases beside what was chosen, by the held-out dialogues; what answers so; and the scores of both."""
    phrases = judge_of(trainer.encoder, fit_phrases(trainer, learn, comments))
    share = best_share(trainer.answer, phrases, exam.held.ways(RECIPES[choice.recipe].in_dialogue).values())
    beside = mixed(trainer.answer, phrases, share)
    told = trainer.options.in_dialogue > 0
    return share, beside, [exam.row("phrases alone", phrases), exam.row(f"{choice.name}, beside phrases", beside, told)]


def _member(choice: Choice, stages: Stages, train: Utterances, seed: int) -> dict[str, Tensor]:
    """What was chosen, trained on all dialogues with one seed."""
    trained = []
    for rehearsing in choice.rehearsing:
        name = f"{choice.recipe}{REHEARSING if rehearsing else ''}, all dialogues, seed {seed}"
        trained.append(stages.run(name, RECIPES[choice.recipe], train, seed, rehearsing=rehearsing))
    return average(trained)


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


def _report(options: TextTraining, seed: int, choice: Choice, train: Utterances, comments: Utterances) -> dict[str, Any]:
    """How to build the expert and what it was made of: what it learned of MELD and of GoEmotions."""
    step = "text" if options.encoder == "minilm" else "large-text"
    frequency = np.bincount(train.labels, minlength=len(EMOTIONS)) / len(train)
    data = [{"name": "MELD, training part", "n": len(train), "licence": "GPL-3.0 repository; dialogue of a television series"}]
    if RECIPES[choice.recipe].first:
        data.append({"name": "GoEmotions, training part, comments with one label", "n": len(comments), "licence": "Apache-2.0"})
    width = sentence_encoder(options.encoder).spec.dim
    return {
        "encoder": options.encoder,
        "encoder_options": {"delta": "text.safetensors"} | ({"context": options.context} if RECIPES[choice.recipe].in_dialogue else {}),
        "expert": "words",
        "expert_options": {"dim": width + len(EMOTIONS), "classes": len(EMOTIONS)},  # behind a vector lie its phrases' logits
        "prior": {emotion: round(float(p), 6) for emotion, p in zip(EMOTIONS, frequency, strict=True)},
        "data": data,
        "recipe": choice.name,
        "seed": seed,
        "options": options.to_json(),
        "command": f"python -m mmer_core train-default --data DIR --work DIR --only {step} --seed {seed}",
    }
