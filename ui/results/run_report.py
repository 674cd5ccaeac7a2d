"""The report on one cross-validation run: figures, confusions, folds, training, calibration, and how to
repeat it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from mmer_core import metrics
from mmer_core.runs.run import CVRun, RunError
from ui import report, runs
from ui.figure import score, subset_title
from ui.results.baseline import added_sentences
from ui.results.calibration_charts import reliability_diagram
from ui.results.charts import SCORE_TITLES, class_scores
from ui.results.confusion_charts import confusion_matrix
from ui.results.fold_charts import fold_scores, training_curves
from ui.theme import emotion_name, emotion_title


def run_report(run: CVRun) -> str:
    """One HTML file about a finished run.

    Raises:
        RunError: the run is not finished, or one of its files is damaged.
    """
    if not run.finished:
        raise RunError(f"{run.path.name} is {run.record['status']}: a report needs a finished run")
    body = [
        *_scores(run),
        *_confusions(run),
        *_folds(run),
        *_training(run),
        *_calibration(run),
        *_card(run),
        *report.not_for(),
    ]
    return report.document(runs.title(run), body)


def _scores(run: CVRun) -> Iterator[str]:
    record = run.record
    yield report.heading(runs.title(run), 1)
    yield report.paragraph(
        f"{run.path.name}, {record['created'][:10]}, seed {record.get('seed', '?')}", quiet=True
    )
    if record.get("leaks"):
        yield report.paragraph(
            "The folds are random: the same people are in training and test, and the figures are too good."
        )
    leakage = record.get("leakage") or {}
    yield report.paragraph(
        f"Leakage check: {leakage.get('verdict', 'not made')}. {leakage.get('reason', '')}".strip()
    )
    yield report.heading("Scores")
    rows: list[list[object]] = [
        [subset_title(name), f"{m['n']:,}", *(score(m[k]) for k in SCORE_TITLES)]
        for name, m in run.metrics.items()
    ]
    majority = (record.get("baselines") or {}).get("majority") or {}
    if majority:
        rows.append(
            [
                "Always the most frequent class",
                "",
                *("–" if majority.get(k) is None else f"{100 * majority[k]:.1f}" for k in SCORE_TITLES),
            ]
        )
    yield report.table(
        rows,
        ["Modalities", "n", *SCORE_TITLES.values()],
        "In per cent, out of fold, with 95 % intervals by bootstrap over groups.",
    )
    if worth := runs.modality_sentence(run):
        yield report.heading("Which modality matters?", 3)
        yield report.paragraph(worth)
    if added := added_sentences(run):
        yield report.heading("What does the network add?", 3)
        yield report.bullets(added)


def _confusions(run: CVRun) -> Iterator[str]:
    counts = run.confusion()
    yield report.heading("What was shown, and what it was read as")
    yield report.paragraph(
        f"{subset_title(run.full)}, all folds, n = {int(counts.sum()):,}; per cent of the true class.",
        quiet=True,
    )
    yield report.figure(
        confusion_matrix(counts, run.labels, "true", None, report.INK),
        "Confusion matrix; the counts are in the table below",
    )
    named = [emotion_title(label) for label in run.labels]
    yield report.table(
        [[n, *(int(v) for v in row)] for n, row in zip(named, counts, strict=True)],
        ["Shown, read as", *named],
        "Counts.",
    )
    yield report.heading("Each emotion")
    yield report.figure(
        class_scores(counts, run.labels, report.INK), "F1, precision and recall of each emotion"
    )
    table = metrics.per_class(counts)
    rows = [
        [
            emotion_name(label),
            *(_percent(float(table[k][i])) for k in ("precision", "recall", "f1")),
            int(table["support"][i]),
        ]
        for i, label in enumerate(run.labels)
    ]
    yield report.table(rows, ["Emotion", "Precision", "Recall", "F1", "n"], "In per cent.")


def _folds(run: CVRun) -> Iterator[str]:
    folds = run.metrics[run.full]["folds"]
    yield report.heading("Folds")
    yield report.figure(fold_scores(folds, report.INK), "Scores of each fold")
    each = [[None if v is None else f"{100 * v:.1f}" for v in folds[k]["each"]] for k in SCORE_TITLES]
    yield report.table(
        [[i, *row] for i, row in enumerate(zip(*each, strict=True))],
        ["Fold", *SCORE_TITLES.values()],
        "In per cent.",
    )


def _training(run: CVRun) -> Iterator[str]:
    history = run.history
    if not len(history):
        return
    yield report.heading("Training")
    yield report.paragraph(
        "Dotted: training part. Solid: validation part, taken from the training groups. A star marks "
        "the chosen epoch.",
        quiet=True,
    )
    for part, curves in history.groupby(history["part"].fillna("")):
        if part:
            yield report.heading(str(part), 3)
        yield report.figure(training_curves(curves, report.INK), "Loss and validation score by epoch")


def _calibration(run: CVRun) -> Iterator[str]:
    tables = {}
    for key, calibrated in (("before", False), ("after", True)):
        rows = run.predictions(run.full, calibrated=calibrated)
        tables[key] = metrics.reliability(rows[run.probability_columns].to_numpy(), rows["y_true"].to_numpy())
    found = run.metrics[run.full]
    yield report.heading("Can its confidence be believed?")
    yield report.paragraph(
        f"Expected calibration error {_percent(found.get('ece'))} % before temperature scaling, "
        f"{_percent(found.get('ece_calibrated'))} % after.",
        quiet=True,
    )
    yield report.figure(
        reliability_diagram(tables["before"], tables["after"], report.INK), "Accuracy against confidence"
    )


def _card(run: CVRun) -> Iterator[str]:
    record = run.record
    yield report.heading("How to repeat it")
    yield report.code(record["command"])
    corpus, plan = record["corpus"], record["plan"]
    yield report.facts(
        {
            "Corpus": f"{corpus.get('name', '?')}, n = {corpus.get('n', '?')}",
            "Fingerprint": corpus.get("fingerprint", "?"),
            "Classes": json.dumps(corpus.get("classes"), ensure_ascii=False),
            "Folds": json.dumps(plan, ensure_ascii=False),
            "Fusion": json.dumps(record["fusion"], ensure_ascii=False),
            "Training": json.dumps(record["training"], ensure_ascii=False),
            "Features": json.dumps(record.get("features"), ensure_ascii=False),
            "Chosen by": record.get("selection") or "not written down",
            "Versions": json.dumps(record.get("versions"), ensure_ascii=False),
        }
    )
    yield from (report.paragraph(str(note)) for note in record.get("notes") or [])


def _percent(share: float | None) -> str:
    return "–" if share is None or np.isnan(share) else f"{100 * share:.1f}"
