"""What each word adds: Shapley values over the words of a text, which is encoded anew without some of them.

A text of up to `LONGEST` words is taken word by word. In a longer one, runs of neighbouring words come first,
and the runs that matter most are divided among their words by leaving each out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from mmer_core.clip import Clip
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.explanation.deletion import deletion
from mmer_core.explanation.game import Game, drawn_orders, shapley, spread
from mmer_core.explanation.parts import Word, Words
from mmer_core.explanation.share import ShareOf, features_of

LONGEST = 25  # words that are taken one by one
RUNS = 12  # about as many runs of a longer text
DIVIDED = 3  # runs whose words are told apart
_READ = 800  # words that are encoded in all, about
_PAIRS = (3, 8)  # of orders, at least and at most
Span = tuple[int, int]
# scripts without spaces: a letter at a time
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|[^\s\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]+")


def explain_words(encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip, seed: int) -> Words:
    """The words of a clip's text.

    Args:
        encoder: of the text.
        share: what any features of the text add.
        total: what those of the whole text add; the words sum to it.
        clip: with the text and the turns before it.
        seed: of the orders that are drawn.
    """
    text = clip.text or ""
    spans = word_spans(text)
    runs = spans if len(spans) <= LONGEST else _runs(text, spans)
    game = word_game(encoder, share, total, clip, runs)
    pairs = int(np.clip(_READ // (len(runs) * len(spans)), *_PAIRS))
    orders = drawn_orders(len(runs), pairs, seed)
    points, effects = shapley(game, orders), game.effects()
    words = [Word(*run, float(p), float(e)) for run, p, e in zip(runs, points, effects, strict=True)]
    if len(runs) < len(spans):
        words = _divided(words, spans, lambda texts: total - share(encoded(encoder, clip, texts)), text)
    return Words(text, tuple(words), total, deletion(game, points, orders))


def word_game(
    encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip, spans: Sequence[Span]
) -> Game:
    """What sets of these spans of a clip's text add; all of them add `total`."""

    def value(masks: np.ndarray) -> np.ndarray:
        return share(encoded(encoder, clip, [without(clip.text or "", spans, keep) for keep in masks]))

    return Game(len(spans), value, total, 0.0)


def word_spans(text: str) -> list[Span]:
    """(start, end) of each word: what stands between spaces, a letter in scripts without them; marks that
    stand alone belong to the word before them, or to the first one.
    """
    spans: list[Span] = []
    only_marks = False
    for found in _WORD.finditer(text):
        start, end = found.span()
        marks = all(unicodedata.category(letter)[0] == "P" for letter in found.group())
        if spans and (marks or only_marks):
            start = spans.pop()[0]
            only_marks = only_marks and marks
        else:
            only_marks = marks
        spans.append((start, end))
    return spans


def without(text: str, spans: Sequence[Span], keep: np.ndarray) -> str:
    """The text with the spans that are kept, (N,) bool, each with the space behind it."""
    edges = [*(start for start, _ in spans), len(text)]
    return "".join(
        text[start:end] for (start, end), kept in zip(pairwise(edges), keep, strict=True) if kept
    ).strip()


def encoded(encoder: ModalityEncoder, clip: Clip, texts: Sequence[str]) -> list[np.ndarray | None]:
    """Features of texts in the place of the clip's own, (T, D) each, many at once where the encoder can; None
    where it finds no words.
    """
    if many := getattr(encoder, "encode_texts", None):
        previous = clip.dialogue.previous if clip.dialogue else ()
        return [rows if len(rows) else None for rows in many(texts, [previous] * len(texts))]
    return [features_of(encoder, clip.with_text(text)) for text in texts]


def _runs(text: str, spans: Sequence[Span]) -> list[Span]:
    """Runs of neighbouring words, which end at punctuation where there is some."""
    size = -(-len(spans) // RUNS)
    runs: list[list[Span]] = [[]]
    for span in spans:
        run = runs[-1]
        ended = bool(run) and text[run[-1][1] - 1] in ".!?…,;:"
        if len(run) >= size or (ended and len(run) > size // 2):
            runs.append([])
        runs[-1].append(span)
    return [(run[0][0], run[-1][1]) for run in runs]


def _divided(
    runs: Sequence[Word],
    spans: Sequence[Span],
    effects_without: Callable[[list[str]], np.ndarray],
    text: str,
) -> list[Word]:
    """The runs with the most important ones divided into their words: the run's points are spread by what
    leaving each word out takes away.
    """
    chosen = sorted(sorted(runs, key=lambda run: -abs(run.points))[:DIVIDED], key=lambda run: run.start)
    members = [[span for span in spans if run.start <= span[0] < run.end] for run in chosen]
    rest = [np.array([span != left for span in spans]) for own in members for left in own]
    measured = effects_without([without(text, spans, keep) for keep in rest])
    parts = np.split(measured, np.cumsum([len(own) for own in members])[:-1])
    words = [run for run in runs if run not in chosen]
    for run, own, effects in zip(chosen, members, parts, strict=True):
        points = spread(effects, run.points)
        words += [Word(*span, float(p), float(e)) for span, p, e in zip(own, points, effects, strict=True)]
    return sorted(words, key=lambda word: word.start)
