"""Speech to text: words where somebody speaks, nothing where nobody does."""

import re
import resource
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media import moonshine, recogniser, voice_activity
from mmer_core.media.recognised import Recognised
from mmer_core.media.speech import SpeechUnavailable, clean, transcribe, voices
from mmer_core.media.spoken_language import sounds_english
from mmer_core.media.voice_activity import LONGEST_STRETCH, loudest, raise_level, stretches

SECOND = np.arange(SAMPLE_RATE) / SAMPLE_RATE


def packaged(name: str, seconds: float) -> np.ndarray:
    """A recording that comes with the recogniser's package: (N,) float32 at 16 kHz."""
    spec = find_spec("moonshine_voice")
    assert spec is not None
    assert spec.origin is not None
    samples, rate = soundfile.read(
        Path(spec.origin).parent / "assets" / name, dtype="float32", always_2d=True
    )
    mono = samples.mean(1)[: int(seconds * rate)]
    times = np.arange(int(len(mono) * SAMPLE_RATE / rate)) / SAMPLE_RATE
    return np.interp(times, np.arange(len(mono)) / rate, mono).astype(np.float32)


@pytest.fixture(scope="module")
def beckett() -> np.ndarray:
    return packaged("beckett.wav", 10)


def said(text: str) -> str:
    return " ".join(re.findall("[a-z]+", text.lower()))


def melody() -> np.ndarray:
    notes = [220 * 2 ** (step / 12) for step in (0, 4, 7, 12, 7, 4)]
    return np.concatenate(
        [
            0.2 * np.exp(-3 * SECOND) * sum(np.sin(2 * np.pi * f * h * SECOND) / h for h in range(1, 6))
            for f in notes
        ]
    ).astype("f4")


