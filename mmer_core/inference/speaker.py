"""A speaker's baseline from clips in which they speak as they usually do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders.base import EncoderSpec, ModalityEncoder
from mmer_core.inference import observation as observations
from mmer_core.inference.baseline import Baseline, described
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, display_name

SHORTEST = 2.0  # seconds of voice that say something about a speaker
_GIVE = "give about ten seconds in which the person speaks as usual"


def speaker_baseline(
    clips: Iterable[Clip | str | Path] | Clip | str | Path,
    encoders: Mapping[Modality, ModalityEncoder],
    *,
    languages: Collection[str] = (),
    ordinary: bool = True,
) -> dict[Modality, Baseline]:
    """{modality: baseline} of what is found in the clips, which are read one after the other.

    Args:
        clips: decoded, or files; one or several.
        encoders: of the modalities that are compared with a baseline.
        languages: as in `observation.observe`.
        ordinary: they are of ordinary, neutral speech.

    Raises:
        MediaError: the voice is compared and nobody is heard, or for less than `SHORTEST` seconds; or nothing
            is found at all; or a file cannot be read.
    """
    features: dict[Modality, list[np.ndarray]] = {}
    seconds = dict.fromkeys(encoders, 0.0)
    names, absent = [], dict[Modality, str]()
    for given in [clips] if isinstance(clips, Clip | str | Path) else clips:
        found = observations.observe(
            observations.as_clip(given, None), encoders, tuple(encoders), languages=languages
        )
        names.append(display_name(found.clip.name))
        absent |= found.absent
        for modality, rows in found.features.items():
            spec = encoders[modality].spec
            if (lasted := _seconds(found.clip, rows, spec)) > 0 or not spec.spoken_part:
                features.setdefault(modality, []).append(rows)
                seconds[modality] += lasted
    asked = Modality.AUDIO if Modality.AUDIO in encoders else next(iter(encoders))
    _check(asked, features, seconds, ", ".join(names), absent.get(asked, ""))
    return {m: Baseline.of(rows, seconds[m], described(m), ordinary) for m, rows in features.items()}


def _check(
    asked: Modality,
    features: Mapping[Modality, object],
    seconds: Mapping[Modality, float],
    names: str,
    reason: str,
) -> None:
    """Refuse clips without the voice, or with too little of it."""
    if asked is Modality.AUDIO and asked not in features:
        why = f" ({reason})" if reason else ""
        raise MediaError(f"nobody is heard in {names or 'no clip'}{why}: {_GIVE}")
    if asked is Modality.AUDIO and seconds[asked] < SHORTEST:
        raise MediaError(
            f"only {seconds[asked]:.1f} s of voice are heard in {names}, {SHORTEST:g} s are needed: {_GIVE}"
        )
    if not features:
        raise MediaError(f"nothing to compare with is found in {names or 'no clip'} ({reason}): {_GIVE}")


def _seconds(clip: Clip, rows: np.ndarray, spec: EncoderSpec) -> float:
    """How long the clip has what the encoder reads; 0 where it reads speech and there is none."""
    if spec.spoken_part:
        return sum(end - start for start, end in clip.voices or ())
    if spec.rate is not None:
        return len(rows) / spec.rate
    return clip.duration or (0.0 if clip.waveform is None else len(clip.waveform) / SAMPLE_RATE)
