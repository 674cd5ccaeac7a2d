"""Py-Feat on a video: its default face and emotion networks, every frame."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, measure


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Reads the faces of the video `path`."""
    os.environ.setdefault("HF_HOME", sys.prefix)  # weights go into its environment
    _reach_the_hub()
    from feat import Detectorv1

    detector = Detectorv1(au_model=None, identity_model=None, gaze_model=None, device="cpu")

    def work() -> dict[str, Any]:
        found = detector.detect(str(inputs["path"]), data_type="video", progress_bar=False)
        frames = int(found["frame"].nunique())
        faces = int(found.loc[found["FaceScore"] > 0, "frame"].nunique())
        return {"detail": f"{frames} frames, {faces} with a face"}

    return work


def _reach_the_hub() -> None:
    """Its own attempts to get weights go on for minutes where there is no network."""
    from huggingface_hub import constants, try_to_load_from_cache

    if try_to_load_from_cache("py-feat/retinaface_r34", "model.safetensors") is None:
        try:
            urllib.request.urlopen(constants.ENDPOINT, timeout=10).close()
        except OSError as error:
            raise RuntimeError(f"its weights lie on a hub that cannot be reached: {error}") from error


if __name__ == "__main__":
    measure(prepare, ("py-feat", "torch"))
