"""The mel spectrogram that system S4's convolutions read. The convolutions learn with the fusion model: `ensemble` with audio=conv."""

from __future__ import annotations

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.mel import mel_filters, spectra
from mmer_core.encoders.sound import sound_of
from mmer_core.encoders.spec import EncoderSpec
from mmer_core.labels import Modality

BANDS = 40
FFT = 1024
HOP = 512  # samples, 32 ms; S4 does not say, half a window is usual
_FLOOR = 1e-8


@ENCODERS.register("mel_cnn")
class MelCnnEncoder:
    """System S4's sound: 40 mel bands in dB, FFT 1024, one row per 32 ms of the first 3 seconds.

    S4's Conv1d layers (40 to 64 to 128) are trained, so they are a part of the fusion model `ensemble`, not of this encoder.

    Args:
        seconds: how much of the sound is read, from its start; 0 reads all of it.
    """

    def __init__(self, *, seconds: float = 3.0) -> None:
        if seconds and seconds * SAMPLE_RATE < FFT:
            raise ValueError(f"mel_cnn cannot read {seconds:g} s: give at least {FFT / SAMPLE_RATE:g} s, or 0 for all of the sound")
        self.seconds = seconds
        heard = f"first {seconds:g} s" if seconds else "whole sound"
        self.spec = EncoderSpec(
            name="mel_cnn",
            modality=Modality.AUDIO,
            dim=BANDS,
            source="this project",
            revision="1",
            licence="MIT",
            preprocessing=f"16 kHz mono, {heard}, FFT {FFT}, hop {HOP}, {BANDS} mel bands 0-8000 Hz, dB",
            rate=SAMPLE_RATE / HOP,
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
        decibel: np.ndarray = 10 * np.log10(np.maximum(power @ mel_filters(BANDS, 0.0, SAMPLE_RATE / 2, FFT), _FLOOR))
        return decibel.astype(np.float32)
