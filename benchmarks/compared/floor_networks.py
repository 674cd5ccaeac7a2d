"""The floor: the model's networks alone, on the frames, crops, sound and tokens that they get of a clip."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from benchmarks.compared.stopwatch import Work, measure

PIECE, CONTEXT = 30, 2  # seconds of sound that the voice encoder reads at once, and around them


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Runs the networks that reading the clip `path` runs with the modalities `use` (default: all)."""
    from mmer_core.config import Limits
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.labels import Modality
    from mmer_core.media.loading import load_clip

    limits = Limits(frames_per_second=1000.0, max_frames=100_000) if inputs.get("every_frame") else Limits()
    model = EmotionModel.load()
    use = [Modality(name) for name in inputs.get("use", [])] or list(model.modalities)
    clip = model.observe(load_clip(inputs["path"], limits=limits), use=use).clip
    runs: dict[str, Callable[[], object]] = {}
    if Modality.VISUAL in use and clip.frames is not None:
        runs["face detector"] = _detector(clip.frames)
    if Modality.VISUAL in use and clip.faces is not None:
        runs["face networks"] = _faces(clip.faces.crops)
    if Modality.AUDIO in use and clip.waveform is not None:
        runs["voice network"] = _voice(clip)
    if Modality.TEXT in use and clip.text:
        runs["word network"] = _words(model.encoders[Modality.TEXT], clip.text)

    def work() -> dict[str, Any]:
        steps = {}
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            steps[name] = time.perf_counter() - began
        return {"steps": steps}

    return work


def _detector(frames: np.ndarray) -> Callable[[], object]:
    """YuNet on frames that have its size already: 480 pixels on the longer side."""
    from mmer_core.media.yunet import WEIGHTS

    scale = min(1.0, 480 / max(frames.shape[1:3]))
    size = round(frames.shape[2] * scale), round(frames.shape[1] * scale)
    small = [
        cv2.cvtColor(cv2.resize(f, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR) for f in frames
    ]
    weights, nothing = np.frombuffer(WEIGHTS.read_bytes(), np.uint8), np.zeros(0, np.uint8)
    network = cv2.FaceDetectorYN.create("onnx", weights, nothing, size, 0.5)
    return lambda: [network.detect(picture) for picture in small]


def _faces(crops: np.ndarray) -> Callable[[], object]:
    """The face networks on the pictures that they get."""
    from mmer_core.encoders.backends.face_ensemble import load_network
    from mmer_core.encoders.backends.face_graphs import FaceGraphs
    from mmer_core.encoders.face_cnn import FACE_WEIGHTS, grey_faces

    pictures, graphs = grey_faces(crops), FaceGraphs(load_network(FACE_WEIGHTS))
    return lambda: graphs.embed(pictures)


def _voice(clip: Any) -> Callable[[], object]:
    """The speech encoder on the heard part of the sound, in the pieces that it gets."""
    from mmer_core.clip import SAMPLE_RATE
    from mmer_core.encoders.backends.sound import heard
    from mmer_core.encoders.backends.speech_frames import levelled

    waveform = levelled(heard(clip))
    count = -(-len(waveform) // (PIECE * SAMPLE_RATE))
    bounds = np.linspace(0, len(waveform), count + 1).astype(int).tolist()
    more = CONTEXT * SAMPLE_RATE
    pieces = [np.ascontiguousarray(waveform[max(0, a - more) : b + more][None]) for a, b in pairwise(bounds)]
    run = speech_encoder()
    return lambda: [run(piece) for piece in pieces]


def speech_encoder() -> Callable[[np.ndarray], object]:
    """Runs the voice encoder's network on (1, S) float32."""
    from mmer_core import config
    from mmer_core.encoders.backends.ort_outputs import with_outputs
    from mmer_core.encoders.voice_frames import SPEECH_LAYERS, SPEECH_WEIGHTS
    from mmer_core.media.onnx_session import open_session

    model = with_outputs(SPEECH_WEIGHTS.locate().read_bytes(), SPEECH_LAYERS)
    session = open_session(model, config.threads(), as_ort=True)
    return lambda sound: session.run(
        None, {"input_values": sound, "attention_mask": np.ones(sound.shape, dtype=np.int64)}
    )


def _words(encoder: Any, text: str) -> Callable[[], object]:
    """The sentence network on the tokens of the text."""
    import torch

    from mmer_core.encoders.sentences import pad_tokens

    tokens, mask = pad_tokens(encoder.readings(text))

    def run() -> object:
        with torch.inference_mode():
            return encoder.network(tokens, mask)

    return run


if __name__ == "__main__":
    measure(prepare, ("onnxruntime", "torch", "opencv-python"), bare=True)
