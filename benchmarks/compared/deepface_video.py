"""DeepFace on a video: its default detector (OpenCV's Haar cascade) and its emotion network, every frame."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, measure


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Reads the faces of the video `path`."""
    os.environ.setdefault("DEEPFACE_HOME", sys.prefix)  # weights go into its environment
    import cv2
    from deepface import DeepFace

    def work() -> dict[str, Any]:
        video, frames, faces = cv2.VideoCapture(str(inputs["path"])), 0, 0
        while (read := video.read())[0]:
            found = DeepFace.analyze(read[1], actions=["emotion"], enforce_detection=False, silent=True)
            frames += 1
            faces += any(face["face_confidence"] > 0 for face in found)
        return {"detail": f"{frames} frames, {faces} with a face"}

    return work


if __name__ == "__main__":
    measure(prepare, ("deepface", "torch"))
