"""Score a model on a manifest of clips, for every modality subset; a bad file is one line with its reason,
never the end.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from mmer_core.clip import Clip
from mmer_core.inference.answer import AVERAGE
from mmer_core.inference.baseline import Baseline, described
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.items import Item, Skipped, class_of
from mmer_core.inference.observation import Observation
from mmer_core.inference.scored import Answer, Evaluation, Outcome
from mmer_core.inference.windows import length
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.media.loading import MediaError, load_clip, text_clip

Comparison = Literal["own", "none"]
#: What a speaker is compared with where their own clips are the baseline.
OWN = "each speaker's own clips of the corpus, test clips without their labels"
#: Below this, starting more processes costs more than it saves.
ITEMS_PER_JOB = 20


def evaluate(
    folder: str | Path,
    items: Sequence[Item],
    *,
    skipped: Iterable[Skipped] = (),
    baseline: Comparison = "none",
    jobs: int = 1,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    known: Mapping[int, Outcome] | None = None,
    told: Callable[[int, Outcome], None] | None = None,
) -> Evaluation:
    """Run a model on every item, in order.

    Args:
        folder: of the model, or of a run.
        items: what to score; their labels are mapped to the model's classes, see `class_of`.
        skipped: rows that the reader of the manifest already had to leave out.
        baseline: "own": what a speaker says in `items` is, without its labels, the baseline of all their
            clips; this looks at test clips, and a figure must say so. "none": the average training speaker.
        jobs: processes; each loads the model once and computes in one thread.
        device: of the model.
        progress: called with the number of items done.
        known: outcomes of an earlier start, by position in `items`.
        told: called with the position and outcome of each other item, as soon as it has one.

    Raises:
        CheckpointError, EncoderUnavailable: the model cannot be loaded.
        ValueError: `baseline` is "own", but the model compares with none, or no item names its speaker.
    """
    started = time.perf_counter()
    model = EmotionModel.load(folder, device)
    outcomes: dict[int, Outcome] = dict(known or {})
    tasks = [task for task in _tasks(model, items, baseline) if not outcomes.keys() >= set(task)]
    result = Evaluation(model.labels, model.modalities, skipped=list(skipped))
    result.baseline = _told(model, items, baseline)
    own = baseline == "own"
    jobs = max(1, min(jobs, sum(map(len, tasks)) // ITEMS_PER_JOB, len(tasks)))
    given = ([items[i] for i in task] for task in tasks)
    found = (
        (score_together(model, some, own=own) for some in given)
        if jobs == 1
        else _in_parallel(folder, device, given, jobs, own)
    )
    for task, scored in zip(tasks, found, strict=True):
        for i, outcome in zip(task, scored, strict=True):
            outcomes[i] = outcome
            if told is not None:
                told(i, outcome)
        if progress is not None:
            progress(len(outcomes))
    for _, outcome in sorted(outcomes.items()):
        if isinstance(outcome, Answer):
            result.answers.append(outcome)
        else:
            result.skipped.append(outcome)
    result.seconds = time.perf_counter() - started
    return result


def _tasks(model: EmotionModel, items: Sequence[Item], baseline: Comparison) -> list[list[int]]:
    """The items that are scored together: one by one, or those of a speaker."""
    if baseline == "none":
        return [[i] for i in range(len(items))]
    if not model.takes_baseline:
        raise ValueError(f"{model.name} compares nobody with how they usually sound: choose --baseline none")
    if not any(item.speaker for item in items):
        raise ValueError("no row names its speaker: add the column speaker, or choose --baseline none")
    groups: dict[str | int, list[int]] = {}
    for i, item in enumerate(items):
        groups.setdefault(item.speaker or i, []).append(i)
    return list(groups.values())


def _told(model: EmotionModel, items: Sequence[Item], baseline: Comparison) -> str:
    """What the voices are compared with."""
    if not model.takes_baseline:
        return ""
    if baseline == "none":
        return AVERAGE
    unknown = sum(not item.speaker for item in items)
    rest = f"; {AVERAGE} for {unknown} without a speaker" if unknown else ""
    return f"{OWN} ({len({item.speaker for item in items if item.speaker})} speakers{rest})"


def score(model: EmotionModel, item: Item) -> Outcome:
    """The model's answers to one item, or why there are none."""
    return score_together(model, [item], own=False)[0]


