"""The recordings of the voice recipe, and a cache of their features.

RAVDESS (Livingstone and Russo 2018), EMO-DB (Burkhardt et al. 2005), TESS (Pichora-Fuller and Dupuis 2020),
ASED (Retta et al. 2022, Amharic), nEMO (Christop 2024, Polish) and single Polish words, as 16 kHz mono sound
files.
"""

from __future__ import annotations

import multiprocessing
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import soundfile

from mmer_core import corpora
from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders.backends.sound import heard
from mmer_core.encoders.backends.speech_frames import RATE
from mmer_core.encoders.voice_frames import VoiceFramesEncoder
from mmer_core.inference.baseline import Baseline
from mmer_core.labels import canonical_label
from recipes.voice.augmentation import VARIATIONS, narrow_band, synthetic_sound

_EMODB_MEN = ("03", "10", "11", "12", "15")  # the others, 08 09 13 14 16, are women
#: A man and a woman tested in each fold.
_EMODB_PAIRS = (("03", "08"), ("10", "09"), ("11", "13"), ("12", "14"), ("15", "16"))
#: Corpora that are a folder with labels.csv (path, label7, speaker).
_TABLES = {
    "tess": Path("voices/tess_more"),
    "ased": Path("voices/ased_amharic"),
    "nemo": Path("voices/nemo_polish"),
    "polish_words": Path("voices/polish_words"),
}
NOT_SPEECH = "nothing"  # the corpus of synthetic sounds without a voice
_NOT_SPEECH_COUNT = 160
Job = TypeVar("Job")
Result = TypeVar("Result")
VARIANTS = ("as_recorded", "varied", "narrow_band")  # of each recording
_VERSION = 3  # part of the cache's key; raise it when the features or a variation below change


@dataclass(frozen=True)
class VoiceClip:
    """One recording.

    Attributes:
        id: unique name, also of its files in the cache.
        path: the sound file; None for a synthetic sound.
        label: one of `EMOTIONS`; None for a sound without a voice.
        source_label: the label as the corpus has it ("calm").
        speaker: unique over all corpora ("ravdess-01").
        corpus: "ravdess", "emodb", "tess", "ased", "nemo", "polish_words" or `NOT_SPEECH`.
        gender: "female", "male" or "none" where it is not told.
        fold: in which its speaker is tested; None for what is always trained on.
    """

    id: str
    path: Path | None
    label: str | None
    source_label: str
    speaker: str
    corpus: str
    gender: str
    fold: int | None


def voice_clips(data: Path) -> list[VoiceClip]:
    """All recordings of our emotions in data/ravdess (with its folds.json), data/emodb, data/tess/<emotion>
    and the folders of data/voices.

    Raises:
        CorpusError: a corpus or the folds are missing.
    """
    ravdess = corpora.read(f"ravdess:{data / 'ravdess'}", classes=8, media="audio", action_units="")
    folds = corpora.read_folds(data / "ravdess" / "folds.json", ravdess)
    emodb = corpora.read(f"emodb:{data / 'emodb'}", boredom="drop")
    tess = corpora.read(f"folder:{data / 'tess'}")
    pair = {speaker: fold for fold, speakers in enumerate(_EMODB_PAIRS) for speaker in speakers}
    return [
        *(
            _clip(u, "ravdess", u.group, "male" if int(u.group) % 2 else "female", int(folds[u.id]))
            for u in ravdess.utterances()
        ),
        *(
            _clip(u, "emodb", u.group, "male" if u.group in _EMODB_MEN else "female", pair[u.group])
            for u in emodb.utterances()
        ),
        *(_clip(u, "tess", "YAF", "female", None) for u in tess.utterances()),
        *(clip for corpus, folder in _TABLES.items() for clip in _listed(corpus, data / folder)),
    ]


def _listed(corpus: str, folder: Path) -> list[VoiceClip]:
    """The recordings that the folder's labels.csv lists."""
    table = folder / "labels.csv"
    if not table.is_file():
        raise corpora.CorpusError(f"{table} is missing: --data names the folder that holds the corpora")
    return [
        VoiceClip(
            f"{corpus}-{Path(row.path).stem}",
            folder / row.path,
            canonical_label(row.label7),
            row.original_label,
            f"{corpus}-{row.speaker}",
            corpus,
            "none",
            None,
        )
        for row in pd.read_csv(table, dtype=str, keep_default_na=False).itertuples()
    ]


