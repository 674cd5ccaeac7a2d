"""The card of a run's final model: data, cross-validated figures, settings and limits, from run.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmer_core import metrics

LICENCE = "that of the corpus"


def card_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The card in a model's record, as `inference.card` shows it; figures of selective prediction and of the
    detectors are added by `final_model`.

    Args:
        record: run.json with its metrics.

    Returns:
        {limits: sentences; data: {modality: [{name, n, licence, classes, groups}]}; figures:
        {cross_validation: {what, subsets: {subset: {n, scores, ece, intervals: {score: [low, high]}}}, leaks,
        leakage}}; training: the request, where there is one}.
    """
    corpus = record["corpus"]
    data = {
        "name": corpus["name"],
        "n": corpus.get("n", 0),
        "licence": LICENCE,
        "classes": corpus.get("classes", {}),
        "groups": corpus.get("groups"),
    }
    figures = {
        "what": _scored_on(record),
        "subsets": {subset: _figures(row) for subset, row in record["metrics"].items()},
        "leaks": bool(record.get("leaks", False)),
        "leakage": record.get("leakage", {}).get("verdict"),
    }
    card = {
        "limits": list(_limits(record)),
        "data": {modality: [data] for modality in record["modalities"]},
        "figures": {"cross_validation": figures},
    }
    return card | ({"training": record["request"]} if record.get("request") else {})


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of one subset; `ece` is that of the calibrated probabilities."""
    return {
        "n": row["n"],
        **{name: row[name][0] for name in metrics.SCORES},
        "ece": row["ece_calibrated"],
        "intervals": {name: row[name][1:] for name in metrics.SCORES},
    }


def _scored_on(record: Mapping[str, Any]) -> str:
    """Whom the figures were measured on, as a phrase."""
    plan = record.get("plan", {})
    number = len(record.get("chosen", ()))
    folds = "one split" if number == 1 else f"{number} folds"
    if record.get("leaks"):
        return f"{folds} that have the same people in training and test"
    if plan.get("kind") == "official":
        return "the official test part, by a model that was not trained on it"
    return f"{folds} of unseen {plan.get('groups', 'group')}s, each by a model that was not trained on them"


def _limits(record: Mapping[str, Any]) -> Iterator[str]:
    corpus = record["corpus"]["name"] or "its corpus"
    yield f"It reads how an emotion is shown in {corpus}; it does not know what a person feels."
    if record.get("leaks"):
        yield (
            "Its figures come from folds that have the same people on both sides: they are higher than for "
            "new people."
        )
    elif record.get("leakage", {}).get("verdict") not in (None, "clean"):
        yield f"Leakage check of its folds: {record['leakage'].get('reason', record['leakage']['verdict'])}"
    if record.get("speaker_normalised"):
        yield (
            "Its figures come from features standardised by speaker, also of the speakers tested; of a "
            "single clip the speaker's usual range is not known, so it is read less well."
        )
    yield (
        "It was fitted on all of the corpus: the figures are those of the folds' models, and other people, "
        "recordings and languages are read less well."
    )