class TestSpeech:
    def test_words_with_their_times(self, beckett):
        transcript = transcribe(beckett)
        assert said(transcript.text).startswith("ever tried ever failed no matter try again fail again")
        assert transcript.text == " ".join(segment.text for segment in transcript.segments)
        assert all(0 <= s.start < s.end <= len(beckett) / SAMPLE_RATE for s in transcript.segments)
        assert transcript.seconds > 0

    def test_a_quiet_recording_says_the_same(self, beckett):
        assert said(transcribe(beckett * 0.02).text).startswith("ever tried ever failed no matter try again")

    @pytest.mark.skipif(
        not Path("/proc/self/statm").exists(), reason="memory in use is read from Linux's /proc"
    )
    @pytest.mark.long
    def test_memory_is_given_back(self, beckett):
        """The Live page asks thirty times a minute; with moonshine-voice 0.0.65 every call took 7 MB for
        good.
        """
        random = np.random.default_rng(0)
        after = []
        for call in range(17):
            start = int(random.integers(0, 4 * SAMPLE_RATE))
            transcribe(beckett[start : start + 6 * SAMPLE_RATE])
            if call % 8 == 0:
                after.append(
                    int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
                )
        assert after[-1] - after[1] < 20, f"MB in use after 1, 9 and 17 calls: {after}"

    def test_what_the_longest_stretch_needed_is_not_kept(self):
        """With an arena the runtime keeps it, for each size anew: 90 MB after 20 s of speech."""
        own = moonshine.Moonshine()
        for session in (own._encoder, own._decoder):
            assert not session.get_session_options().enable_cpu_mem_arena

    def test_a_long_pause_parts_two_segments(self):
        clip = packaged("two_cities.wav", 6.2)
        transcript = transcribe(np.concatenate([clip, np.zeros(4 * SAMPLE_RATE, np.float32), clip]))
        assert len(transcript.segments) == 2
        first, second = transcript.segments
        assert "it was the best of times" in said(first.text)
        assert "it was the best of times" in said(second.text)
        assert second.start > 9

    def test_threads_may_call_at_once(self, beckett):
        short = beckett[: 3 * SAMPLE_RATE]
        texts: list[str] = []
        threads = [threading.Thread(target=lambda: texts.append(transcribe(short).text)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(texts) == 3
        assert {said(text) for text in texts} == {"ever tried ever failed"}


class TestNoSpeech:
    @pytest.mark.parametrize("samples", [0, 10, SAMPLE_RATE // 2, 5 * SAMPLE_RATE])
    def test_silence_has_no_words(self, samples):
        transcript = transcribe(np.zeros(samples, dtype=np.float32))
        assert (transcript.text, transcript.segments) == ("", ())

    @pytest.mark.parametrize("level", [1e-4, 1e-2, 0.1])
    def test_noise_has_no_words_even_after_speech(self, beckett, level):
        noise = np.random.default_rng(0).normal(size=3 * SAMPLE_RATE).astype("f4") * level
        transcribe(beckett[: 3 * SAMPLE_RATE])
        assert transcribe(noise).text == ""

    def test_music_and_a_tone_have_no_words(self):
        assert transcribe(melody()).text == ""
        assert transcribe(np.tile(0.3 * np.sin(2 * np.pi * 440 * SECOND), 3).astype("f4")).text == ""

    def test_a_click_has_no_words(self):
        click = np.zeros(2 * SAMPLE_RATE, dtype=np.float32)
        click[SAMPLE_RATE : SAMPLE_RATE + 40] = 0.9
        assert transcribe(click).text == ""


class TestLevel:
    def test_levels_are_those_of_the_loudest_tenth_of_a_second(self):
        sound = np.zeros(SAMPLE_RATE, dtype=np.float32)
        assert loudest(sound) == -np.inf
        sound[:1600] = 0.1
        assert loudest(sound) == pytest.approx(-20, abs=0.01)
        assert loudest(sound[:100]) == -np.inf

    def test_quiet_sound_is_raised_loud_sound_is_left(self):
        quiet, loud = np.full(1600, 0.01, np.float32), np.full(1600, 0.5, np.float32)
        assert loudest(raise_level(quiet)) == pytest.approx(voice_activity.SPEECH_LEVEL, abs=0.01)
        assert np.array_equal(raise_level(loud), loud)
        assert raise_level(quiet).dtype == np.float32
        assert loudest(raise_level(quiet * 1e-3)) == pytest.approx(-100 + voice_activity.MAX_GAIN, abs=0.1)


class TestStretches:
    def test_short_pauses_are_bridged_long_ones_are_not(self):
        assert stretches([(1.2, 2.0), (2.6, 3.3), (6.0, 7.2)], 10) == [(1.0, 3.5), (5.5, 7.5)]

    def test_they_stay_inside_the_recording(self):
        assert stretches([(0.0, 1.9)], 1.9) == [(0.0, 1.9)]

    def test_clicks_are_no_voice(self):
        assert stretches([(1.0, 1.2)], 10) == []
        assert stretches([], 10) == []

    def test_a_monologue_is_cut_at_a_pause_and_parts_do_not_overlap(self):
        parts = stretches([(float(i), i + 0.9) for i in range(60)], 60.0)
        assert len(parts) == 3
        assert all(b - a <= LONGEST_STRETCH + 1 for a, b in parts)
        assert all(first[1] == second[0] for first, second in pairwise(parts))
        assert (parts[0][0], parts[-1][1]) == (0.0, 60.0)

    def test_a_small_wobble_of_the_detector_changes_nothing(self):
        assert stretches([(1.23, 2.71)], 10) == stretches([(1.26, 2.68)], 10)


class TestClean:
    @pytest.mark.parametrize("invented", ["", "♪♪♪", "...", "你们来叫叫叫", "You", "you.", "Um,"])
    def test_inventions_on_short_sounds_go(self, invented):
        assert clean(invented, seconds=1.0) == ""

    def test_real_words_stay(self):
        assert clean(" You  did! ", seconds=1.0) == "You did!"
        assert clean("Oh, wow.", seconds=1.0) == "Oh, wow."
        assert clean("No, no, no!", seconds=1.0) == "No, no, no!"
        assert clean("Señor García, café?", seconds=2.0) == "Señor García, café?"

    def test_a_recogniser_that_lost_its_way_is_cut_short(self):
        assert (
            clean("I saw the episode of the episode of the episode of the episode of the", seconds=5)
            == "I saw the episode of"
        )
        assert clean("no no no no no no no", seconds=5) == "no"


@pytest.fixture
def not_loaded() -> Iterator[None]:
    """Nobody has asked for a recogniser yet."""
    recogniser._loaded.cache_clear()
    yield
    recogniser._loaded.cache_clear()


@pytest.mark.usefixtures("not_loaded")
class TestUnavailable:
    def test_a_missing_package_is_one_sentence(self, beckett, monkeypatch):
        monkeypatch.setattr(moonshine, "find_spec", lambda name: None)
        with pytest.raises(SpeechUnavailable, match="run pip install moonshine-voice"):
            transcribe(beckett)

    def test_weights_that_do_not_load_are_one_sentence(self, beckett, monkeypatch, tmp_path):
        (tmp_path / "encoder_model.ort").write_bytes(b"damaged")
        monkeypatch.setattr(moonshine, "model_folder", lambda: tmp_path)
        with pytest.raises(SpeechUnavailable, match="does not start on this machine"):
            transcribe(beckett)

    def test_voices_need_no_recogniser(self, beckett, monkeypatch):
        monkeypatch.setattr(moonshine, "find_spec", lambda name: None)
        assert voices(beckett)
        assert transcribe(np.zeros(SAMPLE_RATE, dtype=np.float32)).text == ""
        assert transcribe(melody()).text == "", "where nobody speaks nothing is loaded"


class TestLanguage:
    @pytest.mark.parametrize(
        ("doubts", "english"),
        [
            ([[0.3] * 8], True),  # a sentence, clearly heard
            ([[1.8] * 12], False),  # as German is heard
            ([[0.2, 0.2, 0.3]], True),  # "Stop!"
            ([[1.2, 1.3, 1.2]], False),  # a word, hardly heard
            ([[1.2] * 12], True),  # a sentence in noise
            ([[0.4] * 10, [1.9] * 3], True),  # one stretch of two is hard to hear
        ],
    )
    def test_the_recogniser_is_unsure_of_other_languages(self, doubts, english):
        heard = [Recognised("words", np.array(doubt)) for doubt in doubts]
        assert sounds_english(heard) is english

    def test_words_of_another_language_are_left_out_with_the_reason(self, beckett):
        """Backwards, speech keeps its sounds and has no words."""
        backwards = transcribe(np.ascontiguousarray(beckett[::-1]))
        assert backwards.text == ""
        assert backwards.segments == ()
        assert "does not sound like English" in backwards.left_out
        assert transcribe(beckett).left_out == ""
