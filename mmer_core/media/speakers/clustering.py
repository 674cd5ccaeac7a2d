"""Voices grouped by who speaks.

A voice is taken as a point around which its windows scatter, and people scatter around the origin with the
same variance. For such points the evidence that two groups of windows are one person's is known exactly; it
grows with what has been heard of both, so that no distance between voices has to be fixed. In each piece of
speech neighbours are joined first, then groups of all pieces, while there is evidence for it. At last all
windows are assigned anew, with a price for each change of speaker.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Of each window as evidence, in a recording of `_USUAL` windows: windows overlap, and a mood lasts longer.
WEIGHT, _USUAL = 0.5, 50
_LONGER = 0.3  # the power by which it falls with their number: the same mood comes back
FEWEST = 2  # windows of a person
MOST = 2_000  # groups of windows that are joined; of more an even sample
_SCATTER = 0.55 / 60  # variance of a person's windows, about .55 in all over some 60 dimensions that matter
_DIM = 60
_INSIDE, _BETWEEN = 0.1, 0.05  # cosine that a change of speaker costs inside a piece and between two
_ROUNDS = 4  # of assigning windows anew


def cluster(vectors: np.ndarray, firm: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """(N,) int labels from 0: which of (N, D) vectors of length 1 are one person's; see `voices`."""
    return assign(vectors, voices(vectors, firm, pieces), pieces)


def voices(vectors: np.ndarray, firm: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """(K, D) of length 1: the mean voice of each of K people.

    Args:
        vectors: (N, D) of length 1, of the windows of a recording, in order of time.
        firm: (N,) bool, which have a say in who there is; all if none has.
        pieces: (N,) int, the piece of speech that each window belongs to, ascending.
    """
    voters = np.flatnonzero(firm) if firm.any() else np.arange(len(vectors))
    heard = vectors[voters]
    groups = joined_neighbours(heard, pieces[voters], WEIGHT)
    count = int(groups[-1]) + 1
    chosen = np.linspace(0, count - 1, min(count, MOST)).round().astype(int)
    sums = np.stack([heard[groups == group].sum(axis=0) for group in chosen])
    sizes = np.bincount(groups, minlength=count)[chosen]
    labels = agglomerate(sums, sizes, WEIGHT * (_USUAL / len(voters)) ** _LONGER)
    people = _means(sums, labels, sizes)
    for _ in range(_ROUNDS - 1):
        answer = assign(vectors, people, pieces)
        people = _means(heard, answer[voters], np.ones(len(voters)))
    return people


def joined_neighbours(vectors: np.ndarray, pieces: np.ndarray, weight: float) -> np.ndarray:
    """(N,) int, ascending from 0: groups of neighbours in one piece that seem to be one person's."""
    groups = np.zeros(len(vectors), dtype=int)
    for rows in np.split(np.arange(len(vectors)), np.flatnonzero(np.diff(pieces)) + 1):
        sums, counts = [vectors[i].astype(float) for i in rows], [1.0] * len(rows)
        gains = [_neighbours(sums, counts, k, weight) for k in range(len(rows) - 1)]
        while gains and max(gains) > 0:
            k = int(np.argmax(gains))
            sums[k], counts[k] = sums[k] + sums.pop(k + 1), counts[k] + counts.pop(k + 1)
            gains.pop(k)
            for near in (k - 1, k):
                if 0 <= near < len(gains):
                    gains[near] = _neighbours(sums, counts, near, weight)
        begins = np.cumsum(counts[:-1]).astype(int)
        groups[rows[begins]] = 1
        groups[rows[0]] = int(rows[0] > 0)
    return groups.cumsum()


def _neighbours(sums: Sequence[np.ndarray], counts: Sequence[float], k: int, weight: float) -> float:
    """The evidence that a group and the next are one person's."""
    return float(evidence(sums[k], counts[k], sums[k + 1][None], np.array([counts[k + 1]]), weight)[0])


def agglomerate(sums: np.ndarray, counts: np.ndarray, weight: float) -> np.ndarray:
    """(K,) int labels: groups joined, those with the most evidence first, while any two have evidence.

    Args:
        sums: (K, D), of the vectors of each group.
        counts: (K,), how many these are.
        weight: of each as evidence.
    """
    sums, counts, total = sums.astype(float), counts.astype(float), len(sums)
    labels = np.arange(total)
    gains = np.stack([evidence(sums[i], counts[i], sums, counts, weight) for i in range(total)])
    np.fill_diagonal(gains, -np.inf)
    while True:
        i, j = divmod(int(gains.argmax()), total)
        if gains[i, j] <= 0:
            return labels
        sums[i] += sums[j]
        counts[i] += counts[j]
        labels[labels == j] = i
        gone = gains[i] == -np.inf
        gains[j], gains[:, j] = -np.inf, -np.inf
        gains[i] = np.where(gone, -np.inf, evidence(sums[i], counts[i], sums, counts, weight))
        gains[i, [i, j]] = -np.inf
        gains[:, i] = gains[i]


def evidence(
    one: np.ndarray, count: float, others: np.ndarray, counts: np.ndarray, weight: float
) -> np.ndarray:
    """(K,) float: logarithm of how much likelier it is that the windows of a group and of each of K others
    are one person's than that they are two people's.

    Args:
        one: (D,), sum of the group's vectors.
        count: how many these are.
        others: (K, D), the sums of the others.
        counts: (K,), how many those are.
        weight: of each vector as evidence.
    """
    together = _likelihood(np.square(one + others).sum(axis=1), weight * (count + counts), weight)
    own = _likelihood(np.square(one).sum(), np.array(weight * count), weight)
    return together - own - _likelihood(np.square(others).sum(axis=1), weight * counts, weight)


def _likelihood(square: np.ndarray, heard: np.ndarray, weight: float) -> np.ndarray:
    """Log likelihood of a group as one person's, less what does not depend on the grouping; `square` is the
    squared length of its sum, `heard` the weight of all its windows.
    """
    return (weight**2 * square / _SCATTER) / (2 * (1 + heard)) - _DIM / 2 * np.log1p(heard)


def assign(vectors: np.ndarray, people: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """(N,) int: the person of each window, where the sum of cosines less the price of changes is highest
    (Viterbi 1967).

    Args:
        vectors: (N, D) of length 1, in order of time.
        people: (K, D) of length 1.
        pieces: (N,) int, the piece of each window.
    """
    cosines = vectors @ people.T
    best, everybody = cosines[0].copy(), np.arange(len(people))
    came = np.zeros(cosines.shape, dtype=int)
    for t in range(1, len(vectors)):
        leader = int(best.argmax())
        changed = best[leader] - (_INSIDE if pieces[t] == pieces[t - 1] else _BETWEEN)
        came[t] = np.where(best >= changed, everybody, leader)
        best = cosines[t] + np.maximum(best, changed)
    path = [int(best.argmax())]
    for t in range(len(vectors) - 1, 0, -1):
        path.append(int(came[t][path[-1]]))
    return np.array(path[::-1])


def _means(vectors: np.ndarray, labels: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """(K, D) of length 1: the mean voice of each label of `FEWEST` windows or more; of the largest ones if
    all have fewer.
    """
    sizes = np.bincount(labels, weights=windows)
    kept = np.flatnonzero(sizes >= min(FEWEST, sizes.max()))
    sums = np.stack([vectors[labels == k].sum(axis=0) for k in kept])
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
