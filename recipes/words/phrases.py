"""A linear classifier of phrases beside the sentence network, and the mean of both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmer_core.encoders.backends.phrases import PAIRS, Phrases, rows_of
from mmer_core.encoders.sentences import SentenceEncoder
from mmer_core.labels import EMOTIONS
from recipes.words.corpora import Condition, Predictor, Utterances, without_punctuation
from recipes.words.network import HEAD_PREFIX, TextClassifier

SHARES = tuple(round(0.05 * i, 2) for i in range(11))
_C = 2.0  # inverse strength of the regularisation; 1 to 3 are alike on held-out dialogues
_COMMENTS = 0.25  # weight of a comment; on held-out dialogues as good as none, on other comments far better
_MORE = 1.0  # weight of an utterance of one more corpus
# size of the feature that tells a corpus: the larger, the less the regularisation holds its weights back
_FREE = 5.0
_UNSEEN = -10.0  # logit of an emotion that the training part lacks


def fit_phrases(
    classifier: TextClassifier, part: Utterances, comments: Utterances, more: Sequence[Utterances] = ()
) -> Phrases:
    """Logistic regression on the utterances as they are and, as in the adapters' training, without
    punctuation; and likewise, with less weight, on comments and on more corpora.

    The class frequencies in each corpus but the first are learned by weights of their own, which are left
    out; they also say which emotions a corpus lacks.
    """
    gone, encoder = classifier.options.unpunctuated, classifier.encoder
    corpora = (part, comments, *more)
    texts = [
        form for corpus in corpora for form in (corpus.texts, list(map(without_punctuation, corpus.texts)))
    ]
    x = vstack([_one_hot(encoder, form) for form in texts])
    labels = np.concatenate([np.tile(corpus.labels, 2) for corpus in corpora])
    weights = np.concatenate(
        [
            np.repeat([weight * (1 - gone), weight * gone], len(corpus))
            for corpus, weight in zip(corpora, (1.0, _COMMENTS, *([_MORE] * len(more))), strict=True)
        ]
    )
    number = np.repeat(np.arange(len(corpora)), [2 * len(corpus) for corpus in corpora])
    is_of = csr_matrix(_FREE * (number[:, None] == np.arange(1, len(corpora))))
    model = LogisticRegression(C=_C, max_iter=1000, tol=1e-3)
    model.fit(hstack([x, is_of]).tocsr(), labels, sample_weight=weights)
    table = np.zeros((x.shape[1], len(EMOTIONS)), np.float32)
    bias = np.full(len(EMOTIONS), _UNSEEN, np.float32)
    table[:, model.classes_], bias[model.classes_] = model.coef_.T[: len(table)], model.intercept_
    return Phrases(table, bias)


def phrase_predictor(encoder: SentenceEncoder, phrases: Phrases) -> Predictor:
    """The logits of each text's phrases; the turns before it are not read."""
    return lambda texts, _: np.stack([phrases.logits(tokens) for tokens in _tokens(encoder, texts)])


def mixed(network: Predictor, phrases: Predictor, share: float) -> Predictor:
    """The mean of both logits, the phrases' with weight `share`."""
    return lambda texts, context: (1 - share) * network(texts, context) + share * phrases(texts, context)


def best_share(network: Predictor, phrases: Predictor, conditions: Collection[Condition]) -> float:
    """The share of the phrases beside the network with the least cross-entropy on utterances that neither has
    learned, summed over the conditions; each mean is taken at its best temperature.
    """
    logits = [(c.logits(network), c.logits(phrases), c) for c in conditions]

    def loss(share: float) -> float:
        return sum(c.cross_entropy((1 - share) * one + share * other) for one, other, c in logits)

    return min(SHARES, key=loss)


def join(tensors: Mapping[str, Tensor], phrases: Phrases, share: float) -> dict[str, Tensor]:
    """The tensors that are shipped: a head that reads the phrases' logits behind each sentence vector and
    gives the mean of both, and the table of phrases.
    """
    weight, bias = f"{HEAD_PREFIX}layers.1.weight", f"{HEAD_PREFIX}layers.1.bias"
    network, classes = tensors[weight], len(phrases.bias)
    dim = network.shape[1]
    # the head scales its input by the root of its width, which grows
    both = torch.cat([(1 - share) * network * dim**0.5, share * torch.eye(classes)], dim=1)
    table = {name: torch.from_numpy(array) for name, array in phrases.tensors().items()}
    return {**tensors, weight: both / (dim + classes) ** 0.5, bias: (1 - share) * tensors[bias], **table}


def _one_hot(encoder: SentenceEncoder, texts: Sequence[str]) -> csr_matrix:
    """(N, V + PAIRS), each row of length 1."""
    vocabulary = encoder.network.options.vocabulary
    rows = [rows_of(tokens, vocabulary) for tokens in _tokens(encoder, texts)]
    values = np.concatenate([np.full(len(row), len(row) ** -0.5) for row in rows])
    ends = np.cumsum([0, *map(len, rows)])
    return csr_matrix((values, np.concatenate(rows), ends), shape=(len(texts), vocabulary + PAIRS))


def _tokens(encoder: SentenceEncoder, texts: Sequence[str]) -> list[list[int]]:
    return [(encoder.windows(text) or [encoder.marks])[0] for text in texts]
