"""This project on a clip: decoding, speech, words, voice, faces, fusion, as the Analyze page does it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, measure


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Reads the clip `path` with the modalities `use` (default: all); of the video every frame, or as many
    as the app reads.
    """
    from mmer_core.config import Limits
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.labels import Modality
    from mmer_core.media.loading import load_clip

    model = EmotionModel.load()
    use = [Modality(name) for name in inputs.get("use", [])] or list(model.modalities)
    limits = Limits(frames_per_second=1000.0, max_frames=100_000) if inputs.get("every_frame") else Limits()

    def work() -> dict[str, Any]:
        began = time.perf_counter()
        clip = load_clip(inputs["path"], limits=limits)
        decoded = time.perf_counter()
        observation = model.observe(clip, use=use)
        observed = time.perf_counter()
        label = model.fuse(observation, use).label
        steps = {"decode": decoded - began, **observation.timings, "fusion": time.perf_counter() - observed}
        frames = 0 if clip.frames is None else len(clip.frames)
        faces = 0 if observation.clip.faces is None else len(observation.clip.faces)
        return {"steps": steps, "detail": f"{frames} frames, {faces} with a face; {label}"}

    return work


if __name__ == "__main__":
    measure(prepare, ("torch", "onnxruntime", "opencv-python", "av"))
