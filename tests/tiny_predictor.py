"""A predictor small enough for any test: real fusion and predictor code, encoders that compute a few numbers from the clip."""

from __future__ import annotations

import numpy as np
import torch

from mmer_core.clip import Absent, Clip, FaceTrack
from mmer_core.encoders import EncoderSpec
from mmer_core.fusion.product import FrameLinear, ProductOfExperts
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.predictor import Predictor

DIM = 6


class TinyEncoder:
    """Features from simple statistics of the clip; absent exactly where the real encoders are."""

    def __init__(self, modality: Modality) -> None:
        self.spec = EncoderSpec(f"tiny_{modality}", modality, DIM, "this project", "1", "MIT", "simple statistics")
        self.calls = 0
        self.clip: Clip | None = None  # the one read last

    def encode(self, clip: Clip) -> np.ndarray:
        self.calls += 1
        self.clip = clip
        if self.spec.modality is Modality.TEXT:
            if clip.text is None:
                raise Absent(clip.absent.get(Modality.TEXT, "no words: nothing was said or typed"))
            values = np.frombuffer(clip.text.encode().ljust(DIM, b" ")[:DIM], dtype=np.uint8) / 128 - 0.5
        elif self.spec.modality is Modality.AUDIO:
            if clip.waveform is None:
                raise Absent(clip.absent.get(Modality.AUDIO, "the clip has no sound"))
            values = np.resize(clip.waveform[:DIM], DIM)
        else:
            if clip.faces is None:
                raise Absent(clip.absent.get(Modality.VISUAL, "the clip has no picture"))
            values = clip.faces.crops.reshape(len(clip.faces), -1)[:, :DIM] / 255.0
        return np.atleast_2d(values).astype(np.float32)


def make_predictor(seed: int = 0) -> Predictor:
    """Random experts with priors, temperatures and weights that differ, so that mistakes in their use show."""
    torch.manual_seed(seed)
    modalities = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
    model = ProductOfExperts({m: FrameLinear(DIM, len(EMOTIONS)) for m in modalities}, len(EMOTIONS))
    model.log_prior.copy_(torch.log_softmax(torch.randn(3, len(EMOTIONS)), dim=-1))
    model.temperature.copy_(torch.tensor([1.5, 0.7, 1.1]))
    model.weight.copy_(torch.rand(8, 3) * 0.5 + 0.5)
    for i in range(3):
        model.weight[1 << i] = 1.0
    return Predictor(model, {m: TinyEncoder(m) for m in modalities}, {"name": "tiny", "labels": list(EMOTIONS)})


def make_clip(seed: int = 0, *, text: str | None = "I am glad", sound: bool = True, faces: int = 3) -> Clip:
    """A clip as it is after decoding and face finding."""
    rng = np.random.default_rng(seed)
    track = None
    if faces:
        track = FaceTrack(
            times=np.arange(faces) / 4,
            frames=np.arange(faces),
            boxes=np.tile(np.array([10, 10, 60, 60], dtype=np.float32), (faces, 1)),
            landmarks=np.full((faces, 5, 2), np.nan, dtype=np.float32),
            scores=np.ones(faces, dtype=np.float32),
            crops=rng.integers(0, 255, (faces, 112, 112, 3), dtype=np.uint8),
            frames_seen=faces,
            people=1,
            rule="the only face in view",
        )
    return Clip(
        name="clip.mp4",
        digest=f"digest-{seed}",
        kind="video",
        duration=1.0,
        waveform=rng.uniform(-0.5, 0.5, 16_000).astype(np.float32) if sound else None,
        text=text,
        faces=track,
        absent={} if faces else {Modality.VISUAL: "no face in 4 of 4 frames"},
    )
