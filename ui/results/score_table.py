"""The scores of several runs beside the figures that they are measured against. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mmer_core.evaluation.published import lines
from mmer_core.runs.run import CVRun
from mmer_core.runs.titles import labels as run_labels
from ui.figure import subset_title
from ui.results.baseline import LINEAR, linear_baseline
from ui.results.charts import ScoreRow


def score_table(finished: Sequence[CVRun], metric: str, subset: str | None) -> list[ScoreRow]:
    """Return the runs, best first, then published figures, people, linear models, the most frequent class and
    chance.

    Args:
        finished: runs.
        metric: one of `metrics.SCORES`.
        subset: the modalities that each run is given; None for all that it has.
    """
    labels = run_labels({run.path.name: run.record for run in finished})
    rows = [_run_row(run, labels[run.path.name], metric, subset or run.full) for run in finished]
    rows.sort(key=lambda r: -r.value)
    tasks: dict[tuple[str, int], list[CVRun]] = {}
    for run in finished:
        tasks.setdefault((run.record["corpus"]["name"], len(run.labels)), []).append(run)
    others: list[ScoreRow] = []
    for (corpus, classes), runs in tasks.items():
        of = f" ({corpus}, {classes})" if len(tasks) > 1 else ""
        others += [
            ScoreRow(p.title + of, p.scores[metric], None, None, p.kind, f"{p.source}. {p.split}")
            for p in lines(corpus, classes, metric)
        ]
        others += _linear_rows(runs, labels, metric, subset)
        others += _trivial_rows(runs[0], metric, of)
    return rows + sorted(others, key=lambda r: -r.value)


def _run_row(run: CVRun, label: str, metric: str, subset: str) -> ScoreRow:
    figures = run.metrics[subset]
    detail = (
        f"{run.record['corpus']['name']}, {len(run.labels)} classes, {subset_title(subset).lower()}, "
        f"n = {figures['n']:,}"
    )
    value, low, high = figures[metric]
    return ScoreRow(label, value, low, high, "run", f"{run.path.name}: {detail}")


def _linear_rows(
    runs: Sequence[CVRun], labels: Mapping[str, str], metric: str, subset: str | None
) -> Iterator[ScoreRow]:
    """One row for each different linear baseline; runs on the same features and folds share theirs."""
    found: dict[tuple[float, float | None, float | None], list[str]] = {}
    for run in runs:
        value = linear_baseline(run, subset).get(metric)
        if value and value[0] is not None:
            found.setdefault((value[0], value[1], value[2]), []).append(labels[run.path.name])
    for (value, low, high), names in found.items():
        of = f": {names[0]}" if len(found) > 1 else ""
        detail = f"Logistic regression on the pooled features of {', '.join(names)}, in the same folds."
        yield ScoreRow(LINEAR + of, value, low, high, "baseline", detail)


def _trivial_rows(run: CVRun, metric: str, of: str) -> Iterator[ScoreRow]:
    """The most frequent class and chance."""
    base = run.record.get("baselines") or {}
    majority = (base.get("majority") or {}).get(metric)
    if majority is not None:
        detail = "Always the most frequent class of the training part."
        yield ScoreRow("Most frequent class" + of, majority, None, None, "baseline", detail)
    if metric in ("accuracy", "ua") and base.get("chance") is not None:
        detail = f"One of {len(run.labels)} classes at random."
        yield ScoreRow("Chance" + of, base["chance"], None, None, "baseline", detail)
