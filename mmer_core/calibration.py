"""Whether a stated probability can be believed: temperature scaling, and what is gained by not answering when unsure."""

from __future__ import annotations

import numpy as np

from mmer_core import metrics

BOUNDS = (0.05, 20.0)  # temperatures searched; the ends are reached only by a model without information or without error


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """(N, C) log probabilities."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def negative_log_likelihood(logits: np.ndarray, truth: np.ndarray, class_weight: np.ndarray | None = None) -> float:
    """Mean over N utterances, in nats; each counts as `class_weight` (C,) says for its class."""
    weights = None if class_weight is None else class_weight[truth]
    return float(np.average(-log_softmax(logits)[np.arange(len(truth)), truth], weights=weights))


def fit_temperature(logits: np.ndarray, truth: np.ndarray, class_weight: np.ndarray | None = None) -> float:
    """The temperature that makes held-out utterances most probable (Guo et al. 2017); 1 where there is nothing to fit on.

    Dividing logits by it changes no decision. Fit it on the inner validation part, never on the test part.

    Args:
        logits: (N, C); log probabilities will do.
        truth: (N,) class indices.
        class_weight: (C,) how much an utterance of each class counts; None for all alike.
    """
    from scipy.optimize import minimize_scalar

    if not len(truth):
        return 1.0
    # In the logarithm of the temperature the likelihood has one minimum: it is convex in 1/T.
    found = minimize_scalar(lambda t: negative_log_likelihood(logits / np.exp(t), truth, class_weight), bounds=np.log(BOUNDS), method="bounded")
    return float(np.exp(found.x))


def fit_prior_share(logits: np.ndarray, truth: np.ndarray, prior: np.ndarray, *, balanced: bool = False) -> float:
    """How much of the training data's class frequencies an answer should lean on: the share, of 0 to 1 in tenths, with the best weighted F1.

    A classifier learns how frequent its classes were, and then seldom answers with a rare one; `logits - (1 - share) * log(prior)` takes part
    of that back (logit adjustment, Menon et al. 2021). Choose it on data held out of training, never on the test part.

    Args:
        logits: (N, C), calibrated.
        truth: (N,) class indices.
        prior: (C,) class frequencies in training.
        balanced: the inputs to come will not follow those frequencies: let UA count as much as weighted F1.
    """

    def score(share: float) -> float:
        scores = metrics.score_predictions(truth, leaning_less(logits, 1.0, prior, share))
        return scores["weighted_f1"] + scores["ua"] if balanced else scores["weighted_f1"]

    shares = np.arange(10, -1, -1) / 10  # from all of it: the first among equals changes least
    return float(shares[int(np.argmax([score(share) for share in shares]))])


def leaning_less(logits: np.ndarray, temperature: float, prior: np.ndarray, share: float) -> np.ndarray:
    """(N, C) calibrated logits that keep only `share` of the prior (C,), as `fit_prior_share` chose it."""
    return np.asarray(logits, dtype=np.float64) / temperature - (1 - share) * np.log(prior)


def calibrate(probabilities: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    """(N, C) probabilities at a temperature, one or (N,); the same as scaling the logits they came from."""
    logits = np.log(np.clip(np.asarray(probabilities, dtype=np.float64), 1e-30, None))
    return np.exp(log_softmax(logits / np.reshape(temperature, (-1, 1))))


def risk_coverage(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and risk, each (N,): share of utterances answered, most confident first, and error rate among them (Geifman & El-Yaniv 2017)."""
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = probabilities.argmax(axis=1)[order] != np.asarray(truth)[order]
    answered = np.arange(1, len(order) + 1)
    return answered / max(1, len(order)), np.cumsum(wrong) / answered
