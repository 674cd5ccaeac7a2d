"""Where utterances begin and end: at pauses, where one speaker hands over to another, and at sentence ends.

Times are seconds from the start of the piece that is cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.voice_activity import QUIET, SHORTEST_VOICE, block_power, runs

Span = tuple[float, float]

LONGEST = 15.0  # seconds of an utterance
PAUSE = 0.5  # seconds without a voice that end an utterance
AROUND = 0.2  # seconds kept on both sides of an utterance, where there is a pause
LEAST = 0.8  # seconds of a part that is cut off
OPEN = 0.6  # seconds before the end of a piece in which an utterance that ends there may go on
DIP = 0.12  # seconds of quiet at which a sentence may end
ASTRAY = 1.0  # seconds of speech by which the end of a sentence, guessed from its letters, may be off
SILENT = 2.0  # seconds without speech from which on a face is looked for
LONGEST_SIGHT = 10.0  # seconds of an utterance that is only seen
_BLOCK = 0.01  # seconds over which a level is taken
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


def speech_spans(voices: Sequence[Span], waveform: np.ndarray, changes: Sequence[float] = ()) -> list[Span]:
    """Stretches of speech between pauses and changes of speaker, none longer than `LONGEST`.

    Args:
        voices: (start, end) of what the voice detector found, in order of time.
        waveform: (N,) float32 at 16 kHz.
        changes: when one speaker hands over to another.
    """
    joined: list[list[float]] = []
    for start, end in voices:
        if joined and start - joined[-1][1] < PAUSE:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([start, end])
    spans: list[Span] = []
    for start, end in joined:
        if end - start >= SHORTEST_VOICE:
            inner = [t for t in changes if start + LEAST <= t <= end - LEAST]
            for a, b in split((start, end), inner):
                spans += _shortened((a, b), waveform)
    return spans


def split(span: Span, at: Sequence[float]) -> list[Span]:
    """The parts of a span between times in it, which are left out where a part would be under `LEAST`."""
    edges = [span[0]]
    for time in sorted(at):
        if time - edges[-1] >= LEAST and span[1] - time >= LEAST:
            edges.append(time)
    edges.append(span[1])
    return list(pairwise(edges))


def _shortened(span: Span, waveform: np.ndarray) -> list[Span]:
    """The span in parts of up to `LONGEST`, cut at the longest pause in the second half of what is too long,
    or else where it is quietest.
    """
    start, end = span
    if end - start <= LONGEST:
        return [span]
    low, high = start + LONGEST / 3, min(start + LONGEST, end - LEAST)
    pauses = [(b - a, (a + b) / 2) for a, b in dips(waveform, span) if low <= (a + b) / 2 <= high]
    middle = max(pauses)[1] if pauses else _quietest(waveform, (low, high))
    return [(start, middle), *_shortened((middle, end), waveform)]


def dips(waveform: np.ndarray, span: Span) -> list[Span]:
    """The stretches of at least `DIP` seconds in a span that are `QUIET` dB below its loudest moment."""
    power = _power(waveform, span)
    if not len(power) or power.max() <= 0:
        return []
    quiet = runs(power < power.max() * 10 ** (-QUIET / 10))
    found = [(a * _BLOCK + span[0], b * _BLOCK + span[0]) for a, b in quiet]
    return [(a, b) for a, b in found if b - a >= DIP - 1e-9]


def _quietest(waveform: np.ndarray, span: Span) -> float:
    power = _power(waveform, span)
    if not len(power):
        return sum(span) / 2
    smooth = np.convolve(power, np.full(20, 0.05), mode="same")
    return span[0] + (int(smooth.argmin()) + 0.5) * _BLOCK


def _power(waveform: np.ndarray, span: Span) -> np.ndarray:
    """Mean square in each hundredth of a second."""
    part = waveform[max(int(span[0] * SAMPLE_RATE), 0) : max(int(span[1] * SAMPLE_RATE), 0)]
    return block_power(part, int(SAMPLE_RATE * _BLOCK))


def sentences(words: str) -> list[str]:
    """The sentences of a text."""
    return [part for part in _SENTENCE.split(words.strip()) if part]


def by_sentence(span: Span, words: str, waveform: np.ndarray) -> list[tuple[Span, str]]:
    """The span with its words, cut where a sentence ends and there is a short pause near the place at which
    the share of its letters lets one expect it.
    """
    parts = sentences(words)
    quiet = dips(waveform, span)
    if len(parts) < 2 or not quiet:
        return [(span, words)]
    spoken = span[1] - span[0] - sum(b - a for a, b in quiet)
    letters, said = sum(map(len, parts)), 0
    cut: list[tuple[Span, str]] = []
    start, text = span[0], parts[0]
    for before, after in pairwise(parts):
        said += len(before)
        due = spoken * said / letters
        near = min(quiet, key=lambda dip: abs(_spoken_before(dip[0], span[0], quiet) - due))
        middle = sum(near) / 2
        off = abs(_spoken_before(near[0], span[0], quiet) - due)
        if off <= ASTRAY and middle - start >= LEAST and span[1] - middle >= LEAST:
            cut.append(((start, middle), text))
            start, text = middle, after
        else:
            text = f"{text} {after}"
    return [*cut, ((start, span[1]), text)]


def _spoken_before(time: float, start: float, quiet: Sequence[Span]) -> float:
    """Seconds from `start` to a time, without the quiet ones."""
    return time - start - sum(min(b, time) - a for a, b in quiet if a < time)


def with_margin(spans: Sequence[Span], duration: float) -> list[Span]:
    """The spans with `AROUND` on both sides, or half of the pause where that is shorter."""
    wider = []
    for i, (start, end) in enumerate(spans):
        before = start - (spans[i - 1][1] if i else 0.0)
        after = (spans[i + 1][0] if i + 1 < len(spans) else duration) - end
        first = start - min(AROUND, max(before, 0.0) / (2 if i else 1))
        last = end + min(AROUND, max(after, 0.0) / (2 if i + 1 < len(spans) else 1))
        wider.append((max(first, 0.0), min(last, duration)))
    return wider


def gaps(spans: Sequence[Span], duration: float) -> list[Span]:
    """The stretches of at least `SILENT` seconds between spans, in parts of up to `LONGEST_SIGHT`."""
    edges = [0.0, *(t for span in spans for t in span), duration]
    found: list[Span] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        count = max(int(np.ceil((end - start) / LONGEST_SIGHT - 1e-9)), 1)
        if end - start >= SILENT:
            marks = np.linspace(start, end, count + 1)
            found += [(float(a), float(b)) for a, b in pairwise(marks)]
    return found
