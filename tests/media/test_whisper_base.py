"""Whisper base behind the recognisers' one interface, with a network that only says what it is told to; the
published network runs where its files are on the machine.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media import recogniser as recognisers
from mmer_core.media import speech, whisper, whisper_files
from mmer_core.media.language import UNCLEAR
from mmer_core.media.recognised import Recognised, SpeechUnavailable
from mmer_core.media.speech import hear, transcribe
from mmer_core.media.whisper import Reading, WhisperBase, in_letters, log_mel

SECOND = np.sin(2 * np.pi * 300 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32) * 0.1
GERMAN = {"de": 0.9, "nn": 0.08, "en": 0.02}


class Network:
    """Says one text after the other, each with the probabilities of its languages."""

    def __init__(self, *says, score=-0.2, silence=0.0):
        self.says, self.score, self.silence = list(says), score, silence
        self.asked = []

    def read(self, mel, language, most):
        assert (mel.shape, mel.dtype) == ((80, 3000), np.float32)
        self.asked.append((language, most))
        text, languages = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        language = language or max(languages, key=languages.get)
        pieces = [f"{text} [{language}]".replace(" ", "Ġ"), "<|endoftext|>"]
        return Reading(pieces, language, languages, self.score, self.silence)


@pytest.fixture
def install(monkeypatch):
    """A function that puts Whisper base with this network in the place of the published one; a voice is heard
    in all of a sound.
    """
    monkeypatch.setattr(speech, "_find_voices", lambda waveform: [(0.0, len(waveform) / SAMPLE_RATE)])

    def put(network):
        recognisers._loaded.cache_clear()
        ear = WhisperBase(network)
        monkeypatch.setitem(recognisers._LOADERS, "whisper-base", lambda: ear)
        return ear

    yield put
    recognisers._loaded.cache_clear()


class TestSound:
    @pytest.mark.parametrize(
        ("band", "frequency", "height"),
        # of librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)
        [
            (0, 1, 0.0248626),
            (7, 7, 0.0139358),
            (40, 43, 0.0147356),
            (60, 93, 0.0065911),
            (79, 192, 0.0031647),
        ],
    )
    def test_the_filters_are_librosas(self, band, frequency, height):
        filters = whisper._filters()
        assert filters.shape == (80, 201)
        assert filters[band].argmax() == frequency
        assert filters[band].max() == pytest.approx(height, abs=1e-7)

    def test_a_tone_stands_in_its_band_and_time(self):
        mel = log_mel(np.concatenate([np.zeros(SAMPLE_RATE, np.float32), SECOND]))
        loudest = int(mel[:, 150].argmax())
        assert whisper._filters()[loudest, 300 // 40 : 300 // 40 + 2].max() > 0
        assert mel[:, 150].max() == pytest.approx(mel.max(), abs=0.01)
        assert np.ptp(mel) == pytest.approx(2), "floored eight powers of ten below the maximum"
        assert mel[:, 50].max() == mel.min()

    def test_what_is_beyond_half_a_minute_is_left_out(self):
        long = np.concatenate([SECOND] * 30)
        assert np.array_equal(log_mel(np.concatenate([long, SECOND])), log_mel(long))


class TestWords:
    def test_pieces_are_bytes_and_what_is_no_text_goes(self):
        assert in_letters(["ĠGr", "Ã¼", "ÃŁ", "e", "!", "<|endoftext|>"]) == "Grüße!"
        assert in_letters(["Ġja", "Ã"]) == "ja"

    def test_words_come_with_their_language(self):
        found = WhisperBase(Network(("Guten Tag", GERMAN))).words(SECOND)
        assert (found.text, found.language, found.languages) == ("Guten Tag [de]", "de", GERMAN)
        assert found.doubt.shape == (0,)

    @pytest.mark.parametrize(
        ("score", "silence", "kept"), [(-0.3, 0.9, True), (-1.5, 0.3, True), (-1.5, 0.9, False)]
    )
    def test_words_where_it_hears_nobody_and_is_unsure_are_inventions(self, score, silence, kept):
        network = Network(("Thanks for watching", {"en": 1.0}), score=score, silence=silence)
        assert bool(WhisperBase(network).words(SECOND).text) is kept

    def test_a_short_stretch_gets_few_pieces_and_a_long_one_no_more_than_fit(self):
        network = Network(("so", {"en": 1.0}))
        ear = WhisperBase(network)
        ear.words(SECOND)
        ear.words(np.concatenate([SECOND] * 28))
        assert network.asked == [("", 24), ("", 224)]


class TestLanguage:
    def test_all_stretches_are_read_in_the_language_of_all(self, install):
        network = Network(
            ("eins", GERMAN), ("zwo", {"nn": 0.5, "de": 0.4, "en": 0.1}), ("drei", GERMAN), ("zwei", GERMAN)
        )
        heard = hear(install(network), np.concatenate([SECOND] * 3), [(0, 1), (1, 2), (2, 3)])
        assert heard.texts == ("eins [de]", "zwei [de]", "drei [de]")
        assert (heard.language, heard.left_out) == ("de", "")
        assert heard.sure > 0.99
        assert [language for language, _ in network.asked] == ["", "", "", "de"]

    def test_an_unclear_stretch_takes_the_language_heard_before(self, install):
        unclear = {"nl": 0.5, "de": 0.45, "en": 0.05}
        before = [Recognised("und", np.zeros(0), "de", GERMAN)]
        ear = install(Network(("ja", unclear)))
        assert hear(ear, SECOND, [(0, 1)]).language == "nl"
        assert hear(ear, SECOND, [(0, 1)], before).language == "de"
        clear = install(Network(("yes", {"en": 0.95, "de": 0.05})))
        assert hear(clear, SECOND, [(0, 1)], before * 20).language == "en"

    def test_where_no_language_is_likely_none_is_named(self, install):
        heard = hear(install(Network(("tak", {"pl": 0.4, "ru": 0.3, "en": 0.3}))), SECOND, [(0, 1)])
        assert (heard.texts, heard.language, heard.sure) == (("tak [pl]",), UNCLEAR, 0.4)

    def test_other_scripts_are_words(self):
        assert in_letters(["Ð½Ðµ"]) == "не"
        assert speech.clean("не", 1.0, english=False) == "не"
        assert speech.clean("не", 1.0) == ""


class TestTranscribe:
    def test_it_hears_by_name(self, install):
        install(Network(("Guten Tag", GERMAN)))
        found = transcribe(SECOND, words_from="whisper-base")
        assert (found.text, found.language, found.sure, found.left_out) == ("Guten Tag [de]", "de", 0.9, "")
        assert [(s.start, s.end) for s in found.segments] == [(0.0, 1.0)]

    def test_loops_are_cut_and_silence_asks_nobody(self, install):
        network = Network(("no " * 40, {"en": 1.0}))
        install(network)
        assert transcribe(SECOND, words_from="whisper-base").text == "no"
        assert transcribe(np.zeros(SAMPLE_RATE, np.float32), words_from="whisper-base").text == ""
        assert len(network.asked) == 1

    def test_an_unknown_name_lists_the_known_ones(self, monkeypatch):
        with pytest.raises(
            ValueError, match=r"no recogniser is called sphinx: choose one of moonshine, whisper"
        ):
            transcribe(SECOND, words_from="sphinx")
        monkeypatch.setenv("MMER_WORDS_FROM", "sphinx")
        with pytest.raises(ValueError, match=r"^MMER_WORDS_FROM: no recogniser is called sphinx"):
            recognisers.words_from()
        monkeypatch.setenv("MMER_WORDS_FROM", "whisper-base")
        assert recognisers.words_from() == "whisper-base"
        monkeypatch.delenv("MMER_WORDS_FROM")
        assert recognisers.words_from() == "moonshine"


@pytest.mark.skipif(whisper_files.missing() is not None, reason="the files of Whisper base are not here")
class TestPublished:
    def test_it_hears_english_and_nothing_in_silence(self):
        spec = find_spec("moonshine_voice")
        assert spec is not None
        assert spec.origin is not None
        file = Path(spec.origin).parent / "assets" / "beckett.wav"
        samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
        times = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
        beckett = np.interp(times, np.arange(len(samples)) / rate, samples.mean(1)).astype(np.float32)
        found = transcribe(beckett, words_from="whisper-base")
        assert "ever failed" in found.text.lower()
        assert found.language == "en"
        assert transcribe(np.zeros(SAMPLE_RATE, np.float32), words_from="whisper-base").text == ""


class TestUnavailable:
    def test_without_its_files_it_says_how_to_get_them(self, monkeypatch):
        monkeypatch.setattr(whisper_files, "missing", lambda: "Whisper base is not on this machine: get it")
        assert recognisers.usable_recognisers() == ("moonshine",)
        with pytest.raises(SpeechUnavailable, match="get it"):
            WhisperBase.load()
        with pytest.raises(SpeechUnavailable, match="get it"):
            recognisers.check_usable("whisper-base")
        recognisers.check_usable("moonshine")

    def test_a_library_that_does_not_start_is_one_sentence(self, monkeypatch):
        monkeypatch.setattr(whisper_files, "LIBRARY", "no_such_library")
        with pytest.raises(SpeechUnavailable, match="does not start on this machine"):
            whisper._CTranslate2({})
