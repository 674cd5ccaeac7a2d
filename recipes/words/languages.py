"""The recipe of words in other languages: a linear classifier of multilingual sentence vectors.
`language_merge` puts it beside the English words.

A language is read if the classifier, trained without it and without translations of its sentences, clearly
beats chance on it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from mmer_core.config import JsonConfig
from mmer_core.encoders.multilingual import LANGUAGES, WIDTH
from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.language import ENGLISH
from mmer_core.uncertainty import out_of_distribution
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector
from recipes.left_out import LeftOut, write
from recipes.words.language_classifier import (
    FEWEST,
    Foreign,
    cross_entropy,
    describe,
    fit_linear,
    left_out,
    mean_ua,
    temperature_of,
)
from recipes.words.language_corpora import Part, read_parts, with_vectors
from recipes.words.language_merge import DETECTOR, LEFT_OUT, REPORT, STEP, WEIGHTS
from recipes.words.network import HEAD_PREFIX

_LINEAR = f"{HEAD_PREFIX}other.layers.1."  # of the classifier's tensors in the files
_CLEARLY = 1.5  # times chance that the UA of a language that is read surely reaches
_DATA = [
    {"name": "XED, film subtitles in several languages", "licence": "CC BY 4.0"},
    {"name": "MELD, training part", "licence": "GPL-3.0 repository; dialogue of a television series"},
    {"name": "GoEmotions, training part, comments with one label", "licence": "Apache-2.0"},
]


@dataclass(frozen=True)
class LanguageTraining(JsonConfig):
    """
    Attributes:
        l2: weights of the squares of the weights that are tried.
        shares: how the parts count by their sizes that are tried, see `fit_linear`.
    """

    l2: tuple[float, ...] = (3e-3, 1e-2, 3e-2, 1e-1)
    shares: tuple[float, ...] = (1.0,)


def train_languages(
    data: Path, work: Path, seed: int = 0, options: LanguageTraining | None = None
) -> dict[str, Any]:
    """Train on `data/texts/xed`, `data/meld` and `data/goemotions`.

    Everything is chosen by the mean cross-entropy of languages that were left out one after the other, with
    all that may be translations of them.

    Writes to `work` languages.safetensors (`expert.other.*`, its temperature folded in, for logits under
    MELD's class frequencies), languages.json (what this returns: the languages that are read, the figures of
    each, what was tried), languages_strangers.parquet (logits of each language by a classifier that has not
    learned it), and languages_detector/ (how far an input lies from what was learned).

    Raises:
        FileNotFoundError: a corpus is missing.
        ValueError: a corpus is not as published.
        EncoderUnavailable: the multilingual encoder's package is not installed.
    """
    options, started = options or LanguageTraining(), time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    parts = with_vectors(read_parts(data), work)
    reference = parts["meld"].labels
    measured = [code for code in LANGUAGES if code in parts and len(parts[code].labels) >= FEWEST]
    if not measured:
        raise ValueError(
            f"no language of {data / 'texts/xed'} has {FEWEST} utterances: give XED as published"
        )
    (l2, share), found, tried = _choose(parts, measured, reference, options)
    final = fit_linear(list(parts.values()), reference, l2, share)
    temperature = temperature_of(list(found.values()))
    tensors = {"weight": final.weight / temperature, "bias": final.bias / temperature}
    save_file({f"{_LINEAR}{k}": t.contiguous() for k, t in tensors.items()}, work / WEIGHTS)
    prior = np.bincount(reference, minlength=len(EMOTIONS)) / len(reference)
    answered = (1 - STEP) * prior + STEP / len(prior)
    # English lines alone are neutral too; they choose nothing
    found |= left_out(parts, [ENGLISH], reference, l2, share)
    _write_left_out(found, temperature, work / LEFT_OUT)
    figures = {code: describe(code, parts[code], found, prior, answered) for code in (*measured, ENGLISH)}
    read = [code for code in measured if _clearly(figures[code], parts[code])]
    _fit_detector([parts[code] for code in measured], work / DETECTOR, seed)
    report = {
        "languages": [ENGLISH, *read],
        "dim": WIDTH,
        "prior": {name: round(float(p), 6) for name, p in zip(EMOTIONS, prior, strict=True)},
        "temperature": temperature,
        "l2": l2,
        "share": share,
        "data": _learned(parts),
        "figures": figures,
        "tried": tried,
        "seed": seed,
        "options": {name: list(values) for name, values in options.to_json().items()},
        "command": f"python -m recipes --data DIR --work DIR --only languages --seed {seed}",
        "seconds": round(time.perf_counter() - started),
    }
    write_json(work / REPORT, report)
    return report


def _choose(
    parts: Mapping[str, Part], measured: Sequence[str], reference: np.ndarray, options: LanguageTraining
) -> tuple[tuple[float, float], dict[str, Foreign], list[dict[str, Any]]]:
    """The settings of the least mean cross-entropy on languages that were left out, what they say of these,
    and a row for each of those that were tried.
    """
    best, tried = None, []
    for share in options.shares:
        for l2 in options.l2:
            found = left_out(parts, measured, reference, l2, share)
            loss = cross_entropy(found)
            row = {"l2": l2, "share": share, "cross_entropy": round(loss, 4), "ua": round(mean_ua(found), 4)}
            print(f"languages: {', '.join(f'{k} {v}' for k, v in row.items())}", flush=True)
            tried.append(row)
            if best is None or loss < best[0]:
                best = loss, (l2, share), found
    assert best is not None
    return best[1], best[2], tried


def _clearly(figures: Mapping[str, Any], part: Part) -> bool:
    """Whether a language is read clearly better than by chance."""
    return bool(figures["ua_low"] * len(np.unique(part.labels)) >= _CLEARLY)


def _learned(parts: Mapping[str, Part]) -> list[dict[str, Any]]:
    """The corpora with their sizes."""
    counts = {name: len(parts[name].labels) for name in ("meld", "goemotions")}
    xed = sum(len(part.labels) for part in parts.values()) - sum(counts.values())
    return [source | {"n": n} for source, n in zip(_DATA, (xed, *counts.values()), strict=True)]


def _write_left_out(languages: Mapping[str, Foreign], temperature: float, path: Path) -> None:
    """Write what is said of each language that was left out; each utterance is a group of its own."""
    corpora = {
        code: LeftOut(one.logits / temperature, one.labels, np.arange(len(one.labels)).astype(str))
        for code, one in languages.items()
    }
    write(path, corpora)


def _fit_detector(parts: Sequence[Part], folder: Path, seed: int) -> None:
    """Write the detector of words in other languages, its limit found on a fifth of them."""
    vectors = np.concatenate([part.vectors for part in parts])
    vectors = vectors[np.random.default_rng(seed).permutation(len(vectors))]
    first = len(vectors) // 5
    folder.mkdir(exist_ok=True)
    out_of_distribution.save(
        folder, {Modality.TEXT: MahalanobisDetector.fit(vectors[first:], vectors[:first])}
    )
