"""What the default model's training data looked like to its encoders, so that the app can say when an input is unlike all of it.

Run as the step "familiarity" of `train-default`, after the encoders are trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core import familiarity
from mmer_core.default_model.fer2013 import clean, read_fer2013
from mmer_core.default_model.text_corpora import bare, read_goemotions, read_meld
from mmer_core.default_model.text_trainer import sentence_encoder
from mmer_core.default_model.voice_clips import VoiceClip, cached_features, fill_cache, means_of, sounds_without_voice, voice_clips
from mmer_core.default_model.voice_figures import MEASURED, SHIPPED_FOLD
from mmer_core.encoders.face_ensemble import embed_pictures, load_network
from mmer_core.encoders.face_network import SIDE
from mmer_core.familiarity import Familiarity
from mmer_core.labels import Modality

SAMPLE = 6000  # texts and faces; more change the covariance little
_PIECE = 8  # pixels: a face cut into pieces of this side and put together at random is none any more


@dataclass(frozen=True)
class Vectors:
    """(N, D) each: inputs that were trained on, others of the same kind, and inputs that are unlike them by construction, {what: vectors}; and by how
    much answers are softened with the distance, where the training found that out."""

    training: np.ndarray
    held_out: np.ndarray
    unlike: Mapping[str, np.ndarray]
    caution: float = 0.0


def learn_familiarity(data: Path, work: Path, seed: int = 0, only: Collection[Modality] = tuple(Modality)) -> dict[str, Any]:
    """Write `work/familiarity.safetensors`, and `work/familiarity.json`, which is returned.

    The limit of each modality is found on one half of the held-out inputs; the figures are the shares of the other half, and of inputs that are
    unlike the training data, that lie beyond it.

    Args:
        only: modalities whose encoders are in `work`.

    Raises:
        FileNotFoundError: a corpus is missing, or the encoders in `work` have not been trained.
    """
    known, figures = {}, {}
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
        known[modality] = one = replace(Familiarity.fit(vectors.training, first), caution=vectors.caution)
        groups = {"held out": second, **vectors.unlike}
        figures[modality.value] = {what: {"n": len(x), "called unlike": round(_beyond(one, x), 4)} for what, x in groups.items()}
        print(f"familiarity: {modality}: {figures[modality.value]}", flush=True)
    familiarity.save(work, known)
    report = {"figures": figures, "within": familiarity.HELD_OUT_WITHIN, "seed": seed}
    (work / "familiarity.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def _beyond(one: Familiarity, vectors: np.ndarray) -> float:
    return float(np.mean([one.strangeness(x[None]) > 1 for x in vectors]))


def _report(path: Path, what: str) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: train the {what} before this step, with train-default")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def text_vectors(data: Path, work: Path, rng: np.random.Generator) -> Vectors:
    """Utterances of MELD, comments of GoEmotions and utterances without punctuation; unlike: texts of letters at random."""
    report = _report(work / "text.json", "words")
    encoder = sentence_encoder(report["encoder"], delta=work / "text.safetensors")

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.stack([rows.mean(axis=0) for rows in encoder.encode_texts(texts) if len(rows)])

    train, dev, comments = read_meld(data / "meld", "train").texts, read_meld(data / "meld", "dev").texts, read_goemotions(data / "goemotions").texts
    chosen = rng.permutation(len(comments))[: SAMPLE // 2]
    spoken = [train[i] for i in rng.permutation(len(train))[: SAMPLE // 2]]
    learned = [*spoken, *(bare(text) for text in spoken[: SAMPLE // 6]), *(comments[i] for i in chosen[: SAMPLE // 3])]
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz   "))
    return Vectors(
        embed(learned),
        embed([*dev, *(comments[i] for i in chosen[SAMPLE // 3 :])]),
        {"letters at random": embed(["".join(rng.choice(letters, 40)) for _ in range(200)])},
    )


def voice_vectors(data: Path, work: Path, rng: np.random.Generator) -> Vectors:
    """Recordings and their variations, by speakers of other folds than the shipped one; unlike: hums, chords, hisses and knocks."""
    report = _report(work / "voice.json", "voice")
    clips = voice_clips(data)
    silent = sounds_without_voice()
    fill_cache([*clips, *silent], work / "cache")

    def means(chosen: Sequence[VoiceClip], variants: Iterable[int]) -> np.ndarray:
        return np.concatenate(means_of(cached_features(chosen, work / "cache"), variants))  # clip after clip

    held = [clip for clip in clips if clip.fold == SHIPPED_FOLD]
    learned = [clip for clip in clips if clip.fold != SHIPPED_FOLD]
    unlike = {"sounds without a voice": means(silent, [0])}
    return Vectors(means(learned, MEASURED.values()), means(held, MEASURED.values()), unlike, report["caution"])


def face_vectors(data: Path, work: Path, rng: np.random.Generator) -> Vectors:
    """Pictures of FER2013; unlike: its faces cut up and put together at random, and noise."""
    network = load_network(work / "face.safetensors")
    public = read_fer2013(data / "fer2013" / "public_test.npz")
    train = clean(read_fer2013(data / "fer2013" / "train.npz"), public)

    def embed(images: np.ndarray) -> np.ndarray:
        return embed_pictures(network, images).numpy()

    return Vectors(
        embed(train.images[rng.permutation(len(train))[:SAMPLE]]),
        embed(public.images[:2000]),
        {
            "cut-up faces": embed(np.stack([cut_up(image, rng) for image in public.images[2000:2200]])),
            "noise": embed(rng.integers(0, 256, (200, SIDE, SIDE), dtype=np.uint8)),
        },
    )


def cut_up(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture (H, W) uint8 whose square pieces change places at random; the same grey values, no face."""
    rows, columns = image.shape[0] // _PIECE, image.shape[1] // _PIECE
    pieces = image.reshape(rows, _PIECE, columns, _PIECE).swapaxes(1, 2).reshape(-1, _PIECE, _PIECE)
    mixed = pieces[rng.permutation(len(pieces))].reshape(rows, columns, _PIECE, _PIECE)
    return np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(image.shape))
