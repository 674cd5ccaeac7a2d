"""The rows and files of a corpus that cannot be used: how many, why, and all of them as a table."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import pandas as pd
import streamlit as st

from mmer_core.corpora import Problem
from mmer_core.runs.spreadsheets import without_formulas
from ui.export import offer_file
from ui.text import plain

SHOWN = 3  # reasons in the warning
_NAMES = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[/\\]\S+|\S+\.\w{2,5}\b|\d+")


def show_unusable(problems: Sequence[Problem], used: Collection[str]) -> None:
    """A warning with the count and the main reasons, and the table of all to look at and to save; nothing
    without problems.

    Args:
        problems: rows and files, each with its reason.
        used: ids of the rows that are used; one of them lost only a part.
    """
    if not problems:
        return
    st.warning(plain(unusable_sentence(problems, used)), icon=":material/report:")
    table = pd.DataFrame([{"id": p.id, "reason": p.reason} for p in problems])
    with st.expander("Reasons, row by row", icon=":material/table:"):
        st.dataframe(table, hide_index=True, alt="What cannot be used, and why")
    offer_file(
        "CSV of the reasons",
        lambda: without_formulas(table).to_csv(index=False),
        "unusable-rows.csv",
        key="csv-unusable-rows",
        icon=":material/download:",
        help="Save every row and file that cannot be used, with its reason.",
    )


def unusable_sentence(problems: Sequence[Problem], used: Collection[str]) -> str:
    """ "22 of 30 rows or files cannot be used. Mainly: unknown label 'x'… (20 such); a.wav is missing." """
    lost = len({p.id for p in problems} - set(used))
    part = len({p.id for p in problems} & set(used))
    counts = [
        f"{lost:,} of {lost + len(used):,} rows or files cannot be used" if lost else "",
        f"{part:,} {'row is' if part == 1 else 'rows are'} used without a part" if part else "",
    ]
    reasons = "; ".join(
        f"{example}{f' ({count:,} such)' if count > 1 else ''}" for count, example in main_reasons(problems)
    )
    return f"{'; '.join(filter(None, counts))}. Mainly: {reasons}."


def main_reasons(problems: Sequence[Problem]) -> list[tuple[int, str]]:
    """(how often, an example) of the most frequent reasons; those that differ only in names and numbers are
    one.
    """
    found: dict[str, list[str]] = {}
    for problem in problems:
        kind = _NAMES.sub("…", problem.reason.replace(problem.id, "…"))
        found.setdefault(kind, []).append(problem.reason)
    order = sorted(found.values(), key=len, reverse=True)[:SHOWN]
    return [(len(same), same[0]) for same in order]
