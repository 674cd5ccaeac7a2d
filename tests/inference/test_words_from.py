"""Another recogniser: what it heard is shown and named, and counts where the model reads its language."""

import json
import os

import pytest

from mmer_core.cli import checks, main
from mmer_core.inference import observation
from mmer_core.inference.hearing import hearing_with
from mmer_core.labels import Modality
from mmer_core.media import loading, recogniser, whisper_files
from mmer_core.media.speech import Transcript
from tiny_model import make_clip, make_model

GERMAN = Transcript("Ja, nein", (), 0.1, language="de", sure=0.9)
HEARD = "The words were heard by Whisper base, in German (90% sure)."


@pytest.fixture
def model():
    made = make_model()
    made.record["modalities"]["text"] |= {"language": "en"}
    return made


@pytest.fixture
def hears(monkeypatch):
    """A function that says what is recognised; the names of the recognisers that were asked."""
    asked = []

    def install(transcript):
        def transcribe(waveform, spoken, words_from):
            asked.append(words_from)
            return transcript

        monkeypatch.setattr(observation, "transcribe", transcribe)
        return asked

    return install


def test_the_default_one_is_asked_and_not_named(model, hears):
    asked = hears(Transcript("what a day", (), 0.1))
    assert model.fuse(model.observe(make_clip(text=None))).model == model.identity
    assert asked == ["moonshine"]
    assert set(model.identity) == {"name", "sha256"}
    assert not any("heard by" in note for note in model.predict(make_clip(text=None)).notes)


def test_words_in_another_language_are_shown_and_do_not_count(model, hears):
    asked = hears(GERMAN)
    other = hearing_with(model, "whisper-base")
    found = other.observe(make_clip(text=None))
    prediction = other.fuse(found)
    assert asked == ["whisper-base"]
    assert (found.clip.text, found.transcribed) == ("Ja, nein", True)
    assert found.absent[Modality.TEXT] == "the words sound German; only English is read"
    assert Modality.TEXT not in prediction.used
    assert HEARD in prediction.notes
    assert "The words were left out: the words sound German; only English is read." in prediction.warnings


def test_a_person_who_changes_the_words_is_believed(model, hears):
    hears(GERMAN)
    other = hearing_with(model, "whisper-base")
    found = other.observe(make_clip(text=None))
    assert Modality.TEXT not in other.reword(found, "Ja, nein").features
    assert Modality.TEXT in other.reword(found, "Yes, I am so happy").features


def test_a_model_that_reads_the_language_counts_it(model, hears):
    hears(GERMAN)
    model.record["modalities"]["text"] |= {"languages": ["en", "de"]}
    prediction = hearing_with(model, "whisper-base").predict(make_clip(text=None))
    assert Modality.TEXT in prediction.used
    assert any(note.startswith("The words were taken for German;") for note in prediction.notes)


def test_english_is_believed_where_the_text_looks_foreign(model, hears):
    hears(Transcript("Hoy estoy muy triste, amigo mío", (), 0.1, language="en", sure=0.97))
    assert Modality.TEXT in hearing_with(model, "whisper-base").predict(make_clip(text=None)).used


def test_an_unclear_language_is_said_to_be_one(model, hears):
    hears(Transcript("Tak", (), 0.1, language="und", sure=0.4))
    prediction = hearing_with(model, "whisper-base").predict(make_clip(text=None))
    reason = "it is not clear in which language the words are; only English is read"
    assert prediction.modalities[Modality.TEXT].reason == reason
    assert "The words were heard by Whisper base." in prediction.notes


def test_a_model_with_another_ear_is_another_one(model):
    other = hearing_with(model, "whisper-base")
    assert other.encoders is model.encoders
    assert other.identity["words_from"] == "whisper-base"
    assert other.identity["sha256"] != model.identity["sha256"]
    assert hearing_with(other, "moonshine").identity == model.identity
    with pytest.raises(recogniser.UnknownRecogniser, match="no recogniser is called sphinx"):
        hearing_with(model, "sphinx")


class TestCommand:
    @pytest.fixture
    def predict(self, model, hears, monkeypatch, tmp_path):
        """A function that runs `mmer predict` on a clip in which German is heard."""
        hears(GERMAN)
        monkeypatch.setenv("MMER_WORDS_FROM", "moonshine")  # and whatever the command makes of it goes again
        monkeypatch.setattr(loading, "load_clip", lambda path, text=None, **_: make_clip(text=text))
        monkeypatch.setattr(
            "mmer_core.inference.shipped.load_model",
            lambda *_: hearing_with(model, recogniser.words_from()),
        )
        return lambda *options: main.main(["predict", str(tmp_path / "clip.mp4"), *options])

    def test_the_option_chooses_it_for_this_process_and_its_children(self, predict, monkeypatch, capsys):
        monkeypatch.setattr(whisper_files, "missing", lambda: None)
        assert predict("--words-from", "whisper-base") == 0
        assert "\nHeard: Ja, nein\n" in (out := capsys.readouterr().out)
        assert f"\nNote: {HEARD}\n" in out
        assert os.environ["MMER_WORDS_FROM"] == "whisper-base"
        assert predict("--words-from", "whisper-base", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["model"]["words_from"] == "whisper-base"
        assert told["modalities"]["text"]["reason"] == "the words sound German; only English is read"

    def test_where_it_is_not_on_the_machine_the_command_says_how_to_get_it(
        self, predict, monkeypatch, capsys
    ):
        monkeypatch.setattr(whisper_files, "missing", lambda: "Whisper base is not on this machine: get it")
        assert predict("--words-from", "whisper-base") == 1
        assert capsys.readouterr().err == "error: Whisper base is not on this machine: get it\n"
        assert os.environ["MMER_WORDS_FROM"] == "moonshine"

    def test_the_doctor_says_so_too(self, monkeypatch):
        monkeypatch.setattr(whisper_files, "missing", lambda: "Whisper base is not on this machine: get it")
        with pytest.raises(checks.Missing, match="get it"):
            checks.whisper_base()
