"""Low-level descriptors of the voice as a sequence, without any extra package."""

from __future__ import annotations

import numpy as np
import scipy.fft

from mmer_core.clip import Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.prosody import PROSODY, prosody
from mmer_core.encoders.backends.sound import sound_of
from mmer_core.encoders.backends.speech_frames import MELS, RATE, frame_centres, levelled, log_mel
from mmer_core.encoders.base import EncoderSpec
from mmer_core.labels import Modality

COEFFICIENTS = 20


@ENCODERS.register(
    "lld",
    modality=Modality.AUDIO,
    description="prosody, MFCC and mel bands, a row per 24 ms",
    order=30,
    seconds_per_clip=0.25,
)
class LldEncoder:
    """Prosody and voice quality, 20 MFCCs and 64 mel bands, one row per 24 ms.

    Columns: 10 prosody (`prosody.PROSODY`), 20 MFCC (orthonormal DCT-II of the mel bands), 64 mel bands in
        dB.
    """

    spec = EncoderSpec(
        name="lld",
        modality=Modality.AUDIO,
        dim=len(PROSODY) + COEFFICIENTS + MELS,
        source="this project",
        revision="1",
        licence="MIT",
        preprocessing="16 kHz mono, sounding parts brought to -26 dBFS, frames every 24 ms",
        rate=RATE,
        timing="rate",
    )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 94) float32.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        waveform = levelled(sound_of(clip))
        mel = log_mel(waveform)
        cepstrum = scipy.fft.dct(mel, type=2, norm="ortho", axis=1)[:, :COEFFICIENTS]
        return np.concatenate([prosody(waveform, frame_centres(len(mel))), cepstrum, mel], axis=1).astype(
            np.float32
        )
