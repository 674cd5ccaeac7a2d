"""A model scored on a corpus, into a table of its answers; what is scored is kept, and a second start goes
on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core.batch.inputs import Input
from mmer_core.batch.journal import Journal
from mmer_core.batch.prediction import check_format, key_of
from mmer_core.batch.rows import Row, frame_of, write_frame
from mmer_core.batch.target import check_free, written_to
from mmer_core.checkpoint import fingerprint
from mmer_core.inference import record as records
from mmer_core.inference.evaluate import Comparison, evaluate
from mmer_core.inference.items import Item, Skipped
from mmer_core.inference.scored import Answer, Evaluation, Outcome
from mmer_core.media.recogniser import words_from


def evaluate_into(
    out: Path,
    folder: Path,
    items: Sequence[Item],
    *,
    skipped: Iterable[Skipped] = (),
    baseline: Comparison = "none",
    jobs: int = 1,
    device: str = "auto",
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """`inference.evaluate.evaluate`, with a row of a table for each item.

    Answers are kept beside the table as they come; started again after a kill, only what is missing is read.
    A file that changed meanwhile is read again.

    Args:
        out: the table, CSV or Parquet by its suffix; see `answer_columns`.
        overwrite: replace a table that is there.

    Returns:
        The figures, those of earlier starts included.

    Raises:
        ValueError: another suffix, a table that is there already, or a comparison that cannot be made.
        CheckpointError, EncoderUnavailable: the model cannot be loaded.
        OSError: the table cannot be written; what was scored is kept for the next start.
    """
    check_format(out)
    check_free(out, overwrite=overwrite)
    keys = [_key(item) for item in items]
    about = {
        "rows": "answers",
        "model": fingerprint(records.read(folder)),
        "baseline": baseline,
        "words_from": words_from(),
        # where a speaker's clips are read together, another clip changes all of them
        "together": keys if baseline == "own" else None,
    }
    journal = Journal(out, about)
    known = {i: _outcome(items[i].id, journal.rows[k]) for i, k in enumerate(keys) if k in journal.rows}
    with journal:
        result = evaluate(
            folder,
            items,
            skipped=skipped,
            baseline=baseline,
            jobs=jobs,
            device=device,
            progress=progress,
            known=known,
            told=lambda i, outcome: journal.add(keys[i], _as_json(outcome)),
        )
    with written_to(out) as draft:
        write_frame(frame_of(_rows(result), answer_columns(result)), draft)
    journal.remove()
    return result


def answer_columns(result: Evaluation) -> tuple[str, ...]:
    """The columns in order: id, truth, label (with all modalities), p_<label> for each class, and
    <subset>_label for each other subset of the modalities; reason, where there is no answer.
    """
    others = [f"{name}_label" for name in result.subsets[:-1]]
    return ("id", "truth", "label", *(f"p_{label}" for label in result.labels), *others, "reason")


def _rows(result: Evaluation) -> list[Row]:
    full = result.subsets[-1]
    rows: list[Row] = []
    for answer in result.answers:
        best = {name: result.labels[int(p.argmax())] for name, p in answer.probabilities.items()}
        row: Row = {"id": answer.id, "truth": result.labels[answer.truth], "label": best.pop(full)}
        row |= {f"{name}_label": label for name, label in best.items()}
        row |= {
            f"p_{label}": round(float(p), 6)
            for label, p in zip(result.labels, answer.probabilities[full], strict=True)
        }
        rows.append(row)
    return rows + [{"id": item.id, "reason": item.reason} for item in result.skipped]


def _key(item: Item) -> str:
    """An item, and the state of its file on the disk."""
    dialogue = None if item.dialogue is None else asdict(item.dialogue)
    file = key_of(Input(str(item.path or ""), item.text))
    return f"{file}:{item.id}:{item.label}:{item.speaker}:{dialogue}"


def _as_json(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Skipped):
        return {"reason": outcome.reason}
    return {
        "truth": outcome.truth,
        "probabilities": {k: p.tolist() for k, p in outcome.probabilities.items()},
    }


def _outcome(name: str, row: dict[str, Any]) -> Outcome:
    if "reason" in row:
        return Skipped(name, row["reason"])
    found = {subset: np.array(p, dtype=np.float32) for subset, p in row["probabilities"].items()}
    return Answer(name, row["truth"], found)
