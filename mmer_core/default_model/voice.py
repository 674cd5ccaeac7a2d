"""Training of the default model's voice network on RAVDESS, EMO-DB and TESS.

Five folds by speaker: the actors of RAVDESS as in published work (Luna-Jiménez et al. 2022), with a man and a woman of EMO-DB each; TESS, one
woman, is always trained on. What is shipped is the network of fold 0, so its figures on that fold's speakers can be checked by anyone. The
folds are trained anew with other seeds to say how much a figure owes to chance. RAVDESS and EMO-DB are also left out whole, to see what becomes
of recordings of a corpus that was not heard (see `voice_caution`). What is trained lies in `WORK/voice_folds` and is not trained again.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mmer_core.checkpoint import load_tensors, save_tensors, write_json
from mmer_core.default_model.voice_caution import Distant, fit_caution, unheard_figures
from mmer_core.default_model.voice_clips import (
    VoiceClip,
    cached_features,
    fill_cache,
    in_processes,
    means_of,
    sounds_without_voice,
    voice_clips,
    waveform_of,
)
from mmer_core.default_model.voice_figures import MEASURED, SHIPPED_FOLD, figures, spread
from mmer_core.default_model.voice_training import VoiceExamples, VoiceTraining, logits_of, train
from mmer_core.encoders.audio import VoiceFramesEncoder
from mmer_core.familiarity import Familiarity
from mmer_core.fusion.voice import VoiceNetwork
from mmer_core.labels import EMOTIONS

SEEDS = 3
_VERSION = 2  # part of the names of what was trained; raise it when that holds something else
#: Corpora that are also left out whole. TESS is too small to ask: one woman, four emotions.
LEFT_OUT = ("ravdess", "emodb")
SOURCES = (
    ("ravdess", "RAVDESS, speech (sound)", "CC BY-NC-SA 4.0"),
    ("emodb", "EMO-DB, without boredom", "free for research"),
    ("tess", "TESS, one speaker, four emotions", "CC BY-NC-ND 4.0"),
)


@dataclass(frozen=True)
class FoldJob:
    """One training; small enough to be sent to another process.

    Attributes:
        fold: what is left out and asked about: the speakers of a fold, or all those of a corpus.
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


def train_voice(
    data: Path,
    work: Path,
    seed: int = 0,
    *,
    training: VoiceTraining | None = None,
    options: Mapping[str, Any] | None = None,
    processes: int = 2,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """Train and measure the voice network.

    Writes `work/voice.safetensors` (half precision, names `expert.*`), `work/voice.json` (how to build it, figures), and
    `work/voice_validation.parquet` (what each fold's network said about the speakers it had not heard, and how far they lie from what it learned).

    Args:
        data: folder with ravdess, emodb and tess in it.
        work: where features, folds and results go.
        seed: of everything that is shipped.
        training: hyper-parameters; its seed is replaced by `seed`.
        options: of `VoiceNetwork`.
        processes: folds trained at once, one thread each.
        seeds: trainings that the spread of the figures is taken over: with `seed` and those that follow it.

    Returns:
        What is in voice.json.

    Raises:
        CorpusError: a corpus is missing under `data`.
        EncoderUnavailable: the speech encoder is not installed.
    """
    training, options = replace(training or VoiceTraining(), seed=seed), _all_options(options or {})
    clips = voice_clips(data)
    fill_cache([*clips, *sounds_without_voice()], work / "cache", processes)
    folds = sorted({c.fold for c in clips if c.fold is not None})
    all_jobs = [_jobs(folds, clips, data, work, training=replace(training, seed=seed + k), options=options) for k in range(seeds)]
    apart = _jobs(LEFT_OUT, clips, data, work, training=training, options=options)
    missing = [job for jobs in (*all_jobs, apart) for job in jobs if not job.file.is_file()]
    for job, seconds in zip(missing, in_processes(train_fold, missing, processes), strict=True):
        print(f"voice: fold {job.fold}, seed {job.training.seed}, trained in {seconds:.0f} s", flush=True)
    tables = [validation_table(clips, jobs) for jobs in all_jobs]
    tables[0].to_parquet(work / "voice_validation.parquet", index=False)
    shipped = load_tensors(all_jobs[0][SHIPPED_FOLD].file)
    save_tensors(work / "voice.safetensors", {name: tensor.half() for name, tensor in shipped.items() if name.startswith("expert.")})
    unheard = {str(job.fold): Distant.of(validation_table(clips, [job])) for job in apart}
    report = _report(clips, all_jobs[0], tables, unheard)
    write_json(work / "voice.json", report)
    print("voice:", json.dumps(report["figures"]["cross_validation"]["ravdess"]["as_recorded"]), flush=True)
    return report


def _report(clips: Sequence[VoiceClip], jobs: Sequence[FoldJob], tables: Sequence[pd.DataFrame], unheard: Mapping[str, Distant]) -> dict[str, Any]:
    """How to build the shipped network, what it learned from, and figures.

    Args:
        jobs: the folds of the seed that is shipped.
        tables: what the folds said, for each seed; the first is the shipped one's.
        unheard: what was said about each corpus that was left out whole.
    """
    shipped, heard = jobs[SHIPPED_FOLD], Distant.of(tables[0])
    return {
        "encoder": "voice_frames",
        "encoder_options": {},
        "expert": "voice",
        "expert_options": shipped.options,
        "seed": shipped.training.seed,
        "prior": dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS)),  # the loss weighs the classes equally
        "data": [{"name": name, "n": sum(c.corpus == key for c in clips), "licence": licence} for key, name, licence in SOURCES],
        "held_out_speakers": sorted({c.speaker for c in clips if shipped.tests(c)}),
        "training": shipped.training.to_json(),
        "command": f"python -m mmer_core train-default --data DIR --only voice --seed {shipped.training.seed}",
        "seconds": round(sum(float(load_tensors(job.file)["seconds"]) for job in jobs)),  # of training, summed over the folds
        "caution": fit_caution(heard, list(unheard.values()))[0],
        "figures": figures(tables[0])
        | {"corpora_not_heard": unheard_figures(heard, unheard)}
        | {"sounds_without_voice": _confidence_without_voice(shipped)}
        | spread(tables),
    }


