"""Many clips: a row for each, in any number of processes; a bad file costs its row, a kill nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pandas as pd
import pytest
from full_disk import files_of_at_most
from media_factory import write_sound

from mmer_core.batch import ClipReading, predict_files, prediction, processes, table_columns
from mmer_core.batch.inputs import Input
from mmer_core.batch.journal import Journal, beside
from mmer_core.batch.processes import ENDED
from mmer_core.batch.rows import count_unread, unread_row
from mmer_core.checkpoint import CheckpointError
from mmer_core.inference import record
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import EMOTIONS, Modality
from tiny_model import make_clip, make_model


@pytest.fixture
def model(monkeypatch):
    """A tiny model in place of the one in the folder."""
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, folder, device="auto": model))
    monkeypatch.setattr(record, "read", lambda folder: model.record)
    return model


@pytest.fixture
def clips(tmp_path: Path) -> list[Input]:
    for i in range(4):
        write_sound(tmp_path / f"{i}.wav", seconds=0.4 + i / 10)
    (tmp_path / "bad.wav").write_bytes(b"no sound at all")
    return [Input(str(tmp_path / f"{i}.wav"), f"sentence {i}") for i in range(4)] + [
        Input(str(tmp_path / "bad.wav"))
    ]


READING = ClipReading(Path("model"))


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
    real, seen = prediction.ClipReader.rows, []

    def rows(self, task):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(task.given.path)
        return real(self, task)

    monkeypatch.setattr(prediction.ClipReader, "rows", rows)
    with pytest.raises(KeyboardInterrupt):
        predict_files(clips, out, READING)
    assert not out.exists(), "nothing half-done looks finished"
    os.utime(clips[0].path, ns=(1, 1))
    with (tmp_path / ".t.csv.partial").open("a", encoding="utf-8") as file:
        file.write('{"key": "cut o')  # as a kill leaves it
    again = []
    monkeypatch.setattr(
        prediction.ClipReader, "rows", lambda self, task: again.append(task.given.path) or real(self, task)
    )
    table = write(clips, out)
    assert again == [clips[0].path, *(given.path for given in clips[2:])]
    assert list(table["path"]) == [given.path for given in clips]
    assert not (tmp_path / ".t.csv.partial").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that is killed begins as a fork")
def test_a_kill_costs_nothing_that_was_read(model, clips, tmp_path):
    whole = predict_files(clips, tmp_path / "whole.csv", READING)
    out, told = tmp_path / "t.csv", []

    def killed(done: int, of: int) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(
        target=predict_files, args=(clips, out, READING), kwargs={"progress": killed}
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not out.exists()
    again = predict_files(clips, out, READING, progress=lambda done, of: told.append(done))
    pd.testing.assert_frame_equal(again, whole)
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert told == [3, 4, 5]


def test_rows_of_another_model_or_other_options_are_not_used(tmp_path):
    out = tmp_path / "t.csv"
    with Journal(out, {"model": "a"}) as journal:
        journal.add("k", {"path": "x"})
    assert Journal(out, {"model": "a"}).rows == {"k": {"path": "x"}}
    assert Journal(out, {"model": "b"}).rows == {}
    (tmp_path / ".t.csv.partial").write_bytes(b"[1]\nnonsense")
    assert Journal(out, {"model": "a"}).rows == {}


def test_a_journal_that_was_cut_off_within_a_letter_keeps_the_rest(tmp_path):
    out, words = tmp_path / "t.csv", "one\u2028two\x85drei Übel"
    with Journal(out, {}) as journal:
        journal.add("a", {"words": words})
        journal.add("b", {"words": words})
    path = tmp_path / ".t.csv.partial"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex("Ü".encode()) + 1])
    assert Journal(out, {}).rows == {"a": {"words": words}}


def test_what_was_kept_of_single_files_goes_with_the_journal(tmp_path):
    out, other = tmp_path / "t[1].csv", tmp_path / "t1.csv"
    for place in (out, beside(out, "0123456789abcdef012"), other):
        with Journal(place, {}):
            pass
    Journal(out, {}).remove()
    assert [path.name for path in tmp_path.iterdir()] == [".t1.csv.partial"]


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
        patched.setattr(prediction, "write_frame", full)
        with pytest.raises(OSError, match=r"t\.csv cannot be written \(No space .*what was read is kept"):
            predict_files(clips, out, READING)
    monkeypatch.setattr(EmotionModel, "load", None)  # nothing is missing, so that no model is needed
    assert len(write(clips, out)) == len(clips)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", *[".wav"] * 5]


def test_a_full_disk_ends_a_batch_in_one_sentence(model, clips, tmp_path):
    out = tmp_path / "t.csv"
    with files_of_at_most(2000), pytest.raises(OSError, match=r"\.t\.csv\.partial cannot be written .*kept"):
        predict_files(clips, out, READING)
    assert not out.exists()
    told = []
    predict_files(clips, out, READING, progress=lambda done, of: told.append(done))
    assert told[0] > 1, "what was read before is not read again"
    assert len(pd.read_csv(out)) == len(clips)


def test_a_full_temporary_folder_is_no_files_fault(model, clips, tmp_path, monkeypatch):
    from mmer_core.media import file_checks, loading

    def full(*_, **__):
        raise file_checks.NoRoom("the temporary folder is full: free some space there")

    monkeypatch.setattr(loading, "decode", full)
    with pytest.raises(file_checks.NoRoom):
        predict_files(clips, tmp_path / "t.csv", READING)


def test_nothing_found_is_a_row_with_its_reason(model, tmp_path, monkeypatch):
    empty = make_clip(text=None, sound=False, faces=0)
    monkeypatch.setattr("mmer_core.media.loading.load_clip", lambda path, text=None: empty)
    table = write([Input("black.mp4")], tmp_path / "t.csv")
    assert pd.isna(table["label"][0])
    assert table["reason"][0].startswith("nothing to read: words: ")


@pytest.fixture
def pretended(monkeypatch, model):
    """Processes that are pretended: they read in this one, and some are ended."""

    def pool(loads, waiting, jobs, in_hand, made_by):
        while waiting:
            key = next(iter(waiting))
            path = waiting.pop(key).given.path
            in_hand.append(key)
            if "2.wav" in path:
                raise BrokenProcessPool
            in_hand.remove(key)
            yield key, [{"path": path, "label": "joy"}]

    monkeypatch.setattr(processes, "_pool", pool)


def test_a_process_that_is_ended_costs_one_row(pretended, clips, tmp_path):
    table = write(clips, tmp_path / "t.csv", jobs=2)
    assert table["label"].tolist()[:2] == ["joy", "joy"]
    assert table["reason"][2] == f"not read: {ENDED}"
    assert count_unread(pd.DataFrame([unread_row("a", ENDED), {"path": "b", "reason": None}])) == 1
    assert table["label"][3] == "joy"


def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path, monkeypatch, model):
    """Told by the process that tried, through the first file."""
    (tmp_path / "a.wav").write_bytes(b"x")
    monkeypatch.setitem(processes._worker, "reader", CheckpointError("the model is damaged: train it again"))
    with pytest.raises(CheckpointError, match="train it again"):
        processes._rows(processes.Task(Input(str(tmp_path / "a.wav")), tmp_path / "t"))


def test_one_job_computes_in_one_thread_unless_told_otherwise(monkeypatch):
    import torch

    before = torch.get_num_threads()
    for name in processes.ONE_THREAD:
        monkeypatch.delenv(name, raising=False)
    torch.set_num_threads(3)
    with processes.one_thread():
        assert (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]) == (1, "1")
    assert (torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")) == (3, None)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with processes.one_thread():
        assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def test_progress_counts_up(model, clips, tmp_path):
    told = []
    predict_files(clips, tmp_path / "t.csv", READING, progress=lambda done, of: told.append((done, of)))
    assert told == [(i, 5) for i in range(1, 6)]


@pytest.mark.long
def test_real_processes_agree_with_one_and_survive_a_kill(clips, tmp_path):
    """With the shipped model: two processes, of which the one at a certain file is killed."""
    from mmer_core.config import DEFAULT_CHECKPOINT

    reading = ClipReading(DEFAULT_CHECKPOINT)
    one = predict_files(clips, tmp_path / "one.csv", reading)
    killed = []

    def kill(done: int, of: int) -> None:
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
