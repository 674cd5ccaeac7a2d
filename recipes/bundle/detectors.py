"""Out-of-distribution detectors for the shipped encoders, fitted to their features of the training data.

Run as the step "out-of-distribution", after the encoders are trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core.encoders.backends.face_ensemble import embed_pictures, load_network
from mmer_core.encoders.backends.face_network import SIDE
from mmer_core.json_files import write_json
from mmer_core.labels import Modality
from mmer_core.uncertainty import out_of_distribution
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector
from recipes.face.fer2013 import clean, read_fer2013
from recipes.voice.clips import (
    VoiceClip,
    cached_moments,
    fill_cache,
    sounds_without_voice,
    voice_clips,
)
from recipes.words.corpora import read_goemotions, read_meld, without_punctuation
from recipes.words.network import sentence_encoder

SAMPLE = 6000  # texts and faces; more change the covariance little
HELD_OUT = 2000  # faces of public_test
_HELD_OUT_FOLD = 0  # of the voices: its speakers say how far unheard ones lie
UNLIKE = 200  # texts and faces of each kind
_PIECE = 8  # pixels: a face cut into pieces of this side and put together at random is none any more


@dataclass(frozen=True)
class Vectors:
    """Features of one modality, (N, D) each.

    Attributes:
        training: of inputs that were trained on.
        held_out: of others of the same kind.
        unlike: {kind: features of inputs that are out of distribution by construction}.
    """

    training: np.ndarray
    held_out: np.ndarray
    unlike: Mapping[str, np.ndarray]


def fit_detectors(
    data: Path, work: Path, seed: int = 0, only: Collection[Modality] = tuple(Modality)
) -> dict[str, Any]:
    """Write `work/out_of_distribution.safetensors`, and `work/out_of_distribution.json`, which is returned.

    The limit of each modality is found on one half of the held-out inputs; the figures are the shares of the
    other half, and of inputs that are unlike the training data, that lie beyond it.

    Args:
        data: folder of the corpora.
        work: folder of the trained encoders.
        seed: of the samples.
        only: modalities whose encoders are in `work`.

    Raises:
        FileNotFoundError: a corpus is missing, or the encoders in `work` have not been trained.
    """
    detectors, figures = {}, {}
    sources: dict[Modality, Callable[[Path, Path, np.random.Generator], Vectors]] = {
        Modality.TEXT: text_vectors,
        Modality.AUDIO: voice_vectors,
        Modality.VISUAL: face_vectors,
    }
    for modality in (m for m in sources if m in only):
        rng = np.random.default_rng(seed)
        vectors = sources[modality](data, work, rng)
        order = rng.permutation(len(vectors.held_out))
        first, second = np.array_split(vectors.held_out[order], 2)
        detector = MahalanobisDetector.fit(vectors.training, first)
        detectors[modality] = detector
        figures[modality.value] = {
            kind: {"n": len(x), "flagged": round(_flagged(detector, x), 4)}
            for kind, x in {"held out": second, **vectors.unlike}.items()
        }
        print(f"out of distribution: {modality}: {figures[modality.value]}", flush=True)
    out_of_distribution.save(work, detectors)
    report = {"figures": figures, "within": out_of_distribution.HELD_OUT_WITHIN, "seed": seed}
    write_json(work / "out_of_distribution.json", report)
    return report


def _flagged(detector: MahalanobisDetector, vectors: np.ndarray) -> float:
    """Share of the vectors, (N, D), beyond the limit."""
    return float(np.mean([detector.score(x[None]) > 1 for x in vectors]))


def _report(path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run python -m recipes --only {name} before this step")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def text_vectors(data: Path, work: Path, rng: np.random.Generator) -> Vectors:
    """Utterances of MELD, comments of GoEmotions and utterances without punctuation; unlike: texts of letters
    at random.
    """
    report = _report(work / "text.json", "words")
    encoder = sentence_encoder(report["encoder"], delta=work / "text.safetensors")

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.stack([rows.mean(axis=0) for rows in encoder.encode_texts(texts) if len(rows)])

    train, dev = (read_meld(data / "meld", split).texts for split in ("train", "dev"))
    comments = read_goemotions(data / "goemotions").texts
    chosen = rng.permutation(len(comments))[: SAMPLE // 2]
    spoken = [train[i] for i in rng.permutation(len(train))[: SAMPLE // 2]]
    learned = [
        *spoken,
        *(without_punctuation(text) for text in spoken[: SAMPLE // 6]),
        *(comments[i] for i in chosen[: SAMPLE // 3]),
    ]
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz   "))
    return Vectors(
        embed(learned),
        embed([*dev, *(comments[i] for i in chosen[SAMPLE // 3 :])]),
        {"letters at random": embed(["".join(rng.choice(letters, 40)) for _ in range(UNLIKE)])},
    )


def voice_vectors(data: Path, work: Path, rng: np.random.Generator) -> Vectors:
    """Recordings and their variations but for the speakers of one fold, who are held out here; unlike: hums,
    chords, hisses and knocks.
    """
    clips, silent = voice_clips(data), sounds_without_voice()
    fill_cache([*clips, *silent], work / "cache")

    def means(chosen: Sequence[VoiceClip]) -> np.ndarray:
        moments = cached_moments(chosen, work / "cache")
        return np.stack([variant.mean for variants in moments for variant in variants])

    learned, held_out = ([c for c in clips if (c.fold == _HELD_OUT_FOLD) == test] for test in (False, True))
    return Vectors(means(learned), means(held_out), {"sounds without a voice": means(silent)})


def face_vectors(data: Path, work: Path, rng: np.random.Generator) -> Vectors:
    """Pictures of FER2013; unlike: its faces cut up and put together at random, and noise."""
    network = load_network(work / "face.safetensors")
    public = read_fer2013(data / "fer2013" / "public_test.npz")
    train = clean(read_fer2013(data / "fer2013" / "train.npz"), public)
    others = public.images[HELD_OUT : HELD_OUT + UNLIKE]

    def embed(images: np.ndarray) -> np.ndarray:
        return embed_pictures(network, images).numpy()

    return Vectors(
        embed(train.images[rng.permutation(len(train))[:SAMPLE]]),
        embed(public.images[:HELD_OUT]),
        {
            "cut-up faces": embed(np.stack([cut_up(image, rng) for image in others])),
            "noise": embed(rng.integers(0, 256, (UNLIKE, SIDE, SIDE), dtype=np.uint8)),
        },
    )


def cut_up(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture (H, W) uint8 whose square pieces change places at random; the same grey values, no face."""
    rows, columns = image.shape[0] // _PIECE, image.shape[1] // _PIECE
    pieces = image.reshape(rows, _PIECE, columns, _PIECE).swapaxes(1, 2).reshape(-1, _PIECE, _PIECE)
    mixed = pieces[rng.permutation(len(pieces))].reshape(rows, columns, _PIECE, _PIECE)
    return np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(image.shape))
