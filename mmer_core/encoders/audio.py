"""Encoders of the voice."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import onnxruntime

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.ort_outputs import with_outputs
from mmer_core.encoders.prosody import PROSODY, frames_at, prosody
from mmer_core.encoders.sound import sound_of
from mmer_core.encoders.spec import EncoderSpec
from mmer_core.encoders.weights import WeightsFile
from mmer_core.labels import Modality

HOP = 384  # samples between frames of the speech encoder: its strides 64 × 3 × 2
FIELD = 895  # samples that one of its frames sees
RATE = SAMPLE_RATE / HOP  # 41.67 frames per second
MELS = 64
SPEECH_WEIGHTS = WeightsFile(
    "moonshine_voice",
    "assets/tiny-en/encoder_model.ort",
    "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    13_281_600,
    "moonshine-voice==0.0.73",
)
# What transformer layers 2 and 4 of 6 hand on. The last layer knows words rather than tone: on RAVDESS (8 classes, five folds by actor, SVM on mean,
# std and max of the frames) it has UA .635, layers 2 and 4 have .729; with the layers chosen by training actors alone it is .726.
SPEECH_LAYERS: tuple[str, ...] = (
    "/layers.2/input_layernorm/LayerNormalization_output_0",
    "/layers.4/input_layernorm/LayerNormalization_output_0",
)
SPEECH_DIM = 288 * len(SPEECH_LAYERS)
VOICE_DIM = SPEECH_DIM + MELS + len(PROSODY)

_LEVEL = 0.05  # root mean square that speech is brought to, -26 dBFS
_CHUNK = round(30 * RATE)  # frames encoded at once
_CONTEXT = round(2 * RATE)  # frames heard on both sides of a chunk
_MEL_WINDOW = 640  # samples, 40 ms
_MEL_FFT = 1024
_MEL_LOW, _MEL_HIGH = 50.0, 7600.0  # Hz


def levelled(waveform: np.ndarray) -> np.ndarray:
    """The waveform with its sounding parts at -26 dBFS, peaks held within [-1, 1].

    Microphones and their gains differ more than voices do. Parts more than 30 dB below the loudest 25 ms do not count.
    """
    blocks = np.square(waveform[: len(waveform) // 400 * 400].reshape(-1, 400)).mean(axis=1) if len(waveform) >= 400 else np.square(waveform)
    sounding = blocks[blocks >= blocks.max() * 1e-3]
    scaled = waveform * np.float32(_LEVEL / max(float(np.sqrt(sounding.mean())), 1e-6))
    return np.clip(scaled, -1.0, 1.0).astype(np.float32)


def frame_count(samples: int) -> int:
    """Frames that the speech encoder makes of `samples`; at least 1 from .056 s on."""
    return max(0, (((samples - 127) // 64 + 1 - 7) // 3 + 1 - 3) // 2 + 1)


def frame_centres(count: int) -> np.ndarray:
    """(count,) int64, the sample in the middle of what each frame of the speech encoder sees."""
    return np.arange(count) * HOP + FIELD // 2


@cache
def mel_filters() -> np.ndarray:
    """(513, 64) float32 triangular filters of equal area, evenly spaced on the mel scale (O'Shaughnessy) from 50 to 7600 Hz."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (_MEL_LOW, _MEL_HIGH))
    mel = np.linspace(low, high, MELS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.fft.rfftfreq(_MEL_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.minimum(rising, falling).clip(0.0)
    return (filters / filters.sum(axis=0)).astype(np.float32)


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """The mel spectrogram of a waveform, for the voice network and for showing.

    Args:
        waveform: (N,) float32 at 16 kHz, N >= 895 (.056 s).

    Returns:
        (T, 64) float32 in dB, T = `frame_count(N)`: 41.67 frames per second, low bands first, floor -80 dB.

    Raises:
        ValueError: the waveform is shorter than one frame.
    """
    count = frame_count(len(waveform))
    if not count:
        raise ValueError(f"a mel spectrogram needs at least {FIELD} samples, this waveform has {len(waveform)}: give a longer one")
    frames = frames_at(waveform, frame_centres(count), _MEL_WINDOW) * np.hanning(_MEL_WINDOW).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, _MEL_FFT, axis=1))).astype(np.float32)
    return 10 * np.log10(np.maximum(power @ mel_filters(), 1e-8))


@ENCODERS.register("voice_frames")
class VoiceFramesEncoder:
    """Inner layers of the Moonshine tiny speech encoder (Jeffries et al. 2024), a mel spectrogram and prosody, one row per 24 ms.

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
        # Versions 0.0.65 to 0.0.73 carry the same weights; the name stays, so that stored features and runs do.
        source="moonshine-voice 0.0.65, assets/tiny-en (layers 2 and 4); mel spectrogram and prosody of this project",
        revision=SPEECH_WEIGHTS.sha256,
        licence="MIT",
        preprocessing="16 kHz mono, sounding parts brought to -26 dBFS, encoded in chunks of at most 30 s with 2 s of context",
        rate=RATE,
    )

    def __init__(self, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = with_outputs(SPEECH_WEIGHTS.locate().read_bytes(), SPEECH_LAYERS)
        options.add_session_config_entry("session.load_model_format", "ORT")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 650) float32, T = `frame_count(samples)`.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        return self.encode_waveform(sound_of(clip))

    def encode_waveform(self, waveform: np.ndarray) -> np.ndarray:
        """`encode` for (N,) float32 samples at 16 kHz, N >= 895, that are known to hold sound."""
        waveform = levelled(waveform)
        centres = frame_centres(frame_count(len(waveform)))
        return np.concatenate([self._speech(waveform), log_mel(waveform), prosody(waveform, centres)], axis=1)

    def _speech(self, waveform: np.ndarray) -> np.ndarray:
        """(T, 576) float32; long waveforms in equal chunks, each hearing a little of its neighbours."""
        count = frame_count(len(waveform))
        chunks = -(-count // _CHUNK)
        bounds = np.linspace(0, count, chunks + 1).astype(int)
        rows = []
        for start, stop in pairwise(bounds.tolist()):
            first, last = max(0, start - _CONTEXT), min(count, stop + _CONTEXT)
            heard = waveform[first * HOP : (last - 1) * HOP + FIELD][None] if last < count else waveform[first * HOP :][None]
            layers = self._session.run(None, {"input_values": heard, "attention_mask": np.ones(heard.shape, dtype=np.int64)})
            rows.append(np.concatenate([layer[0, start - first : stop - first] for layer in layers], axis=1))
        return np.concatenate(rows)
