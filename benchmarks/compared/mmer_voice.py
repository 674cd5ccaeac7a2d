"""This project on voice clips: a voice encoder, or the network inside the default one alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, job, measure


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Reads the clips in `path`, (N, S) float32 at 16 kHz, with the encoder `encoder`, or "floor"."""
    import numpy as np

    from mmer_core.clip import SAMPLE_RATE, Clip
    from mmer_core.encoders import ENCODERS

    clips = np.load(inputs["path"])
    if inputs["encoder"] == "floor":
        return _network_alone(clips)
    encoder = ENCODERS.create(inputs["encoder"])

    def work() -> dict[str, Any]:
        for i, clip in enumerate(clips):
            seconds = len(clip) / SAMPLE_RATE
            voices = ((0.0, seconds),)
            rows = encoder.encode(Clip(str(i), "", "audio", seconds, waveform=clip, voices=voices))
        return {"detail": f"{len(clips)} clips, the last as {rows.shape[0]} x {rows.shape[1]} numbers"}

    return work


def _network_alone(clips: Any) -> Work:
    import numpy as np

    from benchmarks.compared.floor_networks import speech_encoder

    run = speech_encoder()

    def work() -> dict[str, Any]:
        for clip in clips:
            run(np.ascontiguousarray(clip[None]))
        return {"detail": f"{len(clips)} clips"}

    return work


if __name__ == "__main__":
    measure(prepare, ("onnxruntime", "librosa"), bare=job()["inputs"]["encoder"] == "floor")
