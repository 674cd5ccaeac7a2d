"""openSMILE on voice clips: the functionals of a feature set, one vector a clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, measure

RATE = 16_000


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Reads the clips in `path`, (N, S) float32 at 16 kHz, with the feature set `features`."""
    import numpy as np
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet[inputs["features"]],
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    clips = np.load(inputs["path"])

    def work() -> dict[str, Any]:
        width = sum(smile.process_signal(clip, RATE).shape[1] for clip in clips) // len(clips)
        return {"detail": f"{len(clips)} clips, {width} numbers each"}

    return work


if __name__ == "__main__":
    measure(prepare, ("opensmile",))
