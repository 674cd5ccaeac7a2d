"""The recipe of the shipped voice network on RAVDESS, EMO-DB and TESS.

Five folds by speaker: the actors of RAVDESS as in published work (Luna-Jiménez et al. 2022), with a man and a
woman of EMO-DB each; TESS, one woman, is always trained on. Shipped is the network of fold 0, so its figures
on that fold's speakers can be checked by anyone. The folds are trained again with other seeds, for the spread
of the figures. RAVDESS and EMO-DB are also left out whole, to see what becomes of recordings of an unseen
corpus (see `temperature`). Finished trainings lie in `WORK/voice_folds` and are not repeated.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from mmer_core.checkpoint import load_tensors, save_tensors, write_json
from mmer_core.encoders.voice_frames import VoiceFramesEncoder
from mmer_core.fusion.heads.voice import VoiceNetwork
from mmer_core.labels import EMOTIONS
from recipes.voice.clips import (
    VoiceClip,
    fill_cache,
    in_processes,
    sounds_without_voice,
    voice_clips,
    waveform_of,
)
from recipes.voice.figures import SHIPPED_FOLD, figures, spread
from recipes.voice.folds import HEAD_PREFIX, FoldJob, fold_jobs, train_fold, validation_table
from recipes.voice.temperature import UnseenRecordings, fit_temperature_slope, unseen_corpora_figures
from recipes.voice.training import VoiceTraining, logits_of

SEEDS = 3
#: Corpora that are also left out whole. TESS is too small to ask: one woman, four emotions.
LEFT_OUT = ("ravdess", "emodb")
SOURCES = (
    ("ravdess", "RAVDESS, speech (sound)", "CC BY-NC-SA 4.0"),
    ("emodb", "EMO-DB, without boredom", "free for research"),
    ("tess", "TESS, one speaker, four emotions", "CC BY-NC-ND 4.0"),
)


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

    Writes `work/voice.safetensors` (half precision, names `expert.*`), `work/voice.json` (how to build it,
    figures), and `work/voice_validation.parquet` (logits of each fold's network for its unseen speakers, and
    their distances from the training data).

    Args:
        data: folder with ravdess, emodb and tess in it.
        work: folder of features, folds and results.
        seed: of everything that is shipped.
        training: the settings; their seed is replaced by `seed`.
        options: of `VoiceNetwork`.
        processes: folds trained at once, one thread each.
        seeds: trainings that the spread of the figures is taken over: with `seed` and those that follow it.

    Returns:
        The content of voice.json.

    Raises:
        CorpusError: a corpus is missing under `data`.
        EncoderUnavailable: the speech encoder is not installed.
    """
    training, options = replace(training or VoiceTraining(), seed=seed), _all_options(options or {})
    clips = voice_clips(data)
    fill_cache([*clips, *sounds_without_voice()], work / "cache", processes)
    folds = sorted({c.fold for c in clips if c.fold is not None})
    by_seed = [
        fold_jobs(folds, clips, data, work, training=replace(training, seed=seed + k), options=options)
        for k in range(seeds)
    ]
    apart = fold_jobs(LEFT_OUT, clips, data, work, training=training, options=options)
    missing = [job for jobs in (*by_seed, apart) for job in jobs if not job.file.is_file()]
    for job, seconds in zip(missing, in_processes(train_fold, missing, processes), strict=True):
        print(f"voice: fold {job.fold}, seed {job.training.seed}, trained in {seconds:.0f} s", flush=True)
    tables = [validation_table(clips, jobs) for jobs in by_seed]
    tables[0].to_parquet(work / "voice_validation.parquet", index=False)
    shipped = load_tensors(by_seed[0][SHIPPED_FOLD].file)
    save_tensors(
        work / "voice.safetensors",
        {name: tensor.half() for name, tensor in shipped.items() if name.startswith(HEAD_PREFIX)},
    )
    corpora = {str(job.fold): UnseenRecordings.of(validation_table(clips, [job])) for job in apart}
    report = _report(clips, by_seed[0], tables, corpora)
    write_json(work / "voice.json", report)
    print("voice:", json.dumps(report["figures"]["cross_validation"]["ravdess"]["as_recorded"]), flush=True)
    return report


def _report(
    clips: Sequence[VoiceClip],
    jobs: Sequence[FoldJob],
    tables: Sequence[pd.DataFrame],
    corpora: Mapping[str, UnseenRecordings],
) -> dict[str, Any]:
    """How to build the shipped network, its data, and its figures.

    Args:
        clips: all recordings.
        jobs: the folds of the seed that is shipped.
        tables: `validation_table` of each seed; the first is the shipped one's.
        corpora: logits for each corpus that was left out whole.
    """
    shipped, speakers = jobs[SHIPPED_FOLD], UnseenRecordings.of(tables[0])
    return {
        "encoder": "voice_frames",
        "encoder_options": {},
        "head": {"name": "voice", "options": dict(shipped.options)},
        "dim": VoiceFramesEncoder.spec.dim,
        "seed": shipped.training.seed,
        "prior": dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS)),  # the loss weighs the classes equally
        "data": [
            {"name": name, "n": sum(c.corpus == key for c in clips), "licence": licence}
            for key, name, licence in SOURCES
        ],
        "held_out_speakers": sorted({c.speaker for c in clips if shipped.tests(c)}),
        "training": shipped.training.to_json(),
        "command": f"python -m recipes --data DIR --only voice --seed {shipped.training.seed}",
        # of training, summed over the folds
        "seconds": round(sum(float(load_tensors(job.file)["seconds"]) for job in jobs)),
        "temperature_slope": fit_temperature_slope(speakers, list(corpora.values()))[0],
        "figures": {
            **figures(tables[0]),
            "unseen_corpora": unseen_corpora_figures(speakers, corpora),
            "sounds_without_voice": _confidence_without_voice(shipped),
            **spread(tables),
        },
    }


def _all_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` of VoiceNetwork with its defaults spelled out, so that a record does not change its meaning
    with them; the number of classes is no option of a head.
    """
    parameters = inspect.signature(VoiceNetwork).parameters
    known = {name: p.default for name, p in parameters.items() if name != "classes"}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in (known | dict(options)).items()
    }


def _confidence_without_voice(job: FoldJob, count: int = 40) -> dict[str, float]:
    """The highest probability that the fold's network gives to synthetic sounds it was not trained on; one in
    seven is the least possible.
    """
    encoder = VoiceFramesEncoder(threads=1)
    sounds = [encoder.encode_waveform(waveform_of(clip, 0, seed=1)) for clip in sounds_without_voice(count)]
    logits = torch.from_numpy(logits_of(job.network(), sounds))
    highest = torch.softmax(logits, dim=1).amax(dim=1)
    return {
        "n": count,
        "mean_highest_probability": round(float(highest.mean()), 4),
        "largest": round(float(highest.max()), 4),
    }
