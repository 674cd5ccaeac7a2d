"""Corpora that were left out of training whole: what a network says of them, and how right and sure it is.

People and places outside a corpus are read worse than unheard speakers inside it, and as surely. So what is
chosen for strangers is chosen on whole corpora that a network has not seen, each of which counts alike.
"""

from recipes.left_out.corpora import FEWEST, LeftOut, read, usable, write
from recipes.left_out.scores import MEANS, Answering, fit_temperature, scores, strangers

__all__ = [
    "FEWEST",
    "MEANS",
    "Answering",
    "LeftOut",
    "fit_temperature",
    "read",
    "scores",
    "strangers",
    "usable",
    "write",
]
