"""What the votes have changed: figures of face networks against labels, against votes and on photographs of
strangers, and the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmer_core.encoders.backends.face_ensemble import FaceEnsemble
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import (
    fit_temperature,
    halfway_to_equal,
    log_softmax,
)
from recipes.face.evaluation import figures, flip_logits
from recipes.face.fer2013 import LabelledFaces
from recipes.face.ferplus import VotedFaces, majority, one_by_one
from recipes.face.photographs import Photographs, strangers_figures
from recipes.left_out import Answering

BEFORE = "mean of those shipped before the votes"
AFTER = "mean of those shipped, after the votes"


@dataclass(frozen=True)
class VoteLogits:
    """(N, C) float32 each, of one network on the parts of `Parts`."""

    held_out: np.ndarray
    labelled: np.ndarray
    photographs: np.ndarray


@dataclass(frozen=True)
class Parts:
    """The pictures of the second training.

    Attributes:
        pictures: those learned from, each once.
        held_out: those that choose.
        public: of public_test, those on which somebody voted; they are measured, as all the others below.
        labelled: all of public_test.
        photographs: the left-out corpus.
    """

    pictures: VotedFaces
    held_out: VotedFaces
    public: VotedFaces
    labelled: LabelledFaces
    photographs: Photographs

    def logits(self, network: FaceEnsemble) -> VoteLogits:
        """Test-time-flip logits of a network."""
        parts = self.held_out.faces.images, self.labelled.images, self.photographs.images
        return VoteLogits(*(flip_logits(network, images).numpy() for images in parts))

    @property
    def voted(self) -> np.ndarray:
        """Which of `labelled` are in `public`, in the same order; (N,) bool."""
        return np.isin(self.labelled.digests, self.public.faces.digests)


def agreement(answers: np.ndarray, shares: np.ndarray) -> dict[str, Any]:
    """`figures` of logits (N, C) against the majority of the votes (N, C), and the cross-entropy with the
    votes, in nats. Where emotions tie, each of them is right; an answer that is wrong counts for the first.
    """
    answer, right = answers.argmax(1), majority(shares)
    truth = np.where(right[np.arange(len(answer)), answer], answer, shares.argmax(1))
    loss = -(shares * log_softmax(answers)).sum(1).mean()
    return {**figures(answers, truth), "cross_entropy": float(loss)}


def learned_prior(pictures: VotedFaces, share: float) -> np.ndarray:
    """(C,) the mean of the targets in an epoch: this share of the votes, and the labels for the rest."""
    pictures = pictures.repeated()
    labels = np.bincount(pictures.faces.labels, minlength=len(EMOTIONS)) / len(pictures)
    return np.asarray(share * pictures.shares.mean(0) + (1 - share) * labels, dtype=np.float64)


def report(
    recorded: Mapping[str, Any], parts: Parts, logits: VoteLogits, before: VoteLogits, share: float
) -> dict[str, Any]:
    """The record of the step before with the data, frequencies, temperature and figures of this one.

    Args:
        recorded: the record of the step before, with its temperature and frequencies.
        parts: the pictures.
        logits: of the networks trained by the votes.
        before: of those before.
        share: of the votes in the targets.
    """
    prior = learned_prior(parts.pictures, share)
    temperature = fit_temperature(*one_by_one(logits.held_out, parts.held_out.shares))
    # What people see is how frequent an emotion is; the targets hold rare ones, and wrong labels, more often.
    now = Answering(temperature, prior, halfway_to_equal(parts.pictures.shares.mean(0)))
    then = Answering(
        recorded["temperature"], *(_frequencies(recorded[key]) for key in ("prior", "answer_prior"))
    )
    photographs = parts.photographs
    return {
        **recorded,
        "data": _data(recorded["data"], parts),
        "prior": _named(prior),
        "answer_prior": _named(now.answered),
        "temperature": temperature,
        "figures": _figures(parts, logits, now),
        "tried": [*recorded["tried"], _row(BEFORE, parts, before, then), _row(AFTER, parts, logits, now)],
        "selection": "temperatures on a part of train.npz; blank pictures, repeats, and pictures of "
        "public_test or of other measurements left out of training; the photographs are a left-out corpus",
        "votes": {
            "share": share,
            "before": _figures(parts, before, then),
            "photographs without a face": photographs.without_face.tolist(),
            "further temperature that fits the photographs": fit_temperature(
                now.logits(logits.photographs), photographs.labels
            ),
        },
    }


def _figures(parts: Parts, logits: VoteLogits, answer: Answering) -> dict[str, Any]:
    return {
        "agreement with the votes": agreement(
            answer.logits(logits.labelled[parts.voted]), parts.public.shares
        ),
        "public_test": figures(answer.logits(logits.labelled), parts.labelled.labels),
        "held_out": figures(answer.logits(logits.held_out), parts.held_out.faces.labels),
        "agreement with the votes, held out": agreement(
            answer.logits(logits.held_out), parts.held_out.shares
        ),
        "photographs": strangers_figures(answer.logits(logits.photographs), parts.photographs.labels),
    }


def _row(recipe: str, parts: Parts, logits: VoteLogits, answer: Answering) -> dict[str, Any]:
    """Of the table of what was tried; unlike the rows before it, at the frequencies answered under."""
    found = _figures(parts, logits, answer)
    photographs, votes = found["photographs"], found["agreement with the votes"]
    return {
        "recipe": recipe,
        "held_out": round(found["held_out"]["accuracy"], 4),
        "public_test": round(found["public_test"]["accuracy"], 4),
        "votes_held_out": round(found["agreement with the votes, held out"]["accuracy"], 4),
        "votes_public_test": round(votes["accuracy"], 4),
        "votes_public_test_ua": round(votes["ua"], 4),
        "photographs": round(photographs["accuracy"], 4),
        "photographs_ua": round(photographs["ua"], 4),
        "photographs_ece": round(photographs["ece"], 4),
        "photographs_cross_entropy": round(photographs["cross_entropy"], 4),
    }


def _data(recorded: list[dict[str, Any]], parts: Parts) -> list[dict[str, Any]]:
    """The data of the step before, and the votes."""
    n = len(parts.pictures)
    votes = {"name": "FER+ (ten votes on each picture of FER2013's train)", "n": n, "licence": "MIT (votes)"}
    return [recorded[0], votes, *recorded[1:]]


def _named(frequencies: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(EMOTIONS, frequencies, strict=True)}


def _frequencies(named: Mapping[str, float]) -> np.ndarray:
    return np.array([named[name] for name in EMOTIONS])
