"""`mmer predict --utterances`: lines as they come, a summary, files, and a second start after Ctrl-C."""

from __future__ import annotations

import argparse
import json

import av
import media_factory as make
import numpy as np
import pandas as pd
import pytest
from loud_spans import loud_spans

from mmer_core.cli import utterances
from mmer_core.cli.main import main
from mmer_core.inference import record, shipped
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.recordings import source
from mmer_core.recordings.speaking import Listener
from tiny_model import make_model

RATE = 16_000


@pytest.fixture
def talk(tmp_path, monkeypatch):
    """Six seconds with two utterances, read in pieces of four by a tiny model."""
    monkeypatch.setattr(shipped, "load_model", lambda *_: make_model())
    monkeypatch.setattr(source, "SECONDS", 4.0)
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: loud_spans(waveform))
    monkeypatch.setattr(Listener, "words", lambda self, waveform, spans: (["I am glad."] * len(spans), ""))
    sound = np.zeros(6 * RATE, np.int16)
    for start, end in ((1.0, 2.0), (4.0, 5.0)):
        sound[int(start * RATE) : int(end * RATE)] = 9_000 * np.sin(np.arange(int((end - start) * RATE)) / 5)
    path = tmp_path / "talk.wav"
    path.write_bytes(make.wav_bytes(sound[:, None], RATE))
    return path


def test_a_line_for_each_utterance_and_a_summary(talk, capsys):
    assert main(["predict", str(talk), "--utterances"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("0:00.8–0:02.2 ")
    assert lines[1].startswith("0:03.8–0:05.2 ")
    assert all(line.endswith("“I am glad.”") for line in lines[:2])
    assert "2 utterances in 0:02.8 of speech or faces" in lines[3]


def test_json(talk, capsys):
    assert main(["predict", str(talk), "--utterances", "--json", "--start", "0:03", "--end", "6"]) == 0
    found = json.loads(capsys.readouterr().out)
    (utterance,) = found["utterances"]
    assert (utterance["words"], found["start"], found["complete"]) == ("I am glad.", 3.0, True)
    assert found["summary"]["sentences"]


def test_a_table_that_a_second_start_goes_on_with(talk, tmp_path, capsys, monkeypatch):
    out = tmp_path / "t.csv"
    command = ["predict", str(talk), "--utterances", "--out", str(out)]
    line = utterances._Printer.line

    def interrupted(self, utterance):
        line(self, utterance)
        if utterance.start > 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(utterances._Printer, "line", interrupted)
    assert main(command) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert not out.exists()
    monkeypatch.setattr(utterances._Printer, "line", line)
    assert main(command) == 0
    assert pd.read_csv(out)["words"].tolist() == ["I am glad."] * 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "talk.wav"]
    assert main(command) == 1
    assert "is there already" in capsys.readouterr().err


def test_a_file_that_breaks_off_is_told_by_the_exit_status(talk, tmp_path, capsys):
    path = tmp_path / "a.mkv"
    make.write_video(path, seconds=6)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["predict", str(path), "--utterances"]) == 2
    assert "Note: the file breaks off after" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--utterances", "--text", "hello"], "--text does not go with --utterances"),
        (["--utterances", "--out", "t.doc"], "no ending that can be written"),
        (["--speakers"], "add --utterances"),
        (["--utterances", "--baseline", "usual.wav"], "--baseline does not go with --utterances"),
        (["--utterances", "--start", "9"], "has nothing after 0:09.0"),
    ],
)
def test_wrong_usage(talk, capsys, more, message):
    assert main(["predict", str(talk), *more]) == 1
    assert message in capsys.readouterr().err


@pytest.fixture
def folder(talk, monkeypatch):
    """The talk, and a file that is none."""
    folder = talk.parent / "talks"
    folder.mkdir()
    talk.rename(folder / "talk.wav")
    (folder / "bad.mp4").write_bytes(b"no film at all")
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_: model))
    monkeypatch.setattr(record, "read", lambda folder: model.record)
    return folder


def test_a_folder_becomes_one_table_that_stays(folder, tmp_path, capsys):
    out = tmp_path / "t.csv"
    assert main(["predict", str(folder), "--utterances", "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert "1 of 2 files could not be read" in told.err
    assert "wrote" in told.out
    table = pd.read_csv(out)
    assert table["path"].tolist() == [str(folder / name) for name in ("bad.mp4", "talk.wav", "talk.wav")]
    assert table["words"].fillna("").tolist() == ["", "I am glad.", "I am glad."]
    assert main(["predict", str(folder), "--utterances", "--out", str(out)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["predict", str(folder), "--utterances", "--out", str(tmp_path / "t.srt")]) == 1
    assert "neither CSV nor Parquet" in capsys.readouterr().err


def test_a_table_of_files_names_recordings_and_its_words_are_not_used(folder, tmp_path, capsys):
    (folder / "list.csv").write_text("path,text\ntalk.wav,hello\n", encoding="utf-8")
    out = tmp_path / "t.parquet"
    assert main(["predict", str(folder / "list.csv"), "--utterances", "--out", str(out)]) == 0
    assert "the words in the table are not used" in capsys.readouterr().err
    assert pd.read_parquet(out)["words"].tolist() == ["I am glad."] * 2


def test_several_files_one_after_the_other(folder, capsys):
    files = [str(folder / name) for name in ("bad.mp4", "talk.wav")]
    assert main(["predict", *files, "--utterances"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{files[0]}:"
    assert lines[1].startswith("not read: bad.mp4 is not a video")
    assert lines[3] == f"{files[1]}:"
    assert lines[4].startswith("0:00.8–0:02.2 ")
    assert main(["predict", *files, "--utterances", "--json"]) == 2
    bad, good = json.loads(capsys.readouterr().out)
    assert bad["error"].startswith("not read: bad.mp4")
    assert (good["path"], len(good["utterances"])) == (files[1], 2)


def test_times():
    assert [utterances.seconds(t) for t in ("90", "1:30", "1:00:01.5")] == [90, 90, 3601.5]
    for wrong in ("soon", "1:2:3:4", "-3", "inf", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="is no time"):
            utterances.seconds(wrong)


def test_the_video_itself_with_boxes_and_captions(talk, tmp_path, capsys):
    path, out = tmp_path / "talk.mp4", tmp_path / "out.mp4"
    make.write_video(path, seconds=2)
    command = ["predict", str(path), "--utterances", "--end", "1", "--out", str(out)]
    assert main(command) == 0
    assert f"wrote {out}" in capsys.readouterr().err
    with av.open(str(out)) as film:
        assert [s.type for s in film.streams] == ["video", "audio"]
        assert film.duration / av.time_base == pytest.approx(1.0, abs=0.15)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "talk.mp4", "talk.wav"]
    assert main(command) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["predict", str(talk), "--utterances", "--out", str(tmp_path / "no.mp4")]) == 1
    assert "talk.wav because it has no pictures" in capsys.readouterr().err