def _clip(
    utterance: corpora.Utterance, corpus: str, speaker: str, gender: str, fold: int | None
) -> VoiceClip:
    name = utterance.id.removesuffix(".flac").replace("/", "-")
    label = canonical_label(utterance.label)
    return VoiceClip(
        f"{corpus}-{name}",
        utterance.path,
        label,
        utterance.label,
        f"{corpus}-{speaker}",
        corpus,
        gender,
        fold,
    )


def sounds_without_voice(count: int = _NOT_SPEECH_COUNT) -> list[VoiceClip]:
    """Synthetic hums, chords, hisses and knocks, for which the network learns equal probabilities."""
    return [
        VoiceClip(f"{NOT_SPEECH}-{i:03d}", None, None, "", NOT_SPEECH, NOT_SPEECH, "none", None)
        for i in range(count)
    ]


def waveform_of(clip: VoiceClip, variant: int, seed: int = 0) -> np.ndarray:
    """(N,) float32 at 16 kHz: the recording in one of its `VARIANTS`, by position, always the same.

    Raises:
        ValueError: the file is not 16 kHz mono.
    """
    name = zlib.crc32(clip.id.encode())
    rng = np.random.default_rng([seed, variant, name])
    if clip.path is None:
        sound = synthetic_sound(rng)
    else:
        sound, rate = soundfile.read(clip.path, dtype="float32")
        if rate != SAMPLE_RATE or sound.ndim != 1:
            raise ValueError(
                f"{clip.path} is not 16 kHz mono: convert it, for example with ffmpeg -ac 1 -ar 16000"
            )
    kinds = {"varied": VARIATIONS[name % len(VARIATIONS)], "narrow_band": narrow_band}
    variation = kinds.get(VARIANTS[variant])
    return variation(sound, rng) if variation else sound


def fill_cache(clips: Sequence[VoiceClip], cache: Path, processes: int = 2) -> None:
    """Compute the moments of clips and variants that the cache lacks; stopped, it goes on where it was."""
    jobs = [
        (clip, v, file) for clip in clips for v, file in enumerate(_files(clip, cache)) if not file.is_file()
    ]
    if not jobs:
        return
    jobs[0][2].parent.mkdir(parents=True, exist_ok=True)
    for done, _ in enumerate(in_processes(_encode, jobs, processes, chunk=16), start=1):
        if done % 500 == 0 or done == len(jobs):
            print(f"voice: encoded {done}/{len(jobs)}", flush=True)


def in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], processes: int, chunk: int = 1
) -> Iterator[Result]:
    """`work` on each job, results in order; in this process if there is only one."""
    if processes <= 1:
        yield from map(work, jobs)
        return
    # spawned, not forked: torch and onnxruntime hold threads
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs, chunksize=chunk)


def cached_moments(clips: Sequence[VoiceClip], cache: Path) -> list[tuple[Baseline, ...]]:
    """For each clip the moments of the frames of its `VARIANTS`, from a cache that has been filled."""
    return [tuple(_moments(np.load(file)) for file in _files(clip, cache)) for clip in clips]


def _moments(row: np.ndarray) -> Baseline:
    count, (mean, variance) = int(row[0]), np.split(row[1:].astype(np.float64), 2)
    return Baseline(count, mean, variance, count / RATE)


def _files(clip: VoiceClip, cache: Path) -> list[Path]:
    folder = cache / f"{VoiceFramesEncoder.spec.fingerprint}-{_VERSION}"
    return [folder / f"{clip.id}.{v}.npy" for v in range(len(VARIANTS))]


_encoder: list[VoiceFramesEncoder] = []  # one for each process, made at its first clip


def _encode(job: tuple[VoiceClip, int, Path]) -> None:
    clip, variant, path = job
    if not _encoder:
        _encoder.append(VoiceFramesEncoder(threads=1))
    waveform = waveform_of(clip, variant)
    frames = _encoder[0].encode_waveform(heard(Clip(clip.id, clip.id, "audio", waveform=waveform)))
    found = Baseline.of([frames], len(frames) / RATE)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, np.concatenate([[found.rows], found.mean, found.variance]).astype(np.float32))
    part.replace(path)