def score_together(model: EmotionModel, items: Sequence[Item], *, own: bool) -> list[Outcome]:
    """The model's answers to each of some items, or why there are none.

    Args:
        own: they are all of one speaker, and their features together are the baseline of each; nothing else
            of the clips is kept meanwhile. A speaker without a name is nobody in particular.
    """
    seen = [_seen(model, item) for item in items]
    own = own and bool(items[0].speaker)
    baseline = _baseline(model, [s for s in seen if isinstance(s, _Seen)]) if own else {}
    return [
        s if isinstance(s, Skipped) else _answer(model, item.id, s, baseline)
        for item, s in zip(items, seen, strict=True)
    ]


@dataclass(frozen=True)
class _Seen:
    """What was found in an item, without its clip: its class, its length and its features."""

    truth: int
    seconds: float
    observation: Observation


def _seen(model: EmotionModel, item: Item) -> _Seen | Skipped:
    try:
        truth = class_of(item.label, model.labels)
        clip = text_clip(item.text or "") if item.path is None else load_clip(item.path, text=item.text)
    except (ValueError, MediaError) as error:
        return Skipped(item.id, str(error))
    found = model.observe(replace(clip, dialogue=item.dialogue))
    return _Seen(truth, length(clip), replace(found, clip=Clip(clip.name, clip.digest, clip.kind)))


def _baseline(model: EmotionModel, seen: Sequence[_Seen]) -> dict[Modality, Baseline]:
    """How a speaker is in all that was found of them."""
    found = {}
    for modality in model.takes_baseline:
        there = [s for s in seen if modality in s.observation.features]
        if there:
            rows = [s.observation.features[modality] for s in there]
            found[modality] = Baseline.of(rows, sum(s.seconds for s in there), described(modality))
    return found


def _answer(model: EmotionModel, name: str, seen: _Seen, baseline: dict[Modality, Baseline]) -> Outcome:
    observation = model.with_baseline(seen.observation, baseline)
    answers = answer_subsets(model, observation)
    if not answers:
        return Skipped(name, "; ".join(f"{m}: {reason}" for m, reason in observation.absent.items()))
    return Answer(name, seen.truth, answers)


def answer_subsets(model: EmotionModel, observation: Observation) -> dict[str, np.ndarray]:
    """{subset: (C,)}: the model's answer with only that subset switched on, for subsets of which something is
    present.
    """
    chosen = [s for s in subsets(model.modalities) if any(m in observation.features for m in s)]
    rows = model.subset_probabilities(observation, chosen)
    return {subset_name(s): row for s, row in zip(chosen, rows, strict=True)}


_worker: dict[str, EmotionModel] = {}  # one per process: the model that this process scores with


def _in_parallel(
    folder: str | Path, device: str, tasks: Iterable[Sequence[Item]], jobs: int, own: bool
) -> Iterator[list[Outcome]]:
    context = multiprocessing.get_context("spawn")  # threads of torch and onnxruntime do not survive a fork
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_start_worker, initargs=(folder, device)
    ) as pool:
        yield from pool.map(partial(_score_in_worker, own), tasks, chunksize=1 if own else 4)


def _start_worker(folder: str | Path, device: str) -> None:
    torch.set_num_threads(1)
    _worker["model"] = EmotionModel.load(folder, device)


def _score_in_worker(own: bool, items: Sequence[Item]) -> list[Outcome]:
    return score_together(_worker["model"], items, own=own)
