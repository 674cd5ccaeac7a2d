"""Models small enough for any test: real fusion networks and inference code, encoders that compute a few
numbers from the clip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mmer_core import fusion
from mmer_core.clip import Absent, Clip, FaceTrack
from mmer_core.encoders import EncoderSpec
from mmer_core.features.batch import collate
from mmer_core.fusion.base import FusionNetwork
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.record import Calibration, computed, given, model_record
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets

DIM = 6
THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
_TIMING = {Modality.TEXT: "sentences", Modality.AUDIO: "clip", Modality.VISUAL: "faces"}


class TinyEncoder:
    """Features from simple statistics of the clip; absent exactly where the real encoders are."""

    def __init__(self, modality: Modality) -> None:
        self.spec = EncoderSpec(
            f"tiny_{modality}",
            modality,
            DIM,
            "this project",
            "1",
            "MIT",
            "simple statistics",
            needs_faces=modality is Modality.VISUAL,
            timing=_TIMING[modality],
        )
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


def make_network(
    name: str = "product",
    classes: int = len(EMOTIONS),
    modalities: Sequence[Modality] = THREE,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> FusionNetwork:
    """A registered network as after training: scaled, with a prior and a combination that are drawn."""
    torch.manual_seed(seed)
    chosen = dict(options or {})
    if name == "unimodal":
        chosen.setdefault("modality", modalities[0].value)
    network = fusion.create(name, dims=dict.fromkeys(modalities, DIM), classes=classes, **chosen)
    rng = np.random.default_rng(seed)
    samples = [{m: rng.normal(0.2, 0.5, (3, DIM)).astype(np.float32) for m in modalities} for _ in range(20)]
    network.fit_scaling(collate(samples, dict.fromkeys(modalities, DIM)))
    network.set_prior(torch.randn(classes).softmax(0))
    if isinstance(network, ProductOfExperts):
        network.expert_log_prior.copy_(torch.randn_like(network.expert_log_prior).log_softmax(1))
        network.temperature.copy_(torch.rand_like(network.temperature) + 0.5)
        network.weight.copy_(torch.rand_like(network.weight) * 0.5 + 0.5)
        for i in range(len(modalities)):
            network.weight[1 << i] = 1.0
    return network.eval()


def make_model(
    name: str = "product",
    *,
    labels: Sequence[str] = EMOTIONS,
    modalities: Sequence[Modality] = THREE,
    options: Mapping[str, Any] | None = None,
    without_encoder: Sequence[Modality] = (),
    seed: int = 0,
    calibration: Mapping[str, Any] | None = None,
    **parts: Any,
) -> EmotionModel:
    """A model with random weights, priors, temperatures and weights that differ, so that mistakes in their
    use show.

    Args:
        name: of the fusion network.
        without_encoder: modalities whose features came with a corpus.
        calibration: fields laid over the drawn ones.
        parts: further arguments of `EmotionModel`.
    """
    network = make_network(name, len(labels), modalities, options, seed)
    encoders = {m: TinyEncoder(m) for m in network.modalities if m not in without_encoder}
    rng = np.random.default_rng(seed)
    drawn = {
        "temperatures": {subset_name(s): float(rng.uniform(0.7, 1.5)) for s in subsets(network.modalities)},
        "prior": dict(zip(labels, network.log_prior.exp().double().numpy().tolist(), strict=True)),
    }
    record = model_record(
        name="tiny",
        labels=labels,
        modalities={
            m: computed(encoders[m].spec.name, {}, encoders[m].spec)
            if m in encoders
            else given(DIM, "action units of a corpus")
            for m in network.modalities
        },
        fusion_name=name,
        network=network,
        calibration=Calibration.from_json({**drawn, **(calibration or {})}),
    )
    return EmotionModel(network, encoders, record, **parts)


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
