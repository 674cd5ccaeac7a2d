"""`speakers` from the command line, with a made answer."""

import json

import numpy as np
import pytest
import soundfile

from mmer_core.cli.main import main
from mmer_core.cli.speakers import describe, rttm
from mmer_core.media import speakers
from mmer_core.media.speakers import Diarisation, Turn, WeightsUnavailable

FOUND = Diarisation((Turn(0.5, 61.04, 0, False), Turn(62, 63.5, 1, True), Turn(63, 64, 0, True)), 2, 65.0)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a talk.wav"
    soundfile.write(path, 0.1 * np.sin(np.arange(16_000) / 5), 16_000)
    return path


@pytest.fixture(autouse=True)
def answer(monkeypatch):
    monkeypatch.setattr(speakers, "diarise", lambda waveform: FOUND)


def test_turns_are_told_with_their_speakers(file, capsys):
    assert main(["speakers", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 people speak",
        "  Speaker 1      61.5 s",
        "  Speaker 2       1.5 s",
        "",
        "0:00.5 to 1:01.0  Speaker 1",
        "1:02.0 to 1:03.5  Speaker 2  together with somebody else",
        "1:03.0 to 1:04.0  Speaker 1  together with somebody else",
    ]


def test_nobody_and_one_person():
    assert describe(Diarisation((), 0, 5.0)) == "nobody speaks"
    assert describe(Diarisation((Turn(0, 1, 0, False),), 1, 5.0)).startswith("1 person speaks\n")
    assert rttm(Diarisation((), 0, 5.0), "a") == ""


def test_json_has_the_turns(file, capsys):
    assert main(["speakers", str(file), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["file"] == "a talk.wav"
    assert data["speakers"] == 2
    assert data["turns"][1] == {"start": 62, "end": 63.5, "speaker": 1, "overlapped": True}


def test_rttm_is_written_beside(file, tmp_path, capsys):
    out = tmp_path / "talk.rttm"
    assert main(["speakers", str(file), "--rttm", str(out)]) == 0
    assert out.read_text().splitlines()[1] == (
        "SPEAKER a_talk.wav 1 62.000 1.500 <NA> <NA> speaker_2 <NA> <NA>"
    )
    assert len(out.read_text().splitlines()) == len(FOUND.turns)
    assert "2 people speak" in capsys.readouterr().out


def test_a_missing_folder_is_told_before_anything_is_read(file, tmp_path, capsys):
    assert main(["speakers", str(file), "--rttm", str(tmp_path / "none" / "talk.rttm")]) == 1
    assert capsys.readouterr().err.endswith(
        "talk.rttm cannot be written: make the folder that it lies in first\n"
    )


def test_a_file_without_sound_is_one_sentence(tmp_path, capsys):
    from PIL import Image

    picture = tmp_path / "face.png"
    Image.new("RGB", (64, 64)).save(picture)
    assert main(["speakers", str(picture)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: face.png has no speakers to tell apart because")
    assert error.count("\n") == 1


def test_missing_weights_are_one_sentence(file, monkeypatch, capsys):
    def missing(waveform):
        raise WeightsUnavailable("the weights are missing: install the package again")

    monkeypatch.setattr(speakers, "diarise", missing)
    assert main(["speakers", str(file)]) == 1
    assert capsys.readouterr().err == "error: the weights are missing: install the package again\n"
