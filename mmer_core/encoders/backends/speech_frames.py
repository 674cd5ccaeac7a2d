"""The frames of the voice encoders, one every 24 ms as the Moonshine speech encoder makes them; the level
that voices are brought to; and the mel spectrogram on these frames.
"""

from __future__ import annotations

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.encoders.backends.mel import mel_filters
from mmer_core.encoders.backends.prosody import frames_at

HOP = 384  # samples between frames of the speech encoder: its strides 64 × 3 × 2
FIELD = 895  # samples that one of its frames sees
RATE = SAMPLE_RATE / HOP  # 41.67 frames per second
MELS = 64

_LEVEL = 0.05  # root mean square that speech is brought to, -26 dBFS
_MEL_WINDOW = 640  # samples, 40 ms
_MEL_FFT = 1024
_MEL_LOW, _MEL_HIGH = 50.0, 7600.0  # Hz


def levelled(waveform: np.ndarray) -> np.ndarray:
    """The waveform with its sounding parts at -26 dBFS, peaks held within [-1, 1].

    Microphones and their gains differ more than voices do. Parts more than 30 dB below the loudest 25 ms do
    not count.
    """
    blocks = (
        np.square(waveform[: len(waveform) // 400 * 400].reshape(-1, 400)).mean(axis=1)
        if len(waveform) >= 400
        else np.square(waveform)
    )
    sounding = blocks[blocks >= blocks.max() * 1e-3]
    scaled = waveform * np.float32(_LEVEL / max(float(np.sqrt(sounding.mean())), 1e-6))
    return np.clip(scaled, -1.0, 1.0).astype(np.float32)


def frame_count(samples: int) -> int:
    """Frames that the speech encoder makes of `samples`; at least 1 from .056 s on."""
    return max(0, (((samples - 127) // 64 + 1 - 7) // 3 + 1 - 3) // 2 + 1)


def frame_centres(count: int) -> np.ndarray:
    """(count,) int64, the sample in the middle of what each frame of the speech encoder sees."""
    return np.arange(count) * HOP + FIELD // 2


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
        raise ValueError(
            f"a mel spectrogram needs at least {FIELD} samples, this waveform has {len(waveform)}: "
            "give a longer one"
        )
    frames = frames_at(waveform, frame_centres(count), _MEL_WINDOW) * np.hanning(_MEL_WINDOW).astype(
        np.float32
    )
    filters = mel_filters(MELS, _MEL_LOW, _MEL_HIGH, _MEL_FFT, straight_on="hertz")
    power = np.square(np.abs(np.fft.rfft(frames, _MEL_FFT, axis=1))).astype(np.float32)
    return 10 * np.log10(np.maximum(power @ filters, 1e-8))
