"""An explanation in one sentence."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from mmer_core.explanation.parts import Explanation, Face, Moment, Sound, Words
from mmer_core.labels import MODALITY_TITLES, Modality

_JOINED = 3  # neighbouring words that are named together, at most
_REGIONS = ("the forehead", "the eyes", "the eyes", "the nose and cheeks", "the mouth", "the mouth and chin")
_NEARLY = 0.5  # share of the strongest word's points from which its neighbour is named with it


def summary(explanation: Explanation, shown: Collection[Modality] | None = None) -> str:
    """ "Mostly the words: “can’t believe” adds 21 points." or, where nothing tells, that no single part does.

    Args:
        explanation: of one answer.
        shown: modalities that may be named; by default those that are telling.
    """
    named = explanation.telling if shown is None else {m: explanation.parts[m] for m in shown}
    contributions = explanation.contributions
    if not contributions:
        return "Nothing was read, so there is nothing to explain."
    strongest = max(contributions, key=lambda m: abs(contributions[m]))
    title, points = MODALITY_TITLES[strongest].lower(), contributions[strongest]
    if abs(points) < 0.01:
        return f"Nothing in this clip moves {explanation.label} by as much as a point."
    lead = f"Mostly the {title}"
    if points < 0:
        spoken = "speak" if strongest is Modality.TEXT else "speaks"
        lead = f"Mostly the {title}, which {spoken} against {explanation.label}"
    part = named.get(strongest)
    detail = _detail(part) if part is not None else ""
    if not detail:
        return f"{lead} ({signed_points(points)}); no single part of it stands out."
    return f"{lead}: {detail}."


def signed_points(value: float) -> str:
    """ "adds 21 points", "takes away 1 point", "changes nothing"."""
    rounded = round(100 * value)
    if not rounded:
        return "changes nothing"
    verb = "adds" if rounded > 0 else "takes away"
    return f"{verb} {abs(rounded)} {'point' if abs(rounded) == 1 else 'points'}"


def _detail(part: Words | Sound | Face) -> str:
    sign = 1 if part.share >= 0 else -1
    if isinstance(part, Words):
        text, points = strongest_words(part, sign)
        return f"“{text}” {signed_points(points)}" if round(100 * points) else ""
    moment: Moment = max(part.moments, key=lambda m: sign * m.points)
    if isinstance(part, Face) and (len(part.moments) == 1 or moment.end <= moment.start):
        return f"the face {signed_points(part.share)}"
    if not round(100 * moment.points):
        return ""
    return f"the moment from {moment.start:.1f} to {moment.end:.1f} s {signed_points(moment.points)}"


def strongest_words(words: Words, sign: int = 1) -> tuple[str, float]:
    """The word that adds most (takes away most for a sign of -1) with its neighbours that add at least half
    as much, and the points of all of these.
    """
    points = [sign * word.points for word in words.words]
    first = last = max(range(len(points)), key=points.__getitem__)
    least = _NEARLY * points[first]
    while last - first + 1 < _JOINED:
        left = points[first - 1] if first > 0 else float("-inf")
        right = points[last + 1] if last + 1 < len(points) else float("-inf")
        if max(left, right) < least or max(left, right) <= 0:
            break
        first, last = (first - 1, last) if left >= right else (first, last + 1)
    text = words.text[words.words[first].start : words.words[last].end]
    return text.strip(' .,;:!?…"“”'), sign * sum(points[first : last + 1])


def strongest_region(cells: np.ndarray) -> tuple[str, bool]:
    """The row of a map (G, G) in which a face matters most, by name, and whether it adds. Crops are upright
    and framed alike, so a row shows the same part of every face.
    """
    rows = cells.sum(axis=1)
    row = int(np.abs(rows).argmax())
    return _REGIONS[row * len(_REGIONS) // len(rows)], bool(rows[row] > 0)
