"""The fourth part of the training form: the folds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core import corpora
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.options import Option, options_of
from ui.text import plain
from ui.train.controls import KEPT, Form

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest

KINDS = {
    "group": "Keep people apart: the test part has nobody from training",
    "leave-one-out": "Leave one out: each fold tests one speaker, session or dialogue",
    "official": "The corpus's own split into train, dev and test",
    "given": "Folds from a file",
    "random": "Random, which leaks: the same people on both sides",
}
MOST_RANDOM = 20


def choose_folds(form: Form, manifest: Manifest) -> tuple[FoldPlan, str]:
    """The plan, and the file of folds where one gives them."""
    st.subheader("4 · Folds", anchor="folds")
    base = form.base.plan
    known = {option.name: option for option in options_of(FoldPlan)}
    units = _units(manifest)
    kinds = _kinds(manifest, units)
    if "group" not in kinds:
        st.caption("The corpus does not say who speaks, so folds cannot keep people apart.")
    kind = st.selectbox(
        "How to split",
        kinds,
        index=kinds.index(base.kind) if base.kind in kinds else 0,
        format_func=lambda name: KINDS.get(name, name),
        key=form.key(f"folds-kind-{','.join(kinds)}"),
        persist_state=KEPT,
        help="The part that is tested, and what it must not have met.",
    )
    first, second, third = st.columns(3)
    with first:
        unit = _choose_unit(form, units)
    with second:
        number, file = _choose_number(form, kind, manifest, unit, known["folds"])
    with third:
        seed = form.control(known["seed"], base.seed, "seed")
    with st.expander("Advanced folds", icon=":material/tune:"):
        rest = form.controls([known["validation"], known["repeat"]], base.to_json(), "plan")
    values = {"kind": kind, "groups": unit, "folds": number, "seed": seed, **rest}
    return _plan(form, values), file


def _plan(form: Form, values: dict[str, Any]) -> FoldPlan:
    try:
        return FoldPlan(**values)
    except ValueError as error:
        form.problems.append(str(error))
        return FoldPlan()


def _units(manifest: Manifest) -> list[str]:
    """The units that are known for every utterance."""
    columns = corpora.manifest.GROUP_COLUMNS
    return [unit for unit, column in columns.items() if (manifest.table[column] != "").all()]


def _kinds(manifest: Manifest, units: list[str]) -> list[str]:
    """The kinds of folds that the corpus allows, the best first."""
    split = len(set(manifest.table["split"]) - {""}) > 1
    apart = ["group", "leave-one-out"] if units else []
    return (
        [*apart, *(["official"] if split else []), "given", "random"]
        if units or split
        else ["random", "given"]
    )


def _choose_unit(form: Form, units: list[str]) -> str:
    base = form.base.plan.groups
    offered = units or [base]
    return str(
        st.selectbox(
            "Never split across folds",
            offered,
            index=offered.index(base) if base in offered else 0,
            key=form.key(f"groups-{','.join(offered)}"),
            persist_state=KEPT,
            disabled=not units,
            help="The unit that is never on two sides; only those that the corpus names are offered.",
        )
    )


def _choose_number(form: Form, kind: str, manifest: Manifest, unit: str, option: Option) -> tuple[int, str]:
    """The number of folds, and the file that gives them."""
    if kind == "given":
        file = st.text_input(
            "File",
            value=form.base.folds_file,
            key=form.key("folds-file"),
            persist_state=KEPT,
            placeholder="/data/folds.csv",
            help="A CSV with the columns id and fold, or JSON with the speakers of each fold.",
        ).strip()
        if not file:
            form.problems.append("the folds come from a file and none is named: name it")
        return form.base.plan.folds, str(Path(file).expanduser().absolute()) if file else ""
    if kind not in ("group", "random"):
        return form.base.plan.folds, ""
    groups = len(set(manifest.table[corpora.manifest.GROUP_COLUMNS[unit]]))
    most = max(2, groups) if kind == "group" else MOST_RANDOM
    if kind == "group" and groups < 2:
        st.caption(plain(f"There is one {unit} only."))
    return form.control(option, form.base.plan.folds, f"folds-{kind}-{most}", 2, most), ""