def _all_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` of VoiceNetwork with its defaults spelled out, so that a record does not change its meaning with them."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(VoiceNetwork).parameters.items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in (defaults | dict(options)).items()}


def _jobs(
    folds: Sequence[int | str], clips: Sequence[VoiceClip], data: Path, work: Path, *, training: VoiceTraining, options: Mapping[str, Any]
) -> list[FoldJob]:
    """A job for each fold; its file's name changes with all that could change its content."""
    identity = [_VERSION, VoiceFramesEncoder.spec.fingerprint, training.to_json(), options, [c.id for c in clips]]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    (work / "voice_folds").mkdir(parents=True, exist_ok=True)
    return [FoldJob(fold, data, work / "cache", work / "voice_folds" / f"{key}-{fold}.safetensors", training, options) for fold in folds]


def train_fold(job: FoldJob) -> float:
    """Train without the fold's speakers and write weights, `logits` (len(MEASURED), N, C) of its N clips, their `distances` (N, len(MEASURED)) from
    what was learned, and `seconds`; returns the seconds."""
    started = time.monotonic()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two folds share two cores, and one thread adds in one order
    torch.manual_seed(job.training.seed)
    clips = voice_clips(job.data)
    learn = [c for c in clips if not job.tests(c)]
    heard, silent = cached_features(learn, job.cache), sounds_without_voice()
    network = VoiceNetwork(**job.options)
    train(network, VoiceExamples([*heard, *cached_features(silent, job.cache)], targets_of([*learn, *silent])), job.training)
    # what is measured is what is shipped: weights in half precision
    halves = {name: tensor.half() for name, tensor in network.state_dict().items()}
    network.load_state_dict(halves)
    tested = cached_features([c for c in clips if job.tests(c)], job.cache)
    logits = np.stack([logits_of(network, [variants[v] for variants in tested]) for v in MEASURED.values()])
    learned, asked = means_of(heard, MEASURED.values()), means_of(tested, MEASURED.values())
    known = Familiarity.fit(learned.reshape(-1, learned.shape[2]), asked[:, 0])
    distances = np.array([[known.distance(mean[None]) for mean in means] for means in asked], dtype=np.float32)
    seconds = time.monotonic() - started
    weights = {f"expert.{name}": tensor for name, tensor in halves.items()}
    part = job.file.with_suffix(".part")
    measured = {"logits": torch.from_numpy(logits), "distances": torch.from_numpy(distances), "seconds": torch.tensor(seconds)}
    save_tensors(part, measured | weights)
    part.replace(job.file)
    torch.set_num_threads(threads)
    return seconds


def targets_of(clips: Sequence[VoiceClip]) -> torch.Tensor:
    """(N, C) float32: the label, or all classes alike where there is no voice."""
    targets = torch.full((len(clips), len(EMOTIONS)), 1 / len(EMOTIONS))
    for row, clip in enumerate(clips):
        if clip.label is not None:
            targets[row] = torch.eye(len(EMOTIONS))[EMOTIONS.index(clip.label)]
    return targets


def validation_table(clips: Sequence[VoiceClip], jobs: Sequence[FoldJob]) -> pd.DataFrame:
    """One row for each clip whose speaker is tested: id, label, source_label, group (the speaker), corpus, gender, fold, distance and
    logit_<emotion> as recorded, logit_<emotion>_<variant> for the other measured variants."""
    parts = []
    for job in jobs:
        tested = [c for c in clips if job.tests(c)]
        measured = load_tensors(job.file)
        columns: dict[str, Any] = {k: [getattr(c, k) for c in tested] for k in ("id", "label", "source_label", "corpus", "gender", "fold")}
        columns |= {"group": [c.speaker for c in tested], "distance": measured["distances"][:, 0].numpy()}
        for name, values in zip(MEASURED, measured["logits"].numpy(), strict=True):
            suffix = "" if name == "as_recorded" else f"_{name}"
            columns |= {f"logit_{emotion}{suffix}": values[:, i] for i, emotion in enumerate(EMOTIONS)}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _confidence_without_voice(job: FoldJob, count: int = 40) -> dict[str, float]:
    """The highest probability that the fold's network gives to made-up sounds it was not trained on; one in seven is the least possible."""
    network = VoiceNetwork(**job.options).eval()
    tensors = load_tensors(job.file)
    network.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items() if name.startswith("expert.")})
    encoder = VoiceFramesEncoder(threads=1)
    sounds = [encoder.encode_waveform(waveform_of(clip, 0, seed=1)) for clip in sounds_without_voice(count)]
    highest = torch.softmax(torch.from_numpy(logits_of(network, sounds)), dim=1).amax(dim=1)
    return {"n": count, "mean_highest_probability": round(float(highest.mean()), 4), "largest": round(float(highest.max()), 4)}
