"""openSMILE's low-level descriptors (Eyben et al. 2010) as a sequence, where the package is installed."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import Literal

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Absent, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.sound import sound_of
from mmer_core.encoders.base import EncoderSpec, EncoderUnavailable
from mmer_core.labels import Modality

OPENSMILE = "opensmile==2.6.0"
_WIDTHS = {"egemaps": 25, "compare": 65}


@ENCODERS.register(
    "opensmile_lld",
    modality=Modality.AUDIO,
    description="openSMILE's low-level descriptors, a row per 10 ms",
    order=50,
)
class OpensmileLldEncoder:
    """openSMILE's low-level descriptors (Eyben et al. 2010), one row per 10 ms.

    openSMILE's licence allows research, not commercial products; so it is not installed by default.

    Args:
        features: egemaps, the 25 descriptors of eGeMAPS v02 (Eyben et al. 2016), or compare, the 65 of
            ComParE 2016.

    Raises:
        EncoderUnavailable: the package is not installed.
    """

    def __init__(self, *, features: Literal["egemaps", "compare"] = "egemaps") -> None:
        if find_spec("opensmile") is None:
            raise EncoderUnavailable(
                f"the package opensmile is not installed: run pip install {OPENSMILE} if its licence "
                "(research only) suits you"
            )
        import opensmile

        chosen = {"egemaps": opensmile.FeatureSet.eGeMAPSv02, "compare": opensmile.FeatureSet.ComParE_2016}
        if features not in chosen:
            raise ValueError(f"opensmile_lld has no features {features!r}: choose one of {', '.join(chosen)}")
        self._smile = opensmile.Smile(
            feature_set=chosen[features], feature_level=opensmile.FeatureLevel.LowLevelDescriptors
        )
        self.spec = EncoderSpec(
            name="opensmile_lld",
            modality=Modality.AUDIO,
            dim=_WIDTHS[features],
            source=f"openSMILE, {features}",
            revision=version("opensmile"),
            licence="research only (audEERING)",
            preprocessing="16 kHz mono, openSMILE's own frames every 10 ms",
            rate=100.0,
            timing="rate",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 25) or (T, 65) float32.

        Raises:
            Absent: there is no sound, it is silent, shorter than a quarter of a second, or too short for
                openSMILE.
        """
        rows = self._smile.process_signal(sound_of(clip), SAMPLE_RATE).to_numpy(dtype=np.float32)
        rows = rows[np.isfinite(rows).all(axis=1)]
        if not len(rows):
            raise Absent("openSMILE found no frame that it can describe")
        return rows
