"""Calibration of probabilities: temperature scaling, class frequencies, and risk against coverage."""

from __future__ import annotations

import numpy as np

# temperatures searched; the ends are reached only by a model without information or without error
BOUNDS = (0.05, 20.0)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """(N, C) log probabilities."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def negative_log_likelihood(
    logits: np.ndarray, truth: np.ndarray, class_weight: np.ndarray | None = None
) -> float:
    """Mean over N utterances, in nats; each counts as `class_weight` (C,) says for its class."""
    weights = None if class_weight is None else class_weight[truth]
    return float(np.average(-log_softmax(logits)[np.arange(len(truth)), truth], weights=weights))


def fit_temperature(logits: np.ndarray, truth: np.ndarray, class_weight: np.ndarray | None = None) -> float:
    """The temperature that makes held-out utterances most probable (Guo et al. 2017); 1 where there is
    nothing to fit on.

    Dividing logits by it changes no decision. Fit it on the validation part, never on the test part.

    Args:
        logits: (N, C); log probabilities will do.
        truth: (N,) class indices.
        class_weight: (C,) how much an utterance of each class counts; None for all alike.
    """
    from scipy.optimize import minimize_scalar

    if not len(truth):
        return 1.0
    # In the logarithm of the temperature the likelihood has one minimum: it is convex in 1/T.
    found = minimize_scalar(
        lambda t: negative_log_likelihood(logits / np.exp(t), truth, class_weight),
        bounds=np.log(BOUNDS),
        method="bounded",
    )
    return float(np.exp(found.x))


def halfway_to_equal(prior: np.ndarray) -> np.ndarray:
    """(C,) the mean of `prior` and equal frequencies.

    A classifier learns how frequent its classes were, and then seldom answers with a rare one; answering
    under more even frequencies takes part of that back (logit adjustment, Menon et al. 2021). With these the
    mean of accuracy and UA is greatest, if the probabilities are calibrated: an utterance of class c that is
    recognised adds 1 to the first and 1 / (C prior_c) to the second, so it counts (1 + 1 / (C prior_c)) / 2.
    Nothing needs to be fitted.
    """
    return np.asarray((np.asarray(prior, dtype=np.float64) + 1 / len(prior)) / 2)


def answering_under(
    logits: np.ndarray, temperature: float, trained: np.ndarray, answered: np.ndarray
) -> np.ndarray:
    """(N, C) calibrated logits for inputs whose classes are as frequent as `answered` (C,), from those of a
    model trained under `trained` (C,).
    """
    return np.asarray(logits, dtype=np.float64) / temperature + np.log(answered) - np.log(trained)


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """(N, C) finite logits of probabilities, of which some may be 0."""
    return np.asarray(np.log(np.clip(np.asarray(probabilities, dtype=np.float64), 1e-30, None)))


def calibrate(probabilities: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    """(N, C) probabilities at a temperature, one or (N,); the same as scaling the logits they came from."""
    return np.exp(log_softmax(log_probabilities(probabilities) / np.reshape(temperature, (-1, 1))))


def risk_coverage(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and risk, each (N,): share of utterances answered, most confident first, and error rate among
    them (Geifman & El-Yaniv 2017).
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = probabilities.argmax(axis=1)[order] != np.asarray(truth)[order]
    answered = np.arange(1, len(order) + 1)
    return answered / max(1, len(order)), np.cumsum(wrong) / answered
