"""A Praat TextGrid: for each speaker a tier of words and one of emotions."""

from __future__ import annotations

from pathlib import Path

from mmer_core.recordings.exports.captions import NOBODY_NAMED, Names, on_one_line
from mmer_core.recordings.exports.elan import tier_of
from mmer_core.recordings.recording import Recording

REQUIREMENT = "praatio==6.2.2"


def check() -> None:
    """Raises ValueError if the library is missing."""
    try:
        import praatio  # noqa: F401
    except ImportError as error:
        raise ValueError(f"Praat files need another package: run pip install {REQUIREMENT}") from error


def write(recording: Recording, out: Path, names: Names = NOBODY_NAMED) -> None:
    """Write the grid from 0 to where the recording was read; tiers have no overlapping intervals."""
    from praatio import textgrid

    last = max([recording.end, 0.001, *(u.end for u in recording.utterances)])
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for utterance in recording.utterances:
        tier = tier_of(utterance, names)
        for name, value in ((tier, on_one_line(utterance.words)), (f"{tier} emotion", utterance.label or "")):
            rows = tiers.setdefault(name, [])
            start = max(round(utterance.start, 3), rows[-1][1] if rows else 0.0)
            end = round(utterance.end, 3)
            if value and end > start:
                rows.append((start, end, value))
    grid = textgrid.Textgrid(0.0, last)
    for name, rows in tiers.items():
        if rows:
            grid.addTier(textgrid.IntervalTier(name, rows, 0.0, last))
    if not grid.tierNames:
        grid.addTier(textgrid.IntervalTier("Speech", [(0.0, last, "")], 0.0, last))
    grid.save(str(out), format="long_textgrid", includeBlankSpaces=True)
