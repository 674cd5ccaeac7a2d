"""Score a model on a manifest of clips, for every modality subset; a bad file is one line with its reason,
never the end.
"""

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

from mmer_core import corpora, metrics
from mmer_core.clip import Dialogue
from mmer_core.corpora.manifest import Manifest
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.observation import Observation
from mmer_core.labels import EMOTIONS, Modality, canonical_label, subset_name, subsets
from mmer_core.media.loading import MediaError, load_clip, text_clip

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
    """The model's probabilities for one item, {subset: (C,)} for subsets with something present, and the true
    class.
    """

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
        labels: the model's classes.
        modalities: of the model.
        answers: one for each item that could be scored.
        skipped: the others, with the reason.
        seconds: duration of the evaluation.
    """

    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    answers: list[Answer] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0

    def confusion(self, subset: str) -> np.ndarray:
        """(C, C) counts over the items that have at least one modality of the subset."""
        rows = [
            (a.truth, int(a.probabilities[subset].argmax()))
            for a in self.answers
            if subset in a.probabilities
        ]
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
        return metrics.confusion_matrix(pairs[:, 0], pairs[:, 1], len(self.labels))

    def to_json(self) -> dict[str, Any]:
        """The object that `evaluate --json` prints; a figure without items is null."""
        names = [subset_name(s) for s in subsets(self.modalities)]
        table = {name: metrics.scores(self.confusion(name)) for name in names}
        return {
            "labels": list(self.labels),
            "n": len(self.answers),
            "subsets": {
                name: {k: None if math.isnan(v) else round(v, 6) for k, v in row.items()}
                for name, row in table.items()
            },
            "confusion": self.confusion(names[-1]).tolist(),
            "skipped": [{"id": s.id, "reason": s.reason} for s in self.skipped],
            "seconds": round(self.seconds, 3),
        }


def read_items(spec: str, labels: Sequence[str]) -> tuple[list[Item], list[Skipped]]:
    """The rows of a corpus (see `corpora.read`) for a model, and those that its reader left out, with the
    reason. Labels of tables and folders that are among the model's `labels` stay what they are (calm).
    """
    options: dict[str, Any] = {}
    reader = corpora.reader_of(spec)
    if reader == "csv":
        options["labels"] = ",".join(dict.fromkeys((*labels, *EMOTIONS)))
    elif reader == "folder":
        options["own_labels"] = True
    return items_of(corpora.read(spec, **options))


def items_of(manifest: Manifest) -> tuple[list[Item], list[Skipped]]:
    """The rows of a manifest, and those that its reader left out, with the reason."""
    skipped = [Skipped(p.id, p.reason) for p in manifest.skipped]
    return [Item(u.id, u.label, u.path, u.text, u.dialogue) for u in manifest.utterances()], skipped


def evaluate(
    folder: str | Path,
    items: Sequence[Item],
    *,
    skipped: Iterable[Skipped] = (),
    jobs: int = 1,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run a model on every item, in order.

    Args:
        folder: of the model, or of a run.
        items: what to score; their labels are mapped to the model's classes, see `class_of`.
        skipped: rows that the reader of the manifest already had to leave out.
        jobs: processes; each loads the model once and computes in one thread.
        device: of the model.
        progress: called with the number of items done.

    Raises:
        CheckpointError, EncoderUnavailable: the model cannot be loaded.
    """
    started = time.perf_counter()
    model = EmotionModel.load(folder, device)
    result = Evaluation(model.labels, model.modalities, skipped=list(skipped))
    jobs = max(1, min(jobs, len(items) // ITEMS_PER_JOB))
    outcomes = (
        (score(model, item) for item in items) if jobs == 1 else _in_parallel(folder, device, items, jobs)
    )
    for done, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, Answer):
            result.answers.append(outcome)
        else:
            result.skipped.append(outcome)
        if progress is not None:
            progress(done)
    result.seconds = time.perf_counter() - started
    return result


def class_of(label: str, labels: Sequence[str]) -> int:
    """The index among a model's classes of the one that a corpus's label stands for: that of the same name,
    or else the one that the table of aliases takes for the same emotion (happy for joy).

    Raises:
        ValueError: there is none.
    """
    own = {name.strip().lower(): i for i, name in reversed(list(enumerate(labels)))}
    key = label.strip().lower()
    same = _emotion(key)
    if key in own:
        return own[key]
    if same in own:
        return own[same]
    found = next(
        (i for i, name in enumerate(labels) if same and _emotion(name.strip().lower()) == same), None
    )
    if found is None:
        raise ValueError(f"the label {label!r} is none of the model's classes: {', '.join(labels)}")
    return found


def _emotion(label: str) -> str:
    """The emotion that a label stands for in the table of aliases; "" for none."""
    try:
        return canonical_label(label)
    except ValueError:
        return ""


def score(model: EmotionModel, item: Item) -> Answer | Skipped:
    """The model's answers to one item, or why there are none."""
    try:
        truth = class_of(item.label, model.labels)
        clip = text_clip(item.text or "") if item.path is None else load_clip(item.path, text=item.text)
    except (ValueError, MediaError) as error:
        return Skipped(item.id, str(error))
    observation = model.observe(replace(clip, dialogue=item.dialogue))
    answers = answer_subsets(model, observation)
    if not answers:
        return Skipped(item.id, "; ".join(f"{m}: {reason}" for m, reason in observation.absent.items()))
    return Answer(item.id, truth, answers)


def answer_subsets(model: EmotionModel, observation: Observation) -> dict[str, np.ndarray]:
    """{subset: (C,)}: the model's answer with only that subset switched on, for subsets of which something is
    present.
    """
    chosen = [s for s in subsets(model.modalities) if any(m in observation.features for m in s)]
    rows = model.subset_probabilities(observation, chosen)
    return {subset_name(s): row for s, row in zip(chosen, rows, strict=True)}


_worker: dict[str, EmotionModel] = {}  # one per process: the model that this process scores with


def _in_parallel(
    folder: str | Path, device: str, items: Sequence[Item], jobs: int
) -> Iterator[Answer | Skipped]:
    context = multiprocessing.get_context("spawn")  # threads of torch and onnxruntime do not survive a fork
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_start_worker, initargs=(folder, device)
    ) as pool:
        yield from pool.map(_score_in_worker, items, chunksize=4)


def _start_worker(folder: str | Path, device: str) -> None:
    torch.set_num_threads(1)
    _worker["model"] = EmotionModel.load(folder, device)


def _score_in_worker(item: Item) -> Answer | Skipped:
    return score(_worker["model"], item)
