"""Training of what phrases say beside the sentence network, and the mean of both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmer_core.default_model.text_corpora import Judge, Utterances, Way, bare
from mmer_core.default_model.text_trainer import EXPERT_PREFIX, TextTrainer
from mmer_core.encoders.phrases import PAIRS, Phrases, rows_of
from mmer_core.encoders.text import SentenceEncoder
from mmer_core.labels import EMOTIONS

SHARES = tuple(round(0.05 * i, 2) for i in range(11))
_C = 2.0  # inverse strength of the regularisation; 1 to 3 are alike on held-out dialogues
_COMMENTS = 0.25  # weight of a comment; on held-out dialogues as good as none, on other comments far better
_FREE = 5.0  # size of what says that a text is a comment: the larger, the less the regularisation holds its weights back
_UNSEEN = -10.0  # logit of an emotion that the training part lacks


def fit_phrases(trainer: TextTrainer, part: Utterances, comments: Utterances) -> Phrases:
    """Logistic regression on the utterances as they are and, as in the adapters' training, without punctuation; and likewise, for less, on comments.

    How frequent the emotions are among the comments is told apart from what their phrases say: it is learned by weights that are left out.
    """
    lost, encoder = trainer.options.bare, trainer.encoder
    x = vstack([_one_hot(encoder, texts) for corpus in (part, comments) for texts in (corpus.texts, list(map(bare, corpus.texts)))])
    labels = np.concatenate([np.tile(corpus.labels, 2) for corpus in (part, comments)])
    weights = np.concatenate([np.repeat([worth * (1 - lost), worth * lost], len(c)) for c, worth in ((part, 1.0), (comments, _COMMENTS))])
    is_comment = csr_matrix(_FREE * (np.arange(x.shape[0]) >= 2 * len(part))[:, None])
    model = LogisticRegression(C=_C, max_iter=1000, tol=1e-3)
    model.fit(hstack([x, is_comment]).tocsr(), labels, sample_weight=weights)
    table, bias = np.zeros((x.shape[1], len(EMOTIONS)), np.float32), np.full(len(EMOTIONS), _UNSEEN, np.float32)
    table[:, model.classes_], bias[model.classes_] = model.coef_.T[:-1], model.intercept_
    return Phrases(table, bias)


def judge_of(encoder: SentenceEncoder, phrases: Phrases) -> Judge:
    """What the phrases of each text say; they do not read the turns before it."""
    return lambda texts, _: np.stack([phrases.logits(tokens) for tokens in _tokens(encoder, texts)])


def mixed(network: Judge, phrases: Judge, share: float) -> Judge:
    """The weighted mean of both."""
    return lambda texts, before: (1 - share) * network(texts, before) + share * phrases(texts, before)


def best_share(network: Judge, phrases: Judge, ways: Collection[Way]) -> float:
    """The share of the phrases' logits beside the network's with the least cross-entropy on utterances that neither has learned.

    It is summed over the ways to meet them, and each mean is taken at its best temperature.
    """
    answers = [(way.ask(network), way.ask(phrases), way) for way in ways]

    def loss(share: float) -> float:
        return sum(way.cross_entropy((1 - share) * one + share * other) for one, other, way in answers)

    return min(SHARES, key=loss)


def join(tensors: Mapping[str, Tensor], phrases: Phrases, share: float) -> dict[str, Tensor]:
    """What is shipped: the expert reads the phrases' logits behind each sentence vector, and answers with the mean of both."""
    weight, bias = f"{EXPERT_PREFIX}layers.1.weight", f"{EXPERT_PREFIX}layers.1.bias"
    network, classes = tensors[weight], len(phrases.bias)
    dim = network.shape[1]
    # the expert scales what it reads by the root of its width, which grows
    joined = torch.cat([(1 - share) * network * dim**0.5, share * torch.eye(classes)], dim=1) / (dim + classes) ** 0.5
    table = {name: torch.from_numpy(array) for name, array in phrases.tensors().items()}
    return {**tensors, weight: joined, bias: (1 - share) * tensors[bias], **table}


def _one_hot(encoder: SentenceEncoder, texts: Sequence[str]) -> csr_matrix:
    """(N, V + PAIRS), each row of length 1."""
    vocabulary = encoder.network.options.vocabulary
    rows = [rows_of(tokens, vocabulary) for tokens in _tokens(encoder, texts)]
    values = np.concatenate([np.full(len(row), len(row) ** -0.5) for row in rows])
    ends = np.cumsum([0, *map(len, rows)])
    return csr_matrix((values, np.concatenate(rows), ends), shape=(len(texts), vocabulary + PAIRS))


def _tokens(encoder: SentenceEncoder, texts: Sequence[str]) -> list[list[int]]:
    return [(encoder.windows(text) or [encoder.marks])[0] for text in texts]
