"""Training of the default model's voice network on RAVDESS, EMO-DB and TESS.

Five folds by speaker: the actors of RAVDESS as in published work (Luna-Jiménez et al. 2022), with a man and a woman of EMO-DB each; TESS, one
woman, is always trained on. What is shipped is the network of fold 0, so its figures on that fold's speakers can be checked by anyone. The
folds are trained anew with other seeds to say how much a figure owes to chance. A fold that is done lies in `WORK/voice_folds` and is not
trained again.
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

from mmer_core import metrics
from mmer_core.checkpoint import load_tensors, save_tensors, write_json
from mmer_core.default_model.voice_clips import VoiceClip, cached_features, fill_cache, in_processes, sounds_without_voice, voice_clips, waveform_of
from mmer_core.default_model.voice_training import VoiceExamples, VoiceTraining, logits_of, train
from mmer_core.encoders.audio import VoiceFramesEncoder
from mmer_core.fusion.voice import VoiceNetwork
from mmer_core.labels import EMOTIONS

SHIPPED_FOLD = 0
SEEDS = 3
#: Variants on which held-out speakers are measured (see `voice_variations`).
MEASURED: dict[str, int] = {"as_recorded": 0, "over_a_call": 3, "in_a_room": 4}
SOURCES = (
    ("ravdess", "RAVDESS, speech (sound)", "CC BY-NC-SA 4.0"),
    ("emodb", "EMO-DB, without boredom", "free for research"),
    ("tess", "TESS, one speaker, four emotions", "CC BY-NC-ND 4.0"),
)


@dataclass(frozen=True)
class FoldJob:
    """One fold to train; small enough to be sent to another process."""

    fold: int
    data: Path
    cache: Path
    file: Path
    training: VoiceTraining
    options: Mapping[str, Any]


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
    `work/voice_validation.parquet` (what each fold's network said about the speakers it had not heard).

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
    all_jobs = [_jobs(clips, data, work, replace(training, seed=seed + k), options) for k in range(seeds)]
    missing = [job for jobs in all_jobs for job in jobs if not job.file.is_file()]
    for job, seconds in zip(missing, in_processes(train_fold, missing, processes), strict=True):
        print(f"voice: fold {job.fold}, seed {job.training.seed}, trained in {seconds:.0f} s", flush=True)
    jobs = all_jobs[0]
    table = validation_table(clips, jobs)
    table.to_parquet(work / "voice_validation.parquet", index=False)
    shipped = load_tensors(jobs[SHIPPED_FOLD].file)
    save_tensors(work / "voice.safetensors", {name: tensor.half() for name, tensor in shipped.items() if name.startswith("expert.")})
    report: dict[str, Any] = {
        "encoder": "voice_frames",
        "encoder_options": {},
        "expert": "voice",
        "expert_options": options,
        "seed": seed,
        "prior": dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS)),  # the loss weighs the classes equally
        "data": [{"name": name, "n": sum(c.corpus == key for c in clips), "licence": licence} for key, name, licence in SOURCES],
        "held_out_speakers": sorted({c.speaker for c in clips if c.fold == SHIPPED_FOLD}),
        "training": training.to_json(),
        "command": f"python -m mmer_core train-default --data DIR --only voice --seed {seed}",
        "seconds": round(sum(float(load_tensors(job.file)["seconds"]) for job in jobs)),  # of training, summed over the folds
        "figures": figures(table)
        | {"sounds_without_voice": _confidence_without_voice(jobs[SHIPPED_FOLD])}
        | spread([table, *(validation_table(clips, others) for others in all_jobs[1:])]),
    }
    write_json(work / "voice.json", report)
    print("voice:", json.dumps(report["figures"]["cross_validation"]["ravdess"]["as_recorded"]), flush=True)
    return report


def _all_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` of VoiceNetwork with its defaults spelled out, so that a record does not change its meaning with them."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(VoiceNetwork).parameters.items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in (defaults | dict(options)).items()}


def _jobs(clips: Sequence[VoiceClip], data: Path, work: Path, training: VoiceTraining, options: Mapping[str, Any]) -> list[FoldJob]:
    """A job for each fold; its file's name changes with all that could change its content."""
    identity = [VoiceFramesEncoder.spec.fingerprint, training.to_json(), options, [c.id for c in clips]]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    (work / "voice_folds").mkdir(parents=True, exist_ok=True)
    folds = sorted({c.fold for c in clips if c.fold is not None})
    return [FoldJob(fold, data, work / "cache", work / "voice_folds" / f"{key}-{fold}.safetensors", training, options) for fold in folds]


