"""What every voice encoder begins with: whether there is any sound, and where a voice is in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Absent, Clip
from mmer_core.labels import Modality
from mmer_core.media.speech import with_voices
from mmer_core.media.voice_activity import cut, spoken_part

NO_SOUND = "the clip has no sound"
SILENT = "the sound is silent"
SHORTEST = 0.25  # seconds
SILENCE = 10 ** (
    -70 / 20
)  # root mean square of full scale; the quietest of the 1,440 speech clips of RAVDESS has -64 dBFS


def sound_of(clip: Clip) -> np.ndarray:
    """The waveform of a clip, (N,) float32 at 16 kHz, N >= 4000.

    Raises:
        Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
    """
    waveform = clip.waveform
    if waveform is None or not len(waveform):
        raise Absent(clip.absent.get(Modality.AUDIO, NO_SOUND))
    if len(waveform) < SHORTEST * SAMPLE_RATE:
        raise Absent(f"only {max(len(waveform) / SAMPLE_RATE, 0.01):.2g} s of sound")
    if not np.isfinite(waveform).all() or float(np.sqrt(np.square(waveform).mean())) < SILENCE:
        raise Absent(SILENT)
    return waveform


def heard(clip: Clip) -> np.ndarray:
    """The part of a clip's waveform in which somebody is heard, (N,) float32 at 16 kHz, N >= 4000; see
    `voice_activity.spoken_part`.

    Raises:
        Absent: as for `sound_of`.
    """
    if clip.waveform is None or len(clip.waveform) < SHORTEST * SAMPLE_RATE:
        return sound_of(clip)
    if not np.isfinite(clip.waveform).all():
        raise Absent(SILENT)
    part = spoken_part(clip.waveform, with_voices(clip).voices or ())
    return sound_of(replace(clip, waveform=cut(clip.waveform, part)))
