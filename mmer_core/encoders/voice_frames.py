"""Inner layers of a speech encoder beside a mel spectrogram and prosody: the default voice encoder."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mmer_core import config
from mmer_core.clip import Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.ort_outputs import with_outputs
from mmer_core.encoders.backends.prosody import PROSODY, prosody
from mmer_core.encoders.backends.sound import heard
from mmer_core.encoders.backends.speech_frames import (
    FIELD,
    HOP,
    MELS,
    RATE,
    frame_centres,
    frame_count,
    levelled,
    log_mel,
)
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.weights import WeightsFile
from mmer_core.labels import Modality
from mmer_core.media.onnx_session import open_session

SPEECH_WEIGHTS = WeightsFile(
    "moonshine_voice",
    "assets/tiny-en/encoder_model.ort",
    "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    13_281_600,
    "moonshine-voice==0.0.73",
)
# The outputs of transformer layers 2 and 4 of 6. The last layer knows words rather than tone: on RAVDESS (8
# classes, five folds by actor, SVM on mean, std and max of the frames) it has UA .635, layers 2 and 4 have
# .729; with the layers chosen by training actors alone it is .726.
SPEECH_LAYERS: tuple[str, ...] = (
    "/layers.2/input_layernorm/LayerNormalization_output_0",
    "/layers.4/input_layernorm/LayerNormalization_output_0",
)
SPEECH_DIM = 288 * len(SPEECH_LAYERS)
VOICE_DIM = SPEECH_DIM + MELS + len(PROSODY)

_CHUNK = round(30 * RATE)  # frames encoded at once
_CONTEXT = round(2 * RATE)  # frames of context on both sides of a chunk


@ENCODERS.register(
    "voice_frames",
    modality=Modality.AUDIO,
    description="layers of a speech encoder, mel bands and prosody, a row per 24 ms",
    order=10,
    seconds_per_clip=0.3,
)
class VoiceFramesEncoder:
    """Inner layers of the Moonshine tiny speech encoder (Jeffries et al. 2024), a mel spectrogram and
    prosody, one row per 24 ms.

    Columns: 576 speech (288 of each of `SPEECH_LAYERS`), 64 mel bands in dB, 10 prosody (`PROSODY`).

    Args:
        threads: of the processor, for the speech encoder.

    Raises:
        EncoderUnavailable: the speech encoder's weights are not installed.
    """

    spec = EncoderSpec(
        name="voice_frames",
        modality=Modality.AUDIO,
        dim=VOICE_DIM,
        # Versions 0.0.65 to 0.0.73 carry the same weights; the name stays, so that stored features and runs
        # do.
        source="moonshine-voice 0.0.65, assets/tiny-en (layers 2 and 4); mel spectrogram and prosody of "
        "this project",
        revision=SPEECH_WEIGHTS.sha256,
        licence="MIT",
        preprocessing="16 kHz mono, from where somebody is first heard to where last with 0.25 s around, "
        "sounding parts brought to -26 dBFS, encoded in chunks of at most 30 s with 2 s of context",
        rate=RATE,
        timing="rate",
        spoken_part=True,
    )

    def __init__(self, threads: int = 2) -> None:
        model = with_outputs(SPEECH_WEIGHTS.locate().read_bytes(), SPEECH_LAYERS)
        self._session = open_session(model, min(threads, config.threads()), as_ort=True)

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 650) float32, T = `frame_count` of the samples in which somebody is heard; silence before and
        after a voice changes nothing.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        return self.encode_waveform(heard(clip))

    def encode_waveform(self, waveform: np.ndarray) -> np.ndarray:
        """`encode` for (N,) float32 samples at 16 kHz, N >= 895, that are known to hold sound."""
        waveform = levelled(waveform)
        centres = frame_centres(frame_count(len(waveform)))
        return np.concatenate([self._speech(waveform), log_mel(waveform), prosody(waveform, centres)], axis=1)

    def _speech(self, waveform: np.ndarray) -> np.ndarray:
        """(T, 576) float32; long waveforms in equal chunks, each with some context."""
        count = frame_count(len(waveform))
        chunks = -(-count // _CHUNK)
        bounds = np.linspace(0, count, chunks + 1).astype(int)
        rows = []
        for start, stop in pairwise(bounds.tolist()):
            first, last = max(0, start - _CONTEXT), min(count, stop + _CONTEXT)
            chunk = (
                waveform[first * HOP : (last - 1) * HOP + FIELD][None]
                if last < count
                else waveform[first * HOP :][None]
            )
            layers = self._session.run(
                None, {"input_values": chunk, "attention_mask": np.ones(chunk.shape, dtype=np.int64)}
            )
            rows.append(np.concatenate([layer[0, start - first : stop - first] for layer in layers], axis=1))
        return np.concatenate(rows)
