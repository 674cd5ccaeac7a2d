"""Many recordings in one table: a row for each utterance, a row for what is wrong with a file, and a second
start that goes on after a kill or a full disk, within a file as well.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import media_factory as make
import numpy as np
import pandas as pd
import pytest
from full_disk import files_of_at_most
from loud_spans import loud_spans

from mmer_core.batch import predict_files
from mmer_core.batch.inputs import Input
from mmer_core.batch.rows import count_unread
from mmer_core.inference import record
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import EMOTIONS
from mmer_core.recordings import read_recording
from mmer_core.recordings.answers import PieceReader
from mmer_core.recordings.exports.many import EMPTY, UtteranceReading
from mmer_core.recordings.exports.table import rows_of
from mmer_core.recordings.speaking import Listener
from tiny_model import make_model

RATE = 16_000
READING = UtteranceReading(Path("model"))


@pytest.fixture
def model(monkeypatch):
    """A tiny model in place of the one in the folder, which hears whatever is loud."""
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_: model))
    monkeypatch.setattr(record, "read", lambda folder: model.record)
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: loud_spans(waveform))
    monkeypatch.setattr(Listener, "words", lambda self, waveform, spans: (["I am glad."] * len(spans), ""))
    return model


@pytest.fixture
def files(tmp_path: Path) -> list[Input]:
    """Two talks of two utterances, one that nobody speaks in, and one that is none."""
    for name, pitch in (("a", 3), ("b", 5), ("silent", 0)):
        sound = np.zeros(6 * RATE, np.int16)
        for start in (1.0, 4.0) if pitch else ():
            sound[int(start * RATE) :][:RATE] = 9_000 * np.sin(np.arange(RATE) / pitch)
        (tmp_path / f"{name}.wav").write_bytes(make.wav_bytes(sound[:, None], RATE))
    (tmp_path / "bad.mp4").write_bytes(b"no film at all")
    return [Input(str(tmp_path / name)) for name in ("a.wav", "bad.mp4", "silent.wav", "b.wav")]


@pytest.fixture
def talks(model, files) -> list[Input]:
    """The two files with utterances."""
    return [files[0], files[-1]]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_for_each_utterance_and_one_for_each_file_without(model, files, tmp_path, suffix):
    out = tmp_path / f"t{suffix}"
    table = predict_files(files, out, READING)
    names = [Path(path).name for path in table["path"]]
    assert names == ["a.wav", "a.wav", "bad.mp4", "silent.wav", "b.wav", "b.wav"]
    alone = rows_of(read_recording(files[0].path, model))
    shared = [c for c in table.columns if c in alone[0] and c != "path"]
    assert {
        "start",
        "end",
        "words",
        "label",
        "probability",
        "audio_label",
        *(f"p_{e}" for e in EMOTIONS),
    } <= {*shared}
    assert table[shared].iloc[0].dropna().to_dict() == {
        c: v for c, v in alone[0].items() if c in shared and v is not None
    }
    assert table["reason"][2].startswith("not read: bad.mp4 is not a video, sound or picture")
    assert table["reason"][3] == EMPTY
    assert table["start"].isna().tolist() == [False, False, True, True, False, False]
    assert count_unread(table) == 1
    written = pd.read_parquet(out) if suffix == ".parquet" else pd.read_csv(out)
    assert written["label"].fillna("").tolist() == table["label"].fillna("").tolist()
    assert len(written) == len(table)


def test_a_file_that_breaks_off_keeps_its_utterances_and_says_so(model, tmp_path):
    path = tmp_path / "a.mkv"
    make.write_video(path, seconds=9)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    table = predict_files([Input(str(path))], tmp_path / "t.csv", READING)
    assert table["label"].notna().any()
    assert table["reason"].iloc[-1].startswith("not read to its end: the file breaks off after")
    assert count_unread(table) == 1


@pytest.fixture
def answered(monkeypatch):
    """The stretches that are answered, as they are."""
    found: list[tuple[str, float]] = []
    real = PieceReader.answers

    def answers(self, piece, stretch, before):
        found.append((piece.clip.name, round(piece.start + stretch.span[0], 1)))
        return real(self, piece, stretch, before)

    monkeypatch.setattr(PieceReader, "answers", answers)
    return found


def killed_after(count: int, files, out: Path, monkeypatch) -> int:
    """The exit status of a process that reads, and is killed before it answers so many and one more."""
    real, left = PieceReader.answers, iter(range(count))

    def answers(self, piece, stretch, before):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, piece, stretch, before)

    with monkeypatch.context() as patched:
        patched.setattr(PieceReader, "answers", answers)
        process = multiprocessing.get_context("fork").Process(
            target=predict_files, args=(files, out, READING)
        )
        process.start()
        process.join()
    return process.exitcode or 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that is killed begins as a fork")
def test_a_kill_costs_nothing_that_was_answered(talks, tmp_path, monkeypatch, answered):
    whole = predict_files(talks, tmp_path / "whole.csv", READING)
    every = list(answered)
    for count in (1, 2):  # within the first file, and between the two
        answered.clear()
        killed_and_read_on(count, whole, talks, tmp_path / f"{count}.csv", monkeypatch)
        assert answered == every[count:]
    assert not list(tmp_path.glob(".*"))


def killed_and_read_on(count: int, whole: pd.DataFrame, talks, out: Path, monkeypatch) -> None:
    assert killed_after(count, talks, out, monkeypatch) == -signal.SIGKILL
    assert not out.exists(), "nothing half-done looks finished"
    pd.testing.assert_frame_equal(predict_files(talks, out, READING), whole)
    assert out.read_bytes() == out.with_name("whole.csv").read_bytes()


def test_a_file_that_changed_after_a_kill_is_read_anew(talks, tmp_path, monkeypatch, answered):
    out = tmp_path / "t.csv"
    assert killed_after(1, talks, out, monkeypatch) == -signal.SIGKILL
    os.utime(talks[0].path, ns=(1, 1))
    predict_files(talks, out, READING)
    assert len(answered) == 4
    assert not list(tmp_path.glob(".*")), "nor is anything left of how it was"


def test_a_full_disk_keeps_what_was_read(talks, tmp_path, answered):
    out = tmp_path / "t.csv"
    with files_of_at_most(2500), pytest.raises(OSError, match=r"cannot be written .*free some space.* kept"):
        predict_files(talks, out, READING)
    before = len(answered)
    assert 0 < before < 4
    table = predict_files(talks, out, READING)
    assert table["label"].notna().sum() == 4
    assert len(answered) < before + 4


def test_other_options_are_another_batch(talks, tmp_path, monkeypatch, answered):
    out = tmp_path / "t.csv"
    assert killed_after(3, talks, out, monkeypatch) == -signal.SIGKILL
    predict_files(talks, out, UtteranceReading(Path("model"), start=0.5))
    assert len(answered) == 4


def test_other_ears_are_another_batch(talks, tmp_path, monkeypatch, answered):
    out = tmp_path / "t.csv"
    assert killed_after(3, talks, out, monkeypatch) == -signal.SIGKILL
    monkeypatch.setenv("MMER_WORDS_FROM", "whisper-base")
    predict_files(talks, out, READING)
    assert len(answered) == 4


class Alone:
    """Hears one speaker in whatever it listens to."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.seconds = 0.0

    def add(self, sound: np.ndarray) -> None:
        self.seconds += len(sound) / RATE

    def so_far(self):
        from mmer_core.media.speakers import Diarisation, Turn

        return Diarisation((Turn(0.0, self.seconds, 0, False),), 1, self.seconds)

    finish = so_far


def test_speakers_are_told_apart_in_each_file(talks, tmp_path, monkeypatch):
    monkeypatch.setattr(Alone, "made", 0)
    table = predict_files(talks, tmp_path / "t.parquet", UtteranceReading(Path("model"), speakers=Alone))
    assert table["speaker"].tolist() == [1, 1, 1, 1]
    assert Alone.made == 2


def test_what_a_process_needs_can_be_sent_to_it():
    from mmer_core.cli.utterances import _listening

    assert ForkingPickler.dumps(UtteranceReading(Path("model"), speakers=_listening, end=3.0))
