"""The figures of a finished run as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WIDTHS = (24, 22, 22, 22)
_SCORES = ("accuracy", "ua", "weighted_f1")


def text_table(record: Mapping[str, Any]) -> str:
    """One line for each modality subset of a run.json, then the baselines; per cent, 95 % intervals."""
    lines = [_row("modalities", "accuracy", "UA", "weighted F1", "ECE (calibrated)")]
    for subset, row in record["metrics"].items():
        ece = f"{100 * row['ece']:.1f} ({100 * row['ece_calibrated']:.1f})"
        lines.append(_row(subset, *(_cell(row[name]) for name in _SCORES), ece))
    baselines = record["baselines"]
    if "linear" in baselines:
        lines.append(_row("linear baseline", *(_cell(baselines["linear"][name]) for name in _SCORES)))
    lines.append(_row("majority class", *(_percent(baselines["majority"][name]) for name in _SCORES)))
    lines.append(_row("chance", *(2 * [_percent(baselines["chance"])])))
    if "linear" in baselines:
        lines.append(_gain(baselines["linear"]["paired"]))
    return "\n".join(lines)


def _gain(test: Mapping[str, Any]) -> str:
    """What the network adds to the linear baseline, as a sentence."""
    value, low, high = test["difference"]
    ends = "" if low is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    p = "" if test["p_bootstrap"] is None else f", p {test['p_bootstrap']:.3g} (bootstrap)"
    return f"The network against the linear baseline: {100 * value:+.1f} points of accuracy{ends}{p}."


def _row(*cells: str) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)]
    return "".join([*padded, *cells[len(_WIDTHS) :]]).rstrip()


def _cell(figure: list[float | None]) -> str:
    value, low, high = figure
    ends = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{_percent(value)}{ends}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
