"""The command line: what it prints, and that failures are one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmer_core.cli import main
from mmer_core.clip import SAMPLE_RATE
from mmer_core.inference import observation, timeline
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS, LABEL_ALIASES, Modality
from mmer_core.media import loading
from tiny_model import DIM, make_clip, make_model


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_: model))
    return model


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_tells_its_options(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main.main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: mmer {name}" in capsys.readouterr().out


def test_an_unknown_command_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(["predikt"])
    assert stop.value.code == 2
    assert "predict" in capsys.readouterr().err


def test_a_command_that_is_gone_says_what_replaces_it(capsys):
    assert main.main(["train-default", "--data", "folder"]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: mmer train-default is gone: {main.RENAMED['train-default']}\n"
    assert captured.out == ""


def test_predict_words_as_json(capsys):
    assert main.main(["predict", "--text", "what a lovely day", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["label"] in EMOTIONS
    assert data["modalities"]["text"]["present"]
    assert {"decode", "load", "text", "fuse"} <= set(data["timings"])


def test_predict_hands_on_the_turns_before(tiny):
    assert (
        main.main(
            ["predict", "--text", "Oh.", "--before", "I lost my job.", "--before", "My dog died as well."]
        )
        == 0
    )
    assert tiny.encoders[Modality.TEXT].clip.dialogue.previous == ("I lost my job.", "My dog died as well.")


def test_predict_without_a_modality(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(loading, "load_clip", lambda path, text=None, **stretch: make_clip())
    assert (
        main.main(
            ["predict", str(tmp_path / "clip.mp4"), "--without", "face", "--without", "audio", "--json"]
        )
        == 0
    )
    data = json.loads(capsys.readouterr().out)
    assert list(data["subsets"]) == ["text"]
    assert data["modalities"]["visual"]["reason"] == "switched off"
    assert data["contributions"]["visual"] == 0


def test_predict_for_people(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(loading, "load_clip", lambda path, text=None, **stretch: make_clip(sound=False))
    assert main.main(["predict", str(tmp_path / "clip.mp4")]) == 0
    out = capsys.readouterr().out
    assert "voice (audio)" in out
    assert "the clip has no sound" in out
    assert all(name in out for name in EMOTIONS)


def test_predict_says_how_the_emotion_changes_over_a_long_clip(monkeypatch, capsys, tmp_path):
    clip = replace(make_clip(), duration=8.0, waveform=np.zeros(8 * SAMPLE_RATE, np.float32))
    monkeypatch.setattr(loading, "load_clip", lambda path, text=None, **stretch: clip)
    monkeypatch.setattr(
        timeline, "changes_sentence", lambda found: f"It changes within {found.duration:.0f} s."
    )
    assert main.main(["predict", str(tmp_path / "clip.mp4")]) == 0
    assert capsys.readouterr().out.endswith("\nIt changes within 8 s.\n")
    assert main.main(["predict", "--text", "too short to change"]) == 0
    assert "It changes" not in capsys.readouterr().out


@pytest.fixture
def files(monkeypatch, tmp_path):
    """A folder with two clips, a file that is none, and a note."""
    from mmer_core.media.loading import MediaError

    def load(path, text=None, **stretch):
        if "bad" in str(path):
            raise MediaError(f"{path.name} is not a video: use mp4")
        return make_clip(len(path.name), text=text)

    monkeypatch.setattr(loading, "load_clip", load)
    folder = tmp_path / "clips"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.mp4", "deep/voice.OPUS", "bad.wav", "notes.txt"):
        (folder / name).touch()
    return folder


def test_predict_several_gives_a_line_each_and_the_status_says_whether_all_were_read(files, capsys):
    good = [str(files / "a.mp4"), str(files / "deep" / "voice.OPUS")]
    assert main.main(["predict", *good]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == good
    assert all("voice: " in line and "%" in line for line in lines)
    assert main.main(["predict", good[0], str(files / "bad.wav")]) == 2
    captured = capsys.readouterr()
    assert f"{files / 'bad.wav'}: not read: bad.wav is not a video: use mp4" in captured.out
    assert captured.err == "1 of 2 files could not be read\n"


def test_predict_reads_the_clips_of_a_folder_and_counts_the_rest(files, capsys):
    assert main.main(["predict", str(files), "--json"]) == 2
    captured = capsys.readouterr()
    listed = json.loads(captured.out)
    assert [row["path"] for row in listed] == [
        str(files / n) for n in ("a.mp4", "bad.wav", "deep/voice.OPUS")
    ]
    assert [("error" in row, row.get("label") in EMOTIONS) for row in listed] == [
        (False, True),
        (True, False),
        (False, True),
    ]
    assert f"left out of {files}: 1 × .txt" in captured.err


class TestBaseline:
    """`predict --baseline` and `evaluate --baseline`, with a model that compares voices."""

    @pytest.fixture(autouse=True)
    def comparing(self, monkeypatch):
        mean, sd = np.full(DIM, 0.1, np.float32), np.full(DIM, 0.05, np.float32)
        model = make_model("early", input_scaling={Modality.AUDIO: InputScaling(mean, sd, 2.0)})
        monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_: model))

    @pytest.fixture(autouse=True)
    def usual(self, monkeypatch, files):
        """Files of an ordinary voice, read where a model reads a path."""
        monkeypatch.setattr(
            observation, "load_clip", lambda path, text=None: make_clip(len(Path(path).stem), text=text)
        )
        return ["--baseline", "usual.wav", "--baseline", "another.wav"]

    def test_one_clip_is_compared_with_all_that_was_given(self, files, usual, capsys):
        clip = str(files / "a.mp4")
        assert main.main(["predict", clip, "--json"]) == 0
        average = json.loads(capsys.readouterr().out)
        assert main.main(["predict", clip, "--json", *usual]) == 0
        own = json.loads(capsys.readouterr().out)
        assert average["baseline"] == "the average training speaker"
        assert own["baseline"] == "2 s of the speaker's own voice"
        assert own["subsets"]["audio"] != average["subsets"]["audio"]
        assert own["subsets"]["visual"] == average["subsets"]["visual"]
        assert main.main(["predict", clip]) == 0
        assert "Note: The voice was read against the average training speaker; " in (
            out := capsys.readouterr().out
        )
        assert "(--baseline FILE)." in out
        assert main.main(["predict", clip, *usual]) == 0
        assert "Note: The voice was read against 2 s of the speaker's own voice." in capsys.readouterr().out

    def test_several_are_compared_with_the_same_voice(self, files, usual, capsys):
        assert main.main(["predict", str(files / "a.mp4"), str(files / "deep"), "--json", *usual]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert {row["baseline"] for row in listed} == {"2 s of the speaker's own voice"}

    def test_too_little_of_it_is_one_sentence(self, files, usual, capsys):
        assert main.main(["predict", str(files / "a.mp4"), *usual[:2]]) == 1
        assert capsys.readouterr().err.startswith("error: only 1.0 s of voice are heard in clip.mp4, 2 s")

    def test_evaluate_takes_each_speakers_own_clips(self, tmp_path, capsys):
        table = tmp_path / "clips.csv"
        table.write_text("id,path,text,label,speaker\n1,,so,joy,a\n2,,glad,joy,b\n3,,huh,anger,b\n")
        assert main.main(["evaluate", str(table), "--baseline", "own"]) == 0
        assert (
            "Compared with: each speaker's own clips of the corpus, test clips without their labels (2"
            in (capsys.readouterr().out)
        )
        assert main.main(["evaluate", str(table), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["baseline"] == "the average training speaker"

    def test_the_help_says_that_test_clips_are_looked_at(self, capsys):
        with pytest.raises(SystemExit):
            main.main(["evaluate", "--help"])
        assert "looks at test clips" in " ".join(capsys.readouterr().out.split())


def test_a_baseline_for_a_model_that_compares_nobody_is_one_sentence(files, capsys):
    assert main.main(["predict", str(files / "a.mp4"), "--baseline", "usual.wav"]) == 1
    assert "tiny compares nobody with how they usually sound" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"), [(["--text", "hi"], "--text says what was said in one clip"), ([], "holds no video")]
)
def test_predict_several_that_cannot_be_is_one_sentence(tmp_path, capsys, more, said):
    assert main.main(["predict", str(tmp_path), *more]) == 1
    assert said in capsys.readouterr().err


def test_predict_says_what_was_not_found_instead_of_frequencies(monkeypatch, capsys, tmp_path):
    empty = make_clip(text=None, sound=False, faces=0)
    monkeypatch.setattr(loading, "load_clip", lambda path, text=None, **stretch: empty)
    assert main.main(["predict", str(tmp_path / "black.mp4")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "Nothing to read (words: nothing was said or typed; voice: the clip has no sound; face:"
    )
    assert out.count("\n") == 1
    assert main.main(["predict", str(tmp_path / "black.mp4"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["probabilities"]) == set(EMOTIONS)


def test_predict_says_what_it_heard_but_not_what_was_typed(monkeypatch, capsys, tmp_path):
    from mmer_core.media.speech import Transcript

    monkeypatch.setattr(
        loading,
        "load_clip",
        lambda path, text=None, **stretch: replace(make_clip(), text=None).with_text(text),
    )
    monkeypatch.setattr(observation, "transcribe", lambda *_: Transcript("what a day", (), 0.0))
    assert main.main(["predict", str(tmp_path / "clip.mp4")]) == 0
    assert "\nHeard: what a day\n" in capsys.readouterr().out
    assert main.main(["predict", str(tmp_path / "clip.mp4"), "--text", "what a day"]) == 0
    assert "Heard" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "{}"],
        ["leakage", "{}"],
        ["extract", "{}", "--encoders", "metadata=dialogue", "--jobs", "1"],
        ["train", "--manifest", "{}", "--encoders", "metadata=dialogue"],
    ],
    ids=lambda command: command[0],
)
def test_a_table_of_which_nothing_can_be_used_lists_its_rows(tmp_path, capsys, command):
    file = tmp_path / "m.csv"
    file.write_text("id;path;text;label;speaker\na;;hi;bored;s\nb;gone.wav;;joy;s\n")
    assert main.main([part.format(file) for part in command]) == 2
    err = capsys.readouterr().err
    assert "left out: a: unknown label 'bored'" in err
    assert "left out: b: gone.wav is missing" in err
    assert f"error: {file} has nothing that can be used: all 2 rows were left out" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "no-such-file.mp4"],
        ["evaluate", "no-such-manifest.csv"],
        ["extract", "no-such-manifest.csv", "--encoders", "text=minilm"],
        ["leakage", "no-such-manifest.csv"],
    ],
)
def test_a_failure_is_one_sentence_on_stderr(arguments, capsys):
    assert main.main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_an_unknown_modality_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(["predict", "--text", "x", "--without", "smell"])
    assert stop.value.code == 2
    assert "smell" in capsys.readouterr().err


def test_labels_shows_every_alias(capsys):
    assert main.main(["labels"]) == 0
    out = capsys.readouterr().out
    assert all(alias in out for alias in LABEL_ALIASES)
