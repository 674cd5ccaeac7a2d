"""The place of an utterance in its dialogue."""

from dataclasses import replace

import numpy as np
import pytest

from mmer_core import encoders
from mmer_core.clip import Dialogue


@pytest.mark.parametrize(
    ("place", "row"),
    [
        (Dialogue(0, 5, 1.5), [1.5, 0, 0]),
        (Dialogue(4, 5, 0.0), [0, 4, 1]),
        (Dialogue(1, 5, 2.0, ("hi",)), [2, 1, 0.25]),
        (Dialogue(0, 1, 1.0), [1, 0, 0]),
    ],
)
def test_duration_position_and_relative_position(place, row, clip_of):
    features = encoders.create("dialogue").encode(replace(clip_of(), dialogue=place))
    np.testing.assert_allclose(features, [row])
