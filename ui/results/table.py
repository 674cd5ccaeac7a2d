"""The list of runs: a table to filter and pick from, what cannot be shown and why, what is being trained. The
pick lives in the URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from mmer_core.labels import Modality, subset_name
from mmer_core.runs.run import CVRun, RunEntry
from mmer_core.runs.titles import BETWEEN, corpus_title, labels, plain_title
from ui import runs
from ui.export import offer_table
from ui.figure import score, subset_title
from ui.results.charts import SCORE_TITLES
from ui.text import plain, sentence_case

URL = "run"  # ?run=a,b
VIEW = ("modalities", "fold", "cell")  # what else the address says of one run; see `ui.results.view`
MOST = 12  # runs looked at together
_CHOSEN, _TABLE, _PICKED = "runs-chosen", "runs-table", "runs-picked"
_FIRST = "runs-first"  # those that the page was opened with stand first, where their ticks are seen
_FILTERS = {
    "Corpus": "Show only runs on these corpora.",
    "Classes": "Show only runs with this many emotions to tell apart.",
    "Fusion": "Show only runs of these fusion models.",
    "Status": "Show only runs that ended like this.",
}
_SHOWN_SCORES = ("accuracy", "ua", "weighted_f1")


def as_table(entries: Sequence[RunEntry]) -> pd.DataFrame:
    """One row for each run that can be read, as shown; scores are of all its modalities, in percent with 95 %
    intervals.
    """
    titles = runs.titles(entries)
    rows = [_row(e, titles[e.path.name]) for e in entries if e.record is not None]
    return pd.DataFrame(rows, columns=_columns())


def broken(entries: Sequence[RunEntry]) -> pd.DataFrame:
    """Folder and reason of each run that cannot be read."""
    rows = [(e.path.name, sentence_case(str(e.problem))) for e in entries if e.record is None]
    return pd.DataFrame(rows, columns=["Folder", "Why it cannot be shown"])


def chosen(entries: Sequence[RunEntry]) -> list[str]:
    """The runs that are looked at: those of the URL; where it names none and the page was just entered, those
    picked before on this visit. So that one step back goes back, an address is only ever written when the
    view changes.
    """
    in_url = [name for part in st.query_params.get_all(URL) for name in part.split(",") if name]
    entered = (
        f"filter-{next(iter(_FILTERS))}" not in st.session_state
    )  # controls are forgotten with their page
    if in_url or not entered:
        st.session_state[_CHOSEN] = list(dict.fromkeys(in_url))
    if entered:
        st.session_state[_FIRST] = list(st.session_state.get(_CHOSEN, []))
    known = {e.path.name for e in entries}
    wanted = st.session_state.get(_CHOSEN, [])
    for name in wanted:
        if name not in known:
            st.warning(
                f"There is no run called {plain(name)} here: choose one from the table.",
                icon=":material/help:",
            )
    names = [name for name in wanted if name in known][:MOST]
    st.session_state[_CHOSEN] = names
    if names and not in_url:
        _write_url(names)
    return names


@st.fragment
def show_table(entries: Sequence[RunEntry], names: Sequence[str]) -> None:
    """Filters, the table, and the pick. A filter redraws only this; another pick redraws the page."""
    first = st.session_state.get(_FIRST, [])
    table = as_table(sorted(entries, key=lambda e: e.path.name not in first))
    visible = _filtered(table)
    names_of = {**runs.titles(entries), **_chips(entries, names)}
    whole = f"{len(table):,} run{'' if len(table) == 1 else 's'}"
    st.caption(whole if len(visible) == len(table) else f"{len(visible):,} of {whole}")
    if len(table) and not len(visible):
        st.info("No run fits these filters: take one of them away.", icon=":material/filter_alt_off:")
    st.session_state[_PICKED] = list(names)
    rows = [row for row, name in enumerate(visible["Run"]) if name in names]
    # other rows are another table: positions mean other runs
    key = f"{_TABLE}-{abs(hash(tuple(visible['Run'])))}"
    if key in st.session_state and sorted(st.session_state[key]["selection"]["rows"]) != rows:
        st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        visible,
        hide_index=True,
        key=key,
        on_select=lambda: _pick_rows(key, list(visible["Run"])),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        column_config=_column_config(),
        height=min(10, max(2, len(visible))) * 35 + 38,
        alt="Cross-validation runs, newest first",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Look at",
            [*names, *(n for n in visible["Run"] if n not in names)],
            default=names,
            key=f"{_PICKED}-{','.join(names)}",
            max_selections=MOST,
            format_func=lambda name: names_of.get(name, name),
            on_change=lambda: _choose(st.session_state[f"{_PICKED}-{','.join(names)}"]),
            placeholder="Pick a run here or tick rows above",
            help="One run opens all that is known of it; several are compared. The address of this page "
            "keeps the pick.",
        )
        offer_table(visible, "runs")
    if st.session_state[_CHOSEN] != list(names):
        st.rerun()


def percents(table: pd.DataFrame) -> dict[str, Any]:
    """The format of columns in percent: one decimal."""
    return {c: st.column_config.NumberColumn(format="%.1f", width=95) for c in table if c.endswith("%")}


def show_broken(entries: Sequence[RunEntry]) -> None:
    """Folders that cannot be shown, with the reason."""
    table = broken(entries)
    if len(table):
        count = f"{len(table)} folder{'s' if len(table) > 1 else ''} cannot be shown"
        with st.expander(count, icon=":material/warning:"):
            for folder, reason in table.itertuples(index=False):
                st.markdown(f"**{plain(folder)}**: {plain(reason)}")


@st.fragment(run_every=2)
def show_training(names: Sequence[str]) -> None:
    """The progress of running trainings; the page is drawn anew when one ends."""
    now = {e.path.name: e for e in runs.listed()}
    for name in names:
        entry = now.get(name)
        if entry is None or entry.record is None or entry.status != "running":
            st.rerun()
        progress = runs.progress(CVRun(entry.path, entry.record))
        done = f"{progress['done']} of {progress['folds']} folds done"
        st.progress(progress["share"], text=f"Training **{plain(name)}**: {progress['share']:.0%}, {done}")


def _filtered(everything: pd.DataFrame) -> pd.DataFrame:
    table = everything
    with st.container(horizontal=True, gap="small"):
        for column, help_ in _FILTERS.items():
            options = sorted(everything[column].unique().tolist())
            picked = st.multiselect(
                column, options, key=f"filter-{column}", placeholder="All", help=help_, width=166
            )
            if picked:
                table = table[table[column].isin(picked)]
    return table.reset_index(drop=True)


def _chips(entries: Sequence[RunEntry], names: Sequence[str]) -> dict[str, str]:
    """{name: label} of several picked runs, short enough to stand beside each other; {} for one."""
    picked = {e.path.name: e.record for e in entries if e.record is not None and e.path.name in names}
    return labels(picked) if len(picked) > 1 else {}


def _pick_rows(key: str, visible: list[str]) -> None:
    """The ticked rows; what was picked before and is filtered away stays."""
    ticked = [visible[row] for row in st.session_state[key]["selection"]["rows"]]
    before = st.session_state[_PICKED]
    _choose([n for n in before if n in ticked or n not in visible] + [n for n in ticked if n not in before])


def _choose(names: Sequence[str]) -> None:
    st.session_state[_CHOSEN] = list(names)[:MOST]
    _write_url(st.session_state[_CHOSEN])


def _write_url(names: Sequence[str]) -> None:
    """The pick in the address, in one step; what it says of a run goes with the run."""
    now, address = st.query_params.to_dict(), ",".join(names)
    if now.get(URL, "") != address:
        rest = {key: value for key, value in now.items() if key not in (URL, *VIEW)}
        st.query_params.from_dict({**rest, URL: address} if address else rest)


def _columns() -> list[str]:
    return [
        "Run",
        "Corpus",
        "Classes",
        "Fusion",
        "Modalities",
        "Folds",
        *(SCORE_TITLES[m] for m in _SHOWN_SCORES),
        "Differs in",
        "Leakage",
        "Status",
        "Date",
    ]


def _row(entry: RunEntry, title: str) -> list[Any]:
    record = entry.record
    assert record is not None
    modalities = subset_name(Modality(m) for m in record["modalities"])
    figures = record["metrics"].get(modalities)
    scores = [score(figures[m]) if figures else "–" for m in _SHOWN_SCORES]
    leakage = record.get("leakage")
    verdict = leakage.get("verdict", "unknown") if isinstance(leakage, dict) else "unknown"
    classes, folds = len(record["labels"]), record["plan"].get("folds")
    apart = title.removeprefix(plain_title(record)).removeprefix(BETWEEN)
    about = [entry.path.name, corpus_title(record), classes, record["fusion"]["name"]]
    about += [subset_title(modalities), folds]
    return [*about, *scores, apart, str(verdict), entry.status, record["created"][:10]]


def _column_config() -> dict[str, Any]:
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    of_all = (
        "with all modalities of the run, in percent, with the 95 % interval by bootstrap over speakers "
        "(or what the folds keep apart)."
    )
    return {
        "Classes": number(width=70, help="How many emotions are told apart."),
        "Folds": number(width=60, help="Parts that were tested in turn."),
        "Accuracy": text("Accuracy, %", width=130, help=f"Share of clips named right, {of_all}"),
        SCORE_TITLES["ua"]: text("UA, %", width=130, help=f"Mean recall over the classes, {of_all}"),
        SCORE_TITLES["weighted_f1"]: text(
            "Weighted F1, %", width=130, help=f"F1 averaged over classes by their size, {of_all}"
        ),
        "Leakage": text(
            width=155,
            help="Whether test and training share speakers, dialogues, files or words: what the figures "
            "are worth.",
        ),
        "Date": text(width=90, help="When the training began (UTC)."),
        "Run": text(help="The folder of the run."),
        "Differs in": text(
            width=230, help="What tells the run from others of the same corpus, classes and network."
        ),
    }
