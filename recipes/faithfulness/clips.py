"""Held-out clips of each modality, with the model whose explanations are measured on them.

Words: utterances of MELD's development part. Face: pictures of FER2013's public test part. No model learned
from either. Voice: EMO-DB, read by a voice network that is trained without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mmer_core import fusion
from mmer_core.checkpoint import RECORD
from mmer_core.clip import Clip, FaceTrack
from mmer_core.encoders.voice_frames import VoiceFramesEncoder
from mmer_core.explanation.words import word_spans
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.record import Calibration, computed, model_record
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.loading import text_clip
from recipes.face.fer2013 import read_fer2013
from recipes.voice.clips import cached_moments, fill_cache, sounds_without_voice, voice_clips
from recipes.voice.folds import halves
from recipes.voice.speakers import Voices
from recipes.voice.training import VoiceTraining, train
from recipes.words.corpora import read_meld

FEWEST_WORDS = 5
LEFT_OUT = "emodb"


@dataclass(frozen=True)
class HeldOut:
    """Clips that a model has not learned from.

    Attributes:
        modality: that is read in them, alone.
        model: that reads them.
        clips: the held-out ones, in random order.
        corpus: what they are, as a part of a sentence.
    """

    modality: Modality
    model: EmotionModel
    clips: Iterator[Clip]
    corpus: str


def words(model: EmotionModel, data: Path, seed: int) -> HeldOut:
    """Utterances of MELD's development part of at least `FEWEST_WORDS` words, without the turns before them.

    Raises:
        FileNotFoundError: the table is missing.
    """
    texts = [t for t in read_meld(data / "meld", "dev").texts if len(word_spans(t)) >= FEWEST_WORDS]
    order = np.random.default_rng(seed).permutation(len(texts))
    return HeldOut(Modality.TEXT, model, (text_clip(texts[i]) for i in order), "MELD, development part")


def faces(model: EmotionModel, data: Path, seed: int) -> HeldOut:
    """Pictures of FER2013's public test part, as crops of a face.

    Raises:
        FileNotFoundError: the pictures are missing.
    """
    pictures = read_fer2013(data / "fer2013" / "public_test.npz")
    order = np.random.default_rng(seed).permutation(len(pictures))
    clips = (_picture(pictures.images[i], pictures.digests[i]) for i in order)
    return HeldOut(Modality.VISUAL, model, clips, "FER2013, public test part")


def voices(model: EmotionModel, data: Path, work: Path, seed: int) -> HeldOut:
    """Recordings of EMO-DB, with the shipped model's voice network trained anew without them.

    Raises:
        CorpusError: a corpus of voices is missing under `data`.
    """
    clips, folder = voice_clips(data), work / f"voice_without_{LEFT_OUT}"
    if not (folder / RECORD).is_file():
        quiet, learned = sounds_without_voice(), [clip for clip in clips if clip.corpus != LEFT_OUT]
        fill_cache([*learned, *quiet], work / "cache", 1)
        known, silent = (Voices(part, cached_moments(part, work / "cache")) for part in (learned, quiet))
        voice_model(model, known, silent, VoiceTraining(seed=seed)).save(folder)
    apart = EmotionModel.load(folder, "cpu")
    left = [clip for clip in clips if clip.corpus == LEFT_OUT and clip.path is not None]
    order = np.random.default_rng(seed).permutation(len(left))
    sounds = (_sound(Path(str(left[i].path))) for i in order)
    return HeldOut(Modality.AUDIO, apart, sounds, "EMO-DB, left out of training whole")


def voice_model(model: EmotionModel, voices: Voices, silent: Voices, config: VoiceTraining) -> EmotionModel:
    """A model of the voice alone, trained on these recordings; temperature and prior of the voice are those
    of the shipped model.
    """
    network, scaling = train(voices, silent, config)
    audio = Modality.AUDIO
    head: Mapping[str, Any] = {
        "name": "mean",
        "options": {"members": config.members, "hidden": config.hidden},
    }
    product = fusion.create(
        "product", dims={audio: VoiceFramesEncoder.spec.dim}, classes=len(EMOTIONS), heads={audio.value: head}
    )
    assert isinstance(product, ProductOfExperts)
    product.classifiers[audio].load_state_dict(halves(network).state_dict())
    shipped = model.network
    if isinstance(shipped, ProductOfExperts) and audio in shipped.modalities:
        product.temperature.copy_(shipped.temperature[shipped.modalities.index(audio)])
    record = model_record(
        name="voice without a corpus",
        labels=EMOTIONS,
        modalities={audio: computed("voice_frames", {}, VoiceFramesEncoder.spec)},
        fusion_name="product",
        network=product,
        calibration=Calibration.from_json({"temperatures": {}, "prior": dict(model.calibration.prior)}),
    )
    encoder = model.encoders.get(audio) or VoiceFramesEncoder()
    return EmotionModel(product, {audio: encoder}, record, input_scaling={audio: scaling})


def _picture(image: np.ndarray, digest: str) -> Clip:
    """A picture (48, 48) uint8 that is the crop of a face."""
    track = FaceTrack(
        times=np.zeros(1),
        frames=np.zeros(1, dtype=int),
        boxes=np.array([[0, 0, *image.shape[::-1]]], dtype=np.float32),
        landmarks=np.full((1, 5, 2), np.nan, dtype=np.float32),
        scores=np.ones(1, dtype=np.float32),
        crops=np.repeat(image[None, :, :, None], 3, axis=3),
        frames_seen=1,
        people=1,
        rule="the picture as it is",
    )
    return Clip("picture", digest, "picture", faces=track)


def _sound(path: Path) -> Clip:
    waveform, rate = soundfile.read(path, dtype="float32")
    return Clip(path.name, path.name, "audio", len(waveform) / rate, waveform=waveform)
