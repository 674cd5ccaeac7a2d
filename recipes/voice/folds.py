"""Training of the voice network without the speakers of a fold or without a corpus, and its logits there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mmer_core.checkpoint import load_tensors, save_tensors
from mmer_core.encoders.voice_frames import VoiceFramesEncoder
from mmer_core.fusion.heads.voice import VoiceNetwork
from mmer_core.labels import EMOTIONS
from mmer_core.training.device import seeded
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector
from recipes.voice.clips import VoiceClip, cached_features, means_of, sounds_without_voice, voice_clips
from recipes.voice.figures import MEASURED
from recipes.voice.training import VoiceExamples, VoiceTraining, logits_of, train

HEAD_PREFIX = "expert."  # of the network's tensors in files: it becomes one of the experts of the product
_VERSION = 3  # part of the names of what was trained; raise it when that holds something else


@dataclass(frozen=True)
class FoldJob:
    """One training; small enough to be sent to another process.

    Attributes:
        fold: what is left out and predicted: the speakers of a fold, or all those of a corpus.
        data: folder of the corpora.
        cache: folder of the features.
        file: of the results.
        training: the settings.
        options: of `VoiceNetwork`.
    """

    fold: int | str
    data: Path
    cache: Path
    file: Path
    training: VoiceTraining
    options: Mapping[str, Any]

    def tests(self, clip: VoiceClip) -> bool:
        """Whether this clip is left out of the training."""
        return self.fold in (clip.fold, clip.corpus)

    def network(self) -> VoiceNetwork:
        """The trained network, in evaluation mode."""
        network = VoiceNetwork(**self.options).eval()
        tensors = load_tensors(self.file)
        own = {
            name.removeprefix(HEAD_PREFIX): t for name, t in tensors.items() if name.startswith(HEAD_PREFIX)
        }
        network.load_state_dict(own)
        return network


def fold_jobs(
    folds: Sequence[int | str],
    clips: Sequence[VoiceClip],
    data: Path,
    work: Path,
    *,
    training: VoiceTraining,
    options: Mapping[str, Any],
) -> list[FoldJob]:
    """A job for each fold; its file's name changes with all that could change its content."""
    ids = [c.id for c in clips]
    identity = [_VERSION, VoiceFramesEncoder.spec.fingerprint, training.to_json(), options, ids]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    folder = work / "voice_folds"
    folder.mkdir(parents=True, exist_ok=True)
    return [
        FoldJob(fold, data, work / "cache", folder / f"{key}-{fold}.safetensors", training, options)
        for fold in folds
    ]


def train_fold(job: FoldJob) -> float:
    """Train without the fold's speakers and write weights, `logits` (len(MEASURED), N, C) of its N clips,
    their `distances` (N, len(MEASURED)) from the training data, and `seconds`; returns the seconds.
    """
    started = time.monotonic()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two folds share two cores, and one thread adds in one order
    try:
        clips, silent = voice_clips(job.data), sounds_without_voice()
        learn, tested = ([c for c in clips if job.tests(c) == test] for test in (False, True))
        features = cached_features(learn, job.cache)
        with seeded(job.training.seed):
            network = VoiceNetwork(**job.options)
        examples = [*features, *cached_features(silent, job.cache)]
        train(network, VoiceExamples(examples, targets_of([*learn, *silent])), job.training)
        # what is measured is what is shipped: weights in half precision
        halves = {name: tensor.half() for name, tensor in network.state_dict().items()}
        network.load_state_dict(halves)
        measured = _measured(network, features, cached_features(tested, job.cache))
    finally:
        torch.set_num_threads(threads)
    seconds = time.monotonic() - started
    part = job.file.with_suffix(".part")
    weights = {f"{HEAD_PREFIX}{name}": tensor for name, tensor in halves.items()}
    save_tensors(part, {**measured, "seconds": torch.tensor(seconds), **weights})
    part.replace(job.file)
    return seconds


def _measured(
    network: VoiceNetwork,
    learned: Sequence[Sequence[np.ndarray]],
    tested: Sequence[Sequence[np.ndarray]],
) -> dict[str, torch.Tensor]:
    """`logits` and `distances` of the tested clips, see `train_fold`."""
    logits = np.stack([logits_of(network, [variants[v] for variants in tested]) for v in MEASURED.values()])
    known, asked = means_of(learned, MEASURED.values()), means_of(tested, MEASURED.values())
    detector = MahalanobisDetector.fit(known.reshape(-1, known.shape[2]), asked[:, 0])
    distances = [[detector.distance(mean[None]) for mean in means] for means in asked]
    return {
        "logits": torch.from_numpy(logits),
        "distances": torch.from_numpy(np.array(distances, dtype=np.float32)),
    }


def targets_of(clips: Sequence[VoiceClip]) -> torch.Tensor:
    """(N, C) float32: the label, or all classes alike where there is no voice."""
    targets = torch.full((len(clips), len(EMOTIONS)), 1 / len(EMOTIONS))
    for row, clip in enumerate(clips):
        if clip.label is not None:
            targets[row] = torch.eye(len(EMOTIONS))[EMOTIONS.index(clip.label)]
    return targets


def validation_table(clips: Sequence[VoiceClip], jobs: Sequence[FoldJob]) -> pd.DataFrame:
    """One row for each clip whose speaker is tested: id, label, source_label, group (the speaker), corpus,
    gender, fold, distance and logit_<emotion> as recorded, logit_<emotion>_<variant> for the other measured
    variants.
    """
    parts = []
    for job in jobs:
        tested = [c for c in clips if job.tests(c)]
        measured = load_tensors(job.file)
        columns: dict[str, Any] = {
            k: [getattr(c, k) for c in tested]
            for k in ("id", "label", "source_label", "corpus", "gender", "fold")
        }
        columns |= {"group": [c.speaker for c in tested], "distance": measured["distances"][:, 0].numpy()}
        for name, values in zip(MEASURED, measured["logits"].numpy(), strict=True):
            suffix = "" if name == "as_recorded" else f"_{name}"
            columns |= {f"logit_{emotion}{suffix}": values[:, i] for i, emotion in enumerate(EMOTIONS)}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
