"""Text in tables that people open in a spreadsheet, which would run a cell that begins like a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inert(cell: str) -> str:
    """The text with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with inert texts, names of columns included; numbers stay numbers, also negative ones.

    A text that is a plain number, such as "-3.5" in a column of results that were rounded, stays as it is.
    """
    found = table.rename(columns=lambda name: inert(str(name)))
    for place, kind in enumerate(found.dtypes):
        if kind.kind not in "biufcmM":
            found.isetitem(place, found.iloc[:, place].map(_cell, na_action="ignore"))
    return found


def _cell(value: object) -> object:
    return value if not isinstance(value, str) or _is_number(value) else inert(value)


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return False
    return True
