"""fer on a video: its Haar cascade, its small network, every frame."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, measure


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Reads the faces of the video `path`."""
    from fer.classes import Video
    from fer.fer import FER

    detector = FER()
    quiet = dict.fromkeys(("display", "save_frames", "save_video", "annotate_frames", "zip_images"), False)

    def work() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            video = Video(str(inputs["path"]), outdir=folder)
            found = video.analyze(detector, output="pandas", **quiet)
            return {"detail": f"{video.frameCount} frames, {len(found)} with a face"}

    return work


if __name__ == "__main__":
    measure(prepare, ("fer", "tensorflow-cpu", "opencv-contrib-python"))
