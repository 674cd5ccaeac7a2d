"""The records of delimited text: where they begin, what stands between their cells, and which marks do not
close.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from mmer_core.corpora.manifest import CorpusError

#: What may stand between cells, and the word for it; the first wins a tie.
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
MOST_UNCLOSED = 1_000  # quotation marks that are not closed


class _Shape(TypedDict):
    delimiter: str
    skipinitialspace: bool


def beginning(lines: list[str]) -> tuple[int, str]:
    """The position of the header, after blank lines and a line `sep=;`, and what separates its cells."""
    start, given = 0, ""
    while start < len(lines):
        plain = lines[start].strip("\r\n \ufeff")
        if match := re.fullmatch(r'"?sep=([^\s\w"\0]|\t)"?', lines[start].strip("\r\n"), re.IGNORECASE):
            given = match[1]
        elif plain.strip(",;|\t "):
            break
        start += 1
    if start == len(lines):
        return start, ","
    return start, given or max(SEPARATORS, key=lambda s: len(next(csv.reader([lines[start]], delimiter=s))))


def records(
    file: Path, lines: list[str], start: int, separator: str, width: int
) -> Iterator[tuple[int, list[str] | None]]:
    """Yield (line, cells) of each record that is not blank, the header first. A quotation mark that is not
    closed would swallow the lines below it: where one seems to, its line is read alone, or given as None if
    it does not fit the header then, and reading goes on behind it.

    Raises:
        CorpusError: that is so of more than `MOST_UNCLOSED` lines.
    """
    shape: _Shape = {"delimiter": separator, "skipinitialspace": True}
    position, again = start, 0
    while position < len(lines):
        again += 1
        if again > MOST_UNCLOSED:  # each may cost as much as the whole table
            raise CorpusError(
                f"{file} has quotation marks that are not closed in more than {MOST_UNCLOSED:,} lines, the "
                f"last of them line {position}: close or remove them"
            )
        reader = csv.reader(iter(lines[position:]), strict=True, **shape)
        read = 0
        try:
            for cells in reader:
                if reader.line_num - read > 1 and not fits(cells, width):
                    break
                if any(cell.strip() for cell in cells):
                    yield position + read + 1, cells
                read = reader.line_num
            else:
                return
        except csv.Error:  # text after a closing mark, no closing one, or a cell that goes on for 128 KB
            pass
        position += read + 1
        try:
            alone = next(csv.reader([lines[position - 1]], **shape), [])
        except csv.Error:
            alone = []
        yield position, alone if fits(alone, width) else None


def fits(cells: list[str], width: int) -> bool:
    """Whether a row has as many cells as the header; further ones may be blank."""
    return len(cells) >= width and not any(cell.strip() for cell in cells[width:])
