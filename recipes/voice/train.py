"""The recipe of the shipped voice network: small networks on the mean of the speech encoder's frames.

Everything is chosen by the mean over corpora that are left out of training whole (`left_out`); speakers of
RAVDESS (in its five folds, Luna-Jiménez et al. 2022) and of EMO-DB are also left out by fold, which says how
unheard speakers of known corpora are read and chooses nothing. What is shipped has learned from all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmer_core.checkpoint import save_tensors
from mmer_core.encoders.voice_frames import VoiceFramesEncoder
from mmer_core.inference.storage import scaling_tensors
from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.uncertainty.calibration import log_softmax
from recipes import left_out
from recipes.voice import figures
from recipes.voice.clips import (
    VoiceClip,
    cached_moments,
    fill_cache,
    sounds_without_voice,
    voice_clips,
)
from recipes.voice.folds import halves, logits_of, read_apart, table_of
from recipes.voice.speakers import Voices
from recipes.voice.training import VoiceTraining, train

SEEDS = 3
HEAD_PREFIX = "expert."  # of the network's tensors in files: it becomes one of the experts of the product
SOURCES = {
    "ravdess": ("RAVDESS, speech (sound)", "CC BY-NC-SA 4.0"),
    "emodb": ("EMO-DB, without boredom", "free for research"),
    "tess": ("TESS, two speakers", "CC BY-NC-ND 4.0"),
    "ased": ("ASED, Amharic, 65 people", "for research, no licence text (Retta et al. 2022)"),
    "nemo": ("nEMO, Polish", "CC BY-NC-SA 4.0"),
    "polish_words": ("single Polish words, five men", "CC BY"),
}


def train_voice(
    data: Path,
    work: Path,
    seed: int = 0,
    *,
    training: VoiceTraining | None = None,
    processes: int = 2,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """Train and measure the voice network.

    Writes `work/voice.safetensors` (half precision, names `expert.*`, and the average speaker,
    `input_scaling.audio.*`), `work/voice.json` (how to build it, figures), `work/voice_validation.parquet`
    (what it says of unheard speakers) and `work/voice_strangers.parquet` (of corpora that it has not heard).

    Args:
        data: folder with ravdess, emodb, tess and voices in it.
        work: folder of features and results.
        seed: of everything that is shipped.
        training: the settings; their seed is replaced by `seed`.
        processes: recordings encoded at once.
        seeds: trainings that the spread of the figures is taken over: with `seed` and those that follow it.

    Returns:
        The content of voice.json.

    Raises:
        CorpusError: a corpus is missing under `data`.
        EncoderUnavailable: the speech encoder is not installed.
    """
    started, config = time.monotonic(), replace(training or VoiceTraining(), seed=seed)
    clips, quiet = voice_clips(data), sounds_without_voice()
    fill_cache([*clips, *quiet], work / "cache", processes)
    voices = Voices(clips, cached_moments(clips, work / "cache"))
    silent = Voices(quiet, cached_moments(quiet, work / "cache"))
    by_seed = [_by_fold(voices, silent, replace(config, seed=seed + k)) for k in range(seeds)]
    by_seed[0].to_parquet(work / "voice_validation.parquet", index=False)
    apart = _by_corpus(voices, silent, config)
    left_out.write(work / "voice_strangers.parquet", figures.left_out(apart, "as_recorded"))
    network, scaling = train(voices, silent, config)
    tensors = {f"{HEAD_PREFIX}{name}": tensor for name, tensor in halves(network).state_dict().items()}
    save_tensors(work / "voice.safetensors", tensors | scaling_tensors({Modality.AUDIO: scaling}))
    report = _report(clips, config, time.monotonic() - started) | {
        "figures": {
            "cross_validation": figures.within(by_seed[0]),
            "sounds_without_voice": _certainty(table_of(network, scaling, silent)),
            **figures.spread(by_seed),
        },
        "strangers": figures.apart(apart),
    }
    write_json(work / "voice.json", report)
    print("voice:", json.dumps(report["strangers"]["nothing"].get("mean")), flush=True)
    return report


def _by_fold(voices: Voices, silent: Voices, config: VoiceTraining) -> pd.DataFrame:
    """What is said of the speakers of each fold without having heard them."""
    folds = sorted({clip.fold for clip in voices.clips if clip.fold is not None})
    parts = []
    for fold in folds:
        parts.append(read_apart(voices, silent, [clip.fold == fold for clip in voices.clips], config))
        print(f"voice: fold {fold}, seed {config.seed}", flush=True)
    return pd.concat(parts, ignore_index=True)


def _by_corpus(voices: Voices, silent: Voices, config: VoiceTraining) -> pd.DataFrame:
    """What is said of each corpus without having heard it."""
    parts = []
    for corpus in dict.fromkeys(clip.corpus for clip in voices.clips):
        left = [clip.corpus == corpus for clip in voices.clips]
        parts.append(read_apart(voices, silent, left, config))
        print(f"voice: without {corpus}", flush=True)
    return pd.concat(parts, ignore_index=True)


def _report(clips: Sequence[VoiceClip], config: VoiceTraining, seconds: float) -> dict[str, Any]:
    """How to build the shipped network, and its data."""
    return {
        "encoder": "voice_frames",
        "encoder_options": {},
        "head": {"name": "mean", "options": {"members": config.members, "hidden": config.hidden}},
        "dim": VoiceFramesEncoder.spec.dim,
        "seed": config.seed,
        "prior": dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS)),  # the loss weighs the classes equally
        "data": [
            {"name": name, "n": sum(c.corpus == key for c in clips), "licence": licence}
            for key, (name, licence) in SOURCES.items()
        ],
        "training": config.to_json(),
        "command": f"python -m recipes --data DIR --only voice --seed {config.seed}",
        "seconds": round(seconds),
    }


def _certainty(table: pd.DataFrame) -> dict[str, float]:
    """The highest probability given to sounds without a voice; one in seven is the least possible."""
    highest = np.exp(log_softmax(logits_of(table))).max(axis=1)
    return {
        "n": len(table),
        "mean_highest_probability": round(float(highest.mean()), 4),
        "largest": round(float(highest.max()), 4),
    }
