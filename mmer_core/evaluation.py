"""Score a model on a manifest of clips, for every modality subset; a bad file is one line with its reason, never the end."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmer_core import metrics
from mmer_core.clip import Dialogue
from mmer_core.corpora.manifest import Manifest
from mmer_core.labels import Modality, canonical_label, subset_name, subsets
from mmer_core.media import MediaError, load_clip, text_clip
from mmer_core.predictor import Observation, Predictor

#: Below this, starting more processes costs more than it saves.
ITEMS_PER_JOB = 20


@dataclass(frozen=True)
class Item:
    """One row of a manifest: a file, or words, or both, and where they stand in a conversation."""

    id: str
    label: str
    path: Path | None = None
    text: str | None = None
    dialogue: Dialogue | None = None


@dataclass(frozen=True)
class Answer:
    """What the model says about one item: probabilities {subset: (C,)} for subsets with something present."""

    id: str
    truth: int
    probabilities: dict[str, np.ndarray]


@dataclass(frozen=True)
class Skipped:
    id: str
    reason: str


@dataclass
class Evaluation:
    """
    Attributes:
        labels: class names, in order.
        answers: one for each item that could be scored.
        skipped: the others, with the reason.
        seconds: how long it took.
    """

    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    answers: list[Answer] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0

    def confusion(self, subset: str) -> np.ndarray:
        """(C, C) counts over the items that have at least one modality of the subset."""
        rows = [(a.truth, int(a.probabilities[subset].argmax())) for a in self.answers if subset in a.probabilities]
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
        return metrics.confusion_matrix(pairs[:, 0], pairs[:, 1], len(self.labels))

    def to_json(self) -> dict[str, Any]:
        """The object that `evaluate --json` prints; a figure without items is null."""
        names = [subset_name(s) for s in subsets(self.modalities)]
        table = {name: metrics.scores(self.confusion(name)) for name in names}
        return {
            "labels": list(self.labels),
            "n": len(self.answers),
            "subsets": {name: {k: None if math.isnan(v) else round(v, 6) for k, v in row.items()} for name, row in table.items()},
            "confusion": self.confusion(names[-1]).tolist(),
            "skipped": [{"id": s.id, "reason": s.reason} for s in self.skipped],
            "seconds": round(self.seconds, 3),
        }


def items_of(manifest: Manifest) -> tuple[list[Item], list[Skipped]]:
    """The rows of a manifest that the model's classes cover, and the others with the reason; labels are mapped (happy -> joy)."""
    items, skipped = [], [Skipped(p.id, p.reason) for p in manifest.skipped]
    for utterance in manifest.utterances():
        try:
            label = canonical_label(utterance.label)
        except ValueError as error:
            skipped.append(Skipped(utterance.id, str(error)))
            continue
        items.append(Item(utterance.id, label, utterance.path, utterance.text, utterance.dialogue))
    return items, skipped


def evaluate(
    folder: Path, items: Sequence[Item], *, skipped: Iterable[Skipped] = (), jobs: int = 1, progress: Callable[[int], None] | None = None
) -> Evaluation:
    """Run a model on every item, in order.

    Args:
        folder: its checkpoint.
        items: what to score.
        skipped: rows that the reader of the manifest already had to leave out.
        jobs: processes; each loads the model once and computes in one thread.
        progress: called with the number of items done.

    Raises:
        CheckpointError, EncoderUnavailable: the model cannot be loaded.
    """
    started = time.perf_counter()
    predictor = Predictor.load(folder)
    result = Evaluation(tuple(predictor.record["labels"]), predictor.modalities, skipped=list(skipped))
    jobs = max(1, min(jobs, len(items) // ITEMS_PER_JOB))
    outcomes = (score(predictor, item) for item in items) if jobs == 1 else _in_parallel(folder, items, jobs)
    for done, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, Answer):
            result.answers.append(outcome)
        else:
            result.skipped.append(outcome)
        if progress is not None:
            progress(done)
    result.seconds = time.perf_counter() - started
    return result


def score(predictor: Predictor, item: Item) -> Answer | Skipped:
    """What the model says about one item, or why it says nothing."""
    try:
        clip = text_clip(item.text or "") if item.path is None else load_clip(item.path, text=item.text)
    except MediaError as error:
        return Skipped(item.id, str(error))
    observation = predictor.observe(replace(clip, dialogue=item.dialogue))
    answers = answer_subsets(predictor, observation)
    if not answers:
        return Skipped(item.id, "; ".join(f"{m}: {reason}" for m, reason in observation.absent.items()))
    return Answer(item.id, predictor.record["labels"].index(item.label), answers)


def answer_subsets(predictor: Predictor, observation: Observation) -> dict[str, np.ndarray]:
    """{subset: (C,)}: the model's answer with only that subset switched on, for subsets of which something is present."""
    chosen = [s for s in subsets(predictor.modalities) if any(m in observation.features for m in s)]
    rows = predictor.subset_probabilities(observation, chosen)
    return {subset_name(s): row for s, row in zip(chosen, rows, strict=True)}


_worker: dict[str, Predictor] = {}  # one per process: the model that this process scores with


def _in_parallel(folder: Path, items: Sequence[Item], jobs: int) -> Iterator[Answer | Skipped]:
    context = multiprocessing.get_context("spawn")  # threads of torch and onnxruntime do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(folder,)) as pool:
        yield from pool.map(_score_in_worker, items, chunksize=4)


def _start_worker(folder: Path) -> None:
    torch.set_num_threads(1)
    _worker["predictor"] = Predictor.load(folder)


def _score_in_worker(item: Item) -> Answer | Skipped:
    return score(_worker["predictor"], item)
