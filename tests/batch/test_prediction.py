"""Many clips: a row for each, in any number of processes; a bad file costs its row, a kill nothing."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pandas as pd
import pytest
from media_factory import write_sound

from mmer_core.batch import predict_files, prediction, table_columns
from mmer_core.batch.inputs import Input
from mmer_core.batch.journal import Journal
from mmer_core.batch.prediction import ENDED, Reading
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import EMOTIONS, Modality
from tiny_model import make_clip, make_model


@pytest.fixture
def model(monkeypatch):
    """A tiny model in place of the one in the folder."""
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, folder, device="auto": model))
    return model


@pytest.fixture
def clips(tmp_path: Path) -> list[Input]:
    for i in range(4):
        write_sound(tmp_path / f"{i}.wav", seconds=0.4 + i / 10)
    (tmp_path / "bad.wav").write_bytes(b"no sound at all")
    return [Input(str(tmp_path / f"{i}.wav"), f"sentence {i}") for i in range(4)] + [
        Input(str(tmp_path / "bad.wav"))
    ]


READING = Reading(Path("model"))


def write(clips, out: Path, **options) -> pd.DataFrame:
    predict_files(clips, out, READING, **options)
    return pd.read_parquet(out) if out.suffix == ".parquet" else pd.read_csv(out)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_for_each_clip_in_order(model, clips, tmp_path, suffix):
    table = write(clips, tmp_path / f"t{suffix}")
    assert list(table.columns) == list(table_columns(EMOTIONS, model.modalities))
    assert list(table["path"]) == [given.path for given in clips]
    read = table[table["label"].notna()]
    assert len(read) == 4
    assert read[[f"p_{e}" for e in EMOTIONS]].sum(axis=1).tolist() == pytest.approx([1] * 4, abs=1e-5)
    assert read["probability"].tolist() == pytest.approx(read[[f"p_{e}" for e in EMOTIONS]].max(axis=1))
    assert table["words"][0] == "sentence 0"
    assert table["duration"][3] == pytest.approx(0.7, abs=0.05)
    assert "not read: bad.wav" in table["reason"][4]


def test_the_rows_are_the_models_answers(model, clips, tmp_path):
    from mmer_core.media.loading import load_clip

    table = write(clips[:1], tmp_path / "t.csv")
    own = model.fuse(model.observe(load_clip(clips[0].path, text=clips[0].text)))
    assert table["label"][0] == own.label
    assert table["audio_label"][0] == own.modalities[Modality.AUDIO].label
    assert pd.isna(table["visual_label"][0])


def test_a_second_start_goes_on_and_a_changed_file_is_read_again(model, clips, tmp_path, monkeypatch):
    out = tmp_path / "t.csv"
    real, seen = prediction.Reader.row, []

    def row(self, given):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(given.path)
        return real(self, given)

    monkeypatch.setattr(prediction.Reader, "row", row)
    with pytest.raises(KeyboardInterrupt):
        predict_files(clips, out, READING)
    assert not out.exists(), "nothing half-done looks finished"
    os.utime(clips[0].path, ns=(1, 1))
    with (tmp_path / ".t.csv.partial").open("a", encoding="utf-8") as file:
        file.write('{"key": "cut o')  # as a kill leaves it
    again = []
    monkeypatch.setattr(
        prediction.Reader, "row", lambda self, given: again.append(given.path) or real(self, given)
    )
    table = write(clips, out)
    assert again == [clips[0].path, *(given.path for given in clips[2:])]
    assert list(table["path"]) == [given.path for given in clips]
    assert not (tmp_path / ".t.csv.partial").exists()


def test_rows_of_another_model_or_other_options_are_not_used(tmp_path):
    out = tmp_path / "t.csv"
    with Journal(out, {"model": "a"}) as journal:
        journal.add("k", {"path": "x"})
    assert Journal(out, {"model": "a"}).rows == {"k": {"path": "x"}}
    assert Journal(out, {"model": "b"}).rows == {}
    (tmp_path / ".t.csv.partial").write_bytes(b"[1]\nnonsense")
    assert Journal(out, {"model": "a"}).rows == {}


def test_a_table_that_is_there_stays(model, clips, tmp_path):
    out = tmp_path / "t.csv"
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(ValueError, match="is there already: choose another name, or add --overwrite"):
        predict_files(clips, out, READING)
    assert out.read_text(encoding="utf-8") == "precious"
    assert len(write(clips, out, overwrite=True)) == len(clips)


def test_another_ending_is_refused_before_anything_is_read(model, clips, tmp_path):
    with pytest.raises(ValueError, match=r"neither CSV nor Parquet"):
        predict_files(clips, tmp_path / "t.xls", READING)


def test_a_full_disk_keeps_what_was_read(model, clips, tmp_path, monkeypatch):
    out = tmp_path / "t.csv"

    def full(table, out):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(prediction, "_write", full)
        with pytest.raises(OSError, match="No space"):
            predict_files(clips, out, READING)
    again = []
    monkeypatch.setattr(prediction.Reader, "row", lambda self, given: again.append(given))
    assert len(write(clips, out)) == len(clips)
    assert again == []


def test_nothing_found_is_a_row_with_its_reason(model, tmp_path, monkeypatch):
    empty = make_clip(text=None, sound=False, faces=0)
    monkeypatch.setattr("mmer_core.media.loading.load_clip", lambda path, text=None: empty)
    table = write([Input("black.mp4")], tmp_path / "t.csv")
    assert pd.isna(table["label"][0])
    assert table["reason"][0].startswith("nothing to read: words: ")


@pytest.fixture
def processes(monkeypatch, model):
    """Processes that are pretended: they read in this one, and some are ended."""

    def pool(reading, waiting, jobs, in_hand):
        while waiting:
            key = next(iter(waiting))
            given = waiting.pop(key)
            in_hand.append(key)
            if "2.wav" in given.path:
                raise BrokenProcessPool
            in_hand.remove(key)
            yield key, {"path": given.path, "label": "joy"}

    monkeypatch.setattr(prediction, "_pool", pool)


def test_a_process_that_is_ended_costs_one_row(processes, clips, tmp_path):
    table = write(clips, tmp_path / "t.csv", jobs=2)
    assert table["label"].tolist()[:2] == ["joy", "joy"]
    assert table["reason"][2] == ENDED
    assert table["label"][3] == "joy"


def test_progress_counts_up(model, clips, tmp_path):
    told = []
    predict_files(clips, tmp_path / "t.csv", READING, progress=lambda done, of: told.append((done, of)))
    assert told == [(i, 5) for i in range(1, 6)]


@pytest.mark.long
def test_real_processes_agree_with_one_and_survive_a_kill(clips, tmp_path):
    """With the shipped model: two processes, of which the one at a certain file is killed."""
    from mmer_core.config import DEFAULT_CHECKPOINT

    reading = Reading(DEFAULT_CHECKPOINT)
    one = predict_files(clips, tmp_path / "one.csv", reading)
    killed = []

    def kill(done: int, of: int) -> None:
        import multiprocessing

        if not killed and (children := multiprocessing.active_children()):
            killed.append(children[0].pid)
            os.kill(children[0].pid, signal.SIGKILL)

    two = predict_files(clips, tmp_path / "two.csv", reading, jobs=2, progress=kill)
    assert killed
    assert two["path"].tolist() == one["path"].tolist()
    there = two["label"].notna()
    assert there.sum() >= 3
    assert two["label"][there].tolist() == one["label"][there].tolist()
    assert json.loads(one.to_json())["reason"]["4"].startswith("not read")
