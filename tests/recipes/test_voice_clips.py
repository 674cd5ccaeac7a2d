"""The recordings of the voice recipe, and the cache of their features, on corpora of a few beeps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from recipe_data import VOICE_TABLES

from recipes.voice import clips as voice_clips
from recipes.voice.clips import VoiceClip, cached_moments


@pytest.fixture
def clips(voices: Path) -> list[VoiceClip]:
    return voice_clips.voice_clips(voices)


def test_the_corpora_give_labels_speakers_genders_and_folds(clips: list[VoiceClip]) -> None:
    by_id = {c.id: c for c in clips}
    listed = sum(len(c.speakers) * len(c.emotions) for c in VOICE_TABLES.values())
    assert len(by_id) == len(clips) == 16 + 8 + 2 + listed
    calm = by_id["ravdess-01-02-01-01-01-02"]
    assert (calm.label, calm.source_label, calm.speaker) == ("neutral", "calm", "ravdess-02")
    assert (calm.gender, calm.fold) == ("female", 1)
    german = by_id["emodb-03a01Fa"]
    assert (german.label, german.gender, german.fold) == ("joy", "male", 0)
    assert by_id["tess-angry-YAF_back_angry"].fold is None
    amharic = by_id["ased-g02s02_anger_1"]
    assert (amharic.label, amharic.source_label, amharic.speaker) == ("anger", "ANGER", "ased-g02s02")
    assert (amharic.gender, amharic.fold) == ("none", None)
    assert {c.speaker for c in clips if c.corpus == "tess"} == {"tess-YAF", "tess-OAF"}
    assert {c.corpus for c in clips} == {"ravdess", "emodb", "tess", "ased", "nemo", "polish_words"}
    assert not any("L" in c.id for c in clips if c.corpus == "emodb"), "boredom is none of our classes"


def test_no_speaker_is_in_two_folds(clips: list[VoiceClip]) -> None:
    of: dict[str, set[int | None]] = {}
    for clip in clips:
        of.setdefault(clip.speaker, set()).add(clip.fold)
    assert all(len(f) == 1 for f in of.values())


def test_only_the_variant_that_the_cache_lacks_is_encoded(
    clips: list[VoiceClip], trained_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache from before telephones, for example, is completed."""
    cache = shutil.copytree(trained_voice / "cache", tmp_path / "cache")
    narrow = voice_clips.VARIANTS.index("narrow_band")
    for clip in clips:
        voice_clips._files(clip, cache)[narrow].unlink()
    encoded: list[int] = []
    encode = voice_clips._encode
    monkeypatch.setattr(voice_clips, "_encode", lambda job: (encoded.append(job[1]), encode(job)))
    voice_clips.fill_cache(clips, cache, processes=1)
    assert encoded == [narrow] * len(clips)
    for before, after in zip(
        *(cached_moments(clips, c) for c in (trained_voice / "cache", cache)), strict=True
    ):
        assert len(after) == len(voice_clips.VARIANTS)
        assert all(np.array_equal(a.mean, b.mean) for a, b in zip(before, after, strict=True))
    recorded, telephone = after[0].mean, after[narrow].mean
    assert not np.allclose(recorded, telephone, atol=1e-3)
