"""Statistics of a few classic descriptors over a whole sound."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.sound import sound_of
from mmer_core.encoders.base import EncoderSpec
from mmer_core.labels import Modality

COEFFICIENTS = 20
DESCRIPTORS: tuple[str, ...] = (
    "zero_crossing_rate",
    "spectral_centroid",
    *(f"mfcc_{i}" for i in range(COEFFICIENTS)),
)
STATISTICS: tuple[str, ...] = ("mean", "sd", "min", "max")
#: Columns: all means, then all standard deviations, minima and maxima.
COLUMNS: tuple[str, ...] = tuple(
    f"{descriptor}_{statistic}" for statistic in STATISTICS for descriptor in DESCRIPTORS
)


@ENCODERS.register(
    "librosa_stats",
    modality=Modality.AUDIO,
    description="zero crossings, centroid and MFCC as statistics of the clip",
    order=40,
    seconds_per_clip=0.25,
)
class LibrosaStatsEncoder:
    """Zero-crossing rate, spectral centroid and 20 MFCCs, each as mean, sd, minimum and maximum over time
    (88-d).

    Computed by librosa (McFee et al. 2015) with its default frames. Its first call in a fresh environment
    compiles for some seconds.
    """

    def __init__(self) -> None:
        self.spec = EncoderSpec(
            name="librosa_stats",
            modality=Modality.AUDIO,
            dim=len(COLUMNS),
            source="librosa",
            revision=version("librosa"),
            licence="ISC",
            preprocessing="16 kHz mono, frames of 2048 samples every 512, statistics over all frames",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(1, 88) float32; columns as in `COLUMNS`.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        import librosa

        waveform = sound_of(clip)
        rows = np.concatenate(
            [
                librosa.feature.zero_crossing_rate(waveform),
                librosa.feature.spectral_centroid(y=waveform, sr=SAMPLE_RATE),
                librosa.feature.mfcc(y=waveform, sr=SAMPLE_RATE, n_mfcc=COEFFICIENTS),
            ]
        )
        return np.concatenate([rows.mean(axis=1), rows.std(axis=1), rows.min(axis=1), rows.max(axis=1)])[
            None
        ].astype(np.float32)
