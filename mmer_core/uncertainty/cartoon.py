"""A detector of drawn faces: cartoons have large areas of one colour, which photographs, with their grain
and shades, have not.
"""

from __future__ import annotations

import cv2
import numpy as np

EVEN = 0.012  # of the picture's range of greys: what differs less from its neighbours counts as even
# share of even pixels; 0.8 % of the pictures of FER2013's training part, which has a few drawings itself,
# have more
CARTOON_ABOVE = 0.3
_SAMPLED = 9  # crops of a track


def even_share(crop: np.ndarray) -> float:
    """The share of pixels, in [0, 1], that are as light as their eight neighbours; a picture (H, W, 3) uint8
    RGB. 0 if it shows next to nothing.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(grey, (2, 98))
    if (
        high - low < 1 / EVEN / 4
    ):  # so dark or pale that whole steps of grey are coarser than what is asked for
        return 0.0
    around = np.ones((3, 3), np.uint8)
    spread = cv2.dilate(grey, around).astype(np.int16) - cv2.erode(grey, around)
    return float(np.mean(spread <= int(EVEN * (high - low))))


def is_cartoon(crops: np.ndarray) -> bool:
    """Whether most of some crops of a face, (F, S, S, 3) uint8 RGB, spread over its track, are drawn."""
    chosen = np.unique(np.linspace(0, len(crops) - 1, _SAMPLED).round().astype(int))
    return float(np.median([even_share(crops[i]) for i in chosen])) > CARTOON_ABOVE
