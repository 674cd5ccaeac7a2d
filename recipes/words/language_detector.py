"""One out-of-distribution detector for the rows of the encoder `words_by_language`."""

from __future__ import annotations

import numpy as np

from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector


def joined_detector(english: MahalanobisDetector, other: MahalanobisDetector) -> MahalanobisDetector:
    """The detector whose distance is that of `english` for rows of English words, and for others that of
    `other`, in terms of the limit of `english`.

    Args:
        english: of D_en numbers.
        other: of D_other numbers.

    Returns:
        That of D_en + D_other + 1 numbers; the last column is 0 or 1. Its row of the matrix takes back, where
        it is 1, how far zeros lie from the mean English vector, and brings in the mean of the others.
    """
    first, second = len(english.mean), len(other.mean)
    width = first + second + 1
    # a distance is the root of a mean over all columns
    of_english = english.whitening * np.sqrt(width / first)
    of_other = other.whitening * np.sqrt(width / second) * (english.limit / other.limit)
    whitening = np.zeros((width, width))
    whitening[:first, :first] = of_english
    whitening[first:-1, first:-1] = of_other
    whitening[-1, :first] = (english.mean / english.scale) @ of_english
    whitening[-1, first:-1] = -(other.mean / other.scale) @ of_other
    return MahalanobisDetector(
        np.concatenate([english.mean, np.zeros(second + 1)]).astype(np.float32),
        np.concatenate([english.scale, other.scale, np.ones(1)]).astype(np.float32),
        whitening.astype(np.float32),
        english.limit,
        english.temperature_slope,
    )
