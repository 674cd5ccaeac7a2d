"""A linear classifier of multilingual sentence vectors, and how it reads languages that it has not
learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmer_core import metrics
from mmer_core.labels import EMOTIONS
from mmer_core.media.language import ENGLISH, LANGUAGES, foreign
from mmer_core.uncertainty.calibration import log_softmax, negative_log_likelihood
from recipes.words.language_corpora import Part, without_translations
from recipes.words.mixture import MISSING, shift
from recipes.words.more_corpora import own_classes

FEWEST = 100  # utterances from which a language is measured
_STEPS = 60
_RESAMPLES = 500


@dataclass(frozen=True)
class Linear:
    """A linear classifier: weight (C, D) and bias (C,) float32, for vectors of length √D."""

    weight: Tensor
    bias: Tensor

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """(N, C) float32 logits of vectors (N, D) of length 1."""
        x = torch.from_numpy(vectors) * vectors.shape[1] ** 0.5
        return (x @ self.weight.T + self.bias).numpy()


class Foreign(NamedTuple):
    """A language that a classifier has not learned: labels (N,), its logits (N, C) under the reference's
    class frequencies, and the `shift` (C,) to the language's own.
    """

    labels: np.ndarray
    logits: np.ndarray
    shift: np.ndarray


def fit_linear(parts: Sequence[Part], reference: np.ndarray, l2: float, share: float) -> Linear:
    """The classifier of the least cross-entropy.

    The logits of each part are shifted to its own class frequencies before the loss, so those that are
    learned are under the frequencies among `reference`, and an emotion that a part never names takes no part
    in it (see `mixture`).

    Args:
        parts: what is learned.
        reference: (K,) class indices.
        l2: weight of the squares of the weights.
        share: a part of n utterances counts as n^share; 1 counts each utterance alike, 0 each part.
    """
    x = torch.from_numpy(np.concatenate([part.vectors for part in parts]))
    x = x * x.shape[1] ** 0.5
    y = torch.from_numpy(np.concatenate([part.labels for part in parts]))
    sizes = np.array([len(part.labels) for part in parts])
    shifts = np.repeat(np.stack([shift(part.labels, reference) for part in parts]), sizes, axis=0)
    weights = np.repeat((sizes ** (share - 1.0)).astype(np.float32), sizes)
    counts, shifted = torch.from_numpy(weights / weights.sum()), torch.from_numpy(shifts)
    weight = torch.zeros(len(EMOTIONS), x.shape[1], requires_grad=True)
    bias = torch.zeros(len(EMOTIONS), requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_STEPS, history_size=10, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = x @ weight.T + bias + shifted
        losses = torch.nn.functional.cross_entropy(logits, y, reduction="none")
        total: Tensor = (counts * losses).sum() + l2 * weight.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return Linear(weight.detach(), bias.detach())


def left_out(
    parts: Mapping[str, Part], names: Sequence[str], reference: np.ndarray, l2: float, share: float
) -> dict[str, Foreign]:
    """{language: what a classifier says that has learned the other parts, without translations of it}."""
    found = {}
    for name in names:
        learned = list(without_translations(parts, name).values())
        logits = fit_linear(learned, reference, l2, share).logits(parts[name].vectors)
        found[name] = Foreign(parts[name].labels, logits, shift(parts[name].labels, reference))
    return found


def temperature_of(languages: Sequence[Foreign]) -> float:
    """The best temperature for all languages together, each under its own class frequencies."""
    logits = np.concatenate([one.logits for one in languages])
    shifts = np.concatenate([np.tile(one.shift, (len(one.labels), 1)) for one in languages])
    labels = np.concatenate([one.labels for one in languages])
    tried = [float(t) for t in np.geomspace(0.4, 4, 47)]
    losses = [negative_log_likelihood(logits / t + shifts, labels) for t in tried]
    return tried[int(np.argmin(losses))]


def cross_entropy(languages: Mapping[str, Foreign]) -> float:
    """The mean over languages, each under its own class frequencies and at the best temperature of all."""
    t = temperature_of(list(languages.values()))
    return float(
        np.mean([negative_log_likelihood(f.logits / t + f.shift, f.labels) for f in languages.values()])
    )


def mean_ua(languages: Mapping[str, Foreign]) -> float:
    """The mean of the UA of each, with equally frequent emotions."""
    return float(np.mean([_ua(_even(one), one.labels) for one in languages.values()]))


def describe(
    name: str, part: Part, languages: Mapping[str, Foreign], reference: np.ndarray, answered: np.ndarray
) -> dict[str, Any]:
    """The figures of a language that was left out, at the temperature of the others.

    Args:
        name: its key in `languages`.
        part: its utterances.
        languages: all that were left out, one after the other.
        reference: (C,) class frequencies that the logits are under.
        answered: (C,) those that the model answers under.

    Returns:
        n; majority, the share of the most frequent emotion; ua among the emotions that the language has,
        taken to be equally frequent, and ua_low, the lower end of its 95 % interval; accuracy and ece under
        its own frequencies; as_answered: ua, accuracy, the share of answers that are neutral, and the recall
        of each emotion, where all seven may be answered; known: the share of texts that are taken for this
        language.
    """
    own = languages[name]
    temperature = temperature_of([one for other, one in languages.items() if other != name] or [own])
    even = _even(own)
    rng = np.random.default_rng(0)
    drawn = (rng.integers(len(even), size=len(even)) for _ in range(_RESAMPLES))
    resampled = [_ua(even[rows], own.labels[rows]) for rows in drawn]
    calibrated = own.logits / temperature + own.shift
    answers = (own.logits / temperature + np.log(answered) - np.log(reference)).argmax(1)
    probabilities = np.exp(log_softmax(calibrated))
    name_of = None if part.language == ENGLISH else LANGUAGES[part.language]
    taken = [foreign(text) == name_of for text in part.texts]
    counts = np.bincount(own.labels)
    return {
        "n": len(even),
        "majority": round(float(counts.max() / counts.sum()), 4),
        "ua": round(_ua(even, own.labels), 4),
        "ua_low": round(float(np.quantile(resampled, 0.025)), 4),
        "accuracy": round(float((calibrated.argmax(1) == own.labels).mean()), 4),
        "ece": round(metrics.expected_calibration_error(probabilities, own.labels), 4),
        "as_answered": {
            "ua": round(_ua(answers, own.labels), 4),
            "accuracy": round(float((answers == own.labels).mean()), 4),
            "neutral": round(float((answers == EMOTIONS.index("neutral")).mean()), 4),
            "recall": {
                EMOTIONS[c]: round(float((answers[own.labels == c] == c).mean()), 4)
                for c in np.unique(own.labels)
            },
        },
        "known": round(float(np.mean(taken)), 4),
    }


def _even(language: Foreign) -> np.ndarray:
    """(N,) answers where the emotions that the language has are equally frequent."""
    own = own_classes(language.labels)
    log_prior = language.shift - np.log(np.bincount(language.labels, minlength=len(own)) + 1)
    return np.asarray(np.where(own, language.logits + log_prior, MISSING).argmax(1))


def _ua(answers: np.ndarray, labels: np.ndarray) -> float:
    """Mean recall of the emotions among `labels`."""
    return float(np.mean([(answers[labels == c] == c).mean() for c in np.unique(labels)]))
