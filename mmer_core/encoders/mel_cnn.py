"""The mel spectrogram for the convolutions of the early-and-late ensemble (`ensemble` with audio=conv)."""

from __future__ import annotations

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.mel import mel_filters, spectra
from mmer_core.encoders.backends.sound import sound_of
from mmer_core.encoders.base import EncoderSpec
from mmer_core.labels import Modality

BANDS = 40
FFT = 1024
HOP = 512  # samples, 32 ms; the published system does not say, half a window is usual
_FLOOR = 1e-8


@ENCODERS.register(
    "mel_cnn",
    modality=Modality.AUDIO,
    description="40 mel bands of the first 3 s, for the convolutions of the early-and-late ensemble",
    order=20,
    seconds_per_clip=0.25,
)
class MelCnnEncoder:
    """40 mel bands in dB, FFT 1024, one row per 32 ms of the first 3 seconds.

    The convolutions on them (40 to 64 to 128 channels) are trained, so they are a part of the fusion network
    `ensemble`, not of this encoder.

    Args:
        seconds: how much of the sound is read, from its start; 0 reads all of it.
    """

    def __init__(self, *, seconds: float = 3.0) -> None:
        if seconds and seconds * SAMPLE_RATE < FFT:
            raise ValueError(
                f"mel_cnn cannot read {seconds:g} s: give at least {FFT / SAMPLE_RATE:g} s, or 0 for "
                "all of the sound"
            )
        self.seconds = seconds
        stretch = f"first {seconds:g} s" if seconds else "whole sound"
        self.spec = EncoderSpec(
            name="mel_cnn",
            modality=Modality.AUDIO,
            dim=BANDS,
            source="this project",
            revision="1",
            licence="MIT",
            preprocessing=f"16 kHz mono, {stretch}, FFT {FFT}, hop {HOP}, {BANDS} mel bands 0-8000 Hz, dB",
            rate=SAMPLE_RATE / HOP,
            timing="rate",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 40) float32 in dB, low bands first; at most 92 rows for 3 seconds.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        waveform = sound_of(clip)
        if self.seconds:
            waveform = waveform[: int(self.seconds * SAMPLE_RATE)]
        power = np.square(spectra(waveform, FFT, HOP, FFT))
        filters = mel_filters(BANDS, 0.0, SAMPLE_RATE / 2, FFT, straight_on="mel")
        decibel: np.ndarray = 10 * np.log10(np.maximum(power @ filters, _FLOOR))
        return decibel.astype(np.float32)
