"""The floor: the speech recogniser on a waveform that is decoded already, and its search for voices."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, measure


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Recognises what is said in the file `path`."""
    import numpy as np

    from mmer_core.clip import SAMPLE_RATE
    from mmer_core.media.loading import load_clip
    from mmer_core.media.recogniser import recogniser
    from mmer_core.media.voice_activity import raise_level, stretches
    from mmer_core.media.voice_detector import find_voices

    waveform = load_clip(inputs["path"]).waveform
    sound = np.zeros(SAMPLE_RATE, np.float32) if waveform is None else raise_level(waveform)
    ear = recogniser()

    def work() -> dict[str, Any]:
        began = time.perf_counter()
        voices = find_voices(sound)
        found = time.perf_counter()
        spans = stretches(voices, len(sound) / SAMPLE_RATE)
        said = [ear.words(sound[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)]).text for a, b in spans]
        steps = {"voices": found - began, "words": time.perf_counter() - found}
        return {"steps": steps, "detail": f"{len(' '.join(said).split())} words"}

    return work


if __name__ == "__main__":
    measure(prepare, ("moonshine-voice", "onnxruntime"), bare=True)
