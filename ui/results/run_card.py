"""The card of a run: the command that repeats it, data, features, choices, and the leakage check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.runs.run import CVRun
from ui.export import offer_file, offer_table
from ui.results.run_report import run_report
from ui.text import plain, sentence_case
from ui.theme import emotion_name

_GOOD = ("clean", "overlap in text only")


def show_card(run: CVRun) -> None:
    """Every setting that run.json holds, with the command first."""
    record, name = run.record, run.path.name
    st.markdown("#### The command that repeats it")
    st.code(record["command"], language="sh", wrap_lines=True)
    _show_leakage(record)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### Data")
        _facts(_data(record))
        _show_classes(record, name)
    with right:
        _show_choice(record, name)
        _show_features(record)
    if record.get("request"):
        with st.expander("The request as JSON, for the Train page", icon=":material/data_object:"):
            st.code(json.dumps(record["request"], indent=1, ensure_ascii=False), language="json", height=240)
    with st.expander("Settings and versions", icon=":material/settings:"):
        settings = _settings(record)
        st.dataframe(settings, hide_index=True, alt="Settings and versions of the run")
        offer_table(settings, f"settings-{name}")
    for note in record.get("notes") or []:
        st.info(sentence_case(plain(str(note))), icon=":material/info:")
    _offer_files(run)


def _offer_files(run: CVRun) -> None:
    """The report, once there is one, and run.json."""
    record, name = run.record, run.path.name
    if run.finished:
        offer_file(
            "Report",
            lambda: run_report(run),
            f"{name}.html",
            key=f"report-{name}",
            icon=":material/description:",
            help="Scores, confusions, folds, training, calibration and this card as one HTML file (5 MB) "
            "that opens offline and loads nothing.",
        )
    offer_file(
        "run.json",
        lambda: json.dumps(record, indent=1, ensure_ascii=False),
        f"{name}.json",
        key=f"record-{name}",
        icon=":material/data_object:",
        help="The whole record of the run: settings, figures, checks and the sha256 of its files.",
    )


def _show_leakage(record: Mapping[str, Any]) -> None:
    leakage = record.get("leakage")
    if not isinstance(leakage, dict):
        st.warning("Nothing is written down about what training and test share.", icon=":material/help:")
        return
    verdict, reason = str(leakage.get("verdict", "unknown")), str(leakage.get("reason", ""))
    text = f"**Leakage check: {plain(verdict)}.** {plain(reason)}"
    if verdict in _GOOD:
        st.success(text, icon=":material/verified:")
    else:
        st.warning(text, icon=":material/warning:")
    for unknown in leakage.get("unknown") or []:
        st.caption(plain(sentence_case(str(unknown))))


def _show_choice(record: Mapping[str, Any], name: str) -> None:
    st.markdown("#### How it was chosen")
    st.markdown(plain(record.get("selection") or "Not written down."))
    chosen = _chosen(record)
    if len(chosen):
        st.dataframe(chosen, hide_index=True, alt="What was chosen in each fold")
        offer_table(chosen, f"chosen-{name}")


def _show_features(record: Mapping[str, Any]) -> None:
    st.markdown("#### Features")
    for modality, facts in (record.get("features") or {}).items():
        title = MODALITY_TITLES.get(modality, modality) if modality in list(Modality) else modality
        st.markdown(
            f"**{title}** ({facts.get('dim', '?')} numbers each): {plain(str(facts.get('encoder', '?')))}"
        )


def _data(record: Mapping[str, Any]) -> dict[str, str]:
    corpus, plan = record["corpus"], record["plan"]
    groups = f"{corpus.get('groups', '?')} {plan.get('groups', 'group')}s"
    repeat = f", repeated {plan['repeat']} times" if plan.get("repeat", 1) > 1 else ""
    return {
        "Corpus": f"{corpus['name']}, {corpus.get('n', '?'):,} clips of {groups}"
        if isinstance(corpus.get("n"), int)
        else str(corpus["name"]),
        "Folds": f"{plan.get('folds', '?')}, {plan.get('kind', '?')}, kept apart by "
        f"{plan.get('groups', '?')}{repeat}",
        "Validation part": f"{100 * plan['validation']:.0f} % of the training part"
        if isinstance(plan.get("validation"), float)
        else "?",
        "Seed": str(record.get("seed", "?")),
        "Left out": f"{len(corpus.get('problems') or [])} clips with damaged or missing features",
        "Fingerprint": str(corpus.get("fingerprint", "?"))[:16],
    }


def _facts(facts: Mapping[str, str]) -> None:
    st.markdown("\n".join(f"- **{key}**: {plain(value)}" for key, value in facts.items()))


def _show_classes(record: Mapping[str, Any], name: str) -> None:
    classes = record["corpus"].get("classes")
    if isinstance(classes, dict):
        table = pd.DataFrame({"Emotion": [emotion_name(c) for c in classes], "Clips": list(classes.values())})
        st.dataframe(table, hide_index=True, alt="Clips of each emotion")
        offer_table(table, f"classes-{name}")


def _chosen(record: Mapping[str, Any]) -> pd.DataFrame:
    """Best epoch, validation score and settings of each fold; settings only where the folds differ or a
    search was made.
    """
    rows = []
    for fold in record.get("chosen") or []:
        epochs = fold.get("best_epoch") or {}
        if isinstance(epochs, dict):
            epochs = ", ".join(f"{part} {epoch}".strip() for part, epoch in epochs.items())
        validation, by_loss = fold.get("validation_score"), record["training"].get("select_by") == "loss"
        row = {"Fold": fold.get("fold"), "Best epoch": str(epochs)}
        chosen_by = "loss" if by_loss else record["training"].get("select_by", "score")
        negative = by_loss and validation is not None
        row[f"Validation {chosen_by}"] = -validation if negative else validation
        for key in (record.get("search") or {}).get("grid") or {}:
            row[key] = _text(
                (fold.get("training") or {}).get(
                    key, ((fold.get("fusion") or {}).get("options") or {}).get(key)
                )
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _settings(record: Mapping[str, Any]) -> pd.DataFrame:
    """Part, setting and value of everything that was set."""
    fusion = {"name": record["fusion"]["name"], **(record["fusion"].get("options") or {})}
    parts = {
        "fusion": fusion,
        "training": record["training"],
        "search": record.get("search"),
        "folds": record["plan"],
        "versions": record.get("versions"),
    }
    rows = [
        (part, key, _text(value)) for part, values in parts.items() for key, value in (values or {}).items()
    ]
    return pd.DataFrame(rows, columns=["Part", "Setting", "Value"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