def train_fold(job: FoldJob) -> float:
    """Train without the fold's speakers and write weights, `logits` (len(MEASURED), N, C) of its N clips and `seconds`; returns the seconds."""
    started = time.monotonic()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two folds share two cores, and one thread adds in one order
    torch.manual_seed(job.training.seed)
    clips = voice_clips(job.data)
    learn = [c for c in clips if c.fold != job.fold] + sounds_without_voice()
    network = VoiceNetwork(**job.options)
    train(network, VoiceExamples(cached_features(learn, job.cache), targets_of(learn)), job.training)
    # what is measured is what is shipped: weights in half precision
    halves = {name: tensor.half() for name, tensor in network.state_dict().items()}
    network.load_state_dict(halves)
    tested = cached_features([c for c in clips if c.fold == job.fold], job.cache)
    logits = np.stack([logits_of(network, [variants[v] for variants in tested]) for v in MEASURED.values()])
    seconds = time.monotonic() - started
    weights = {f"expert.{name}": tensor for name, tensor in halves.items()}
    part = job.file.with_suffix(".part")
    save_tensors(part, {"logits": torch.from_numpy(logits), "seconds": torch.tensor(seconds), **weights})
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
    """One row for each clip whose speaker is tested: id, label, source_label, group (the speaker), corpus, gender, fold, logit_<emotion> as recorded,
    logit_<emotion>_<variant> for the other measured variants."""
    parts = []
    for job in jobs:
        tested = [c for c in clips if c.fold == job.fold]
        logits = load_tensors(job.file)["logits"].numpy()
        columns: dict[str, Any] = {k: [getattr(c, k) for c in tested] for k in ("id", "label", "source_label", "corpus", "gender", "fold")}
        columns["group"] = [c.speaker for c in tested]
        for name, values in zip(MEASURED, logits, strict=True):
            suffix = "" if name == "as_recorded" else f"_{name}"
            columns |= {f"logit_{emotion}{suffix}": values[:, i] for i, emotion in enumerate(EMOTIONS)}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def figures(table: pd.DataFrame) -> dict[str, Any]:
    """Scores by corpus, gender and variant: over all folds, and for the speakers that the shipped network has not heard."""
    return {"cross_validation": _by_corpus(table), "held_out": _by_corpus(table[table["fold"] == SHIPPED_FOLD])}


def spread(tables: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """UA over all folds, mean and standard deviation over the seeds: one table of `validation_table` each; empty for a single one."""
    if len(tables) < 2:
        return {}
    result: dict[str, Any] = {}
    for corpus in sorted(set(tables[0]["corpus"])):
        for name in MEASURED:
            ua = np.array([_score(table[table["corpus"] == corpus], name)["ua"] for table in tables])
            result.setdefault(corpus, {})[name] = {"ua_mean": round(float(ua.mean()), 4), "ua_sd": round(float(ua.std(ddof=1)), 4)}
    return {f"cross_validation, {len(tables)} seeds": result}


def _by_corpus(table: pd.DataFrame) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for corpus, rows in table.groupby("corpus"):
        found: dict[str, Any] = {name: _score(rows, name) for name in MEASURED}
        found |= {str(gender): {k: v for k, v in _score(part).items() if k in ("n", "ua")} for gender, part in rows.groupby("gender")}
        confusion = metrics.confusion_matrix(_truth(rows), _probabilities(rows).argmax(axis=1), len(EMOTIONS))
        recall = metrics.per_class(confusion)["recall"]
        found["recall"] = {emotion: round(float(r), 4) for emotion, r in zip(EMOTIONS, recall, strict=True) if np.isfinite(r)}
        result[str(corpus)] = found
    return result


def _truth(rows: pd.DataFrame) -> np.ndarray:
    return np.array([EMOTIONS.index(label) for label in rows["label"]])


def _probabilities(rows: pd.DataFrame, variant: str = "as_recorded") -> np.ndarray:
    suffix = "" if variant == "as_recorded" else f"_{variant}"
    logits = rows[[f"logit_{emotion}{suffix}" for emotion in EMOTIONS]].to_numpy(np.float32)
    return torch.softmax(torch.tensor(logits), dim=1).numpy()


def _score(rows: pd.DataFrame, variant: str = "as_recorded") -> dict[str, float]:
    return {k: round(v, 4) for k, v in metrics.score_predictions(_truth(rows), _probabilities(rows, variant)).items()}


def _confidence_without_voice(job: FoldJob, count: int = 40) -> dict[str, float]:
    """The highest probability that the fold's network gives to made-up sounds it was not trained on; one in seven is the least possible."""
    network = VoiceNetwork(**job.options).eval()
    tensors = load_tensors(job.file)
    network.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items() if name.startswith("expert.")})
    encoder = VoiceFramesEncoder(threads=1)
    sounds = [encoder.encode_waveform(waveform_of(clip, 0, seed=1)) for clip in sounds_without_voice(count)]
    highest = torch.softmax(torch.from_numpy(logits_of(network, sounds)), dim=1).amax(dim=1)
    return {"n": count, "mean_highest_probability": round(float(highest.mean()), 4), "largest": round(float(highest.max()), 4)}
