"""Clips and tables at URLs: copied, put whole, gone on with after a kill; on S3 as in memory."""

from __future__ import annotations

import io
import tempfile
import uuid
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from media_factory import write_sound
from side_by_side_work import Slow

from mmer_core.batch import Input, inputs_of, predict_files, prediction, shards
from mmer_core.batch.shards import ShardedJournal
from mmer_core.batch.urls import filesystem, local_copy
from mmer_core.inference import record
from mmer_core.media.places import place_of
from tiny_model import make_model


@pytest.fixture
def memory():
    """A bucket of its own in memory."""
    url = f"memory://{uuid.uuid4().hex}"
    yield url
    system, path = filesystem(url)
    if system.exists(path):
        system.rm(path, recursive=True)


@pytest.fixture(scope="module")
def s3():
    """A bucket of a server of this machine, which speaks S3."""
    moto = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patched.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patched.setenv("AWS_EC2_METADATA_DISABLED", "true")
        bucket = f"bucket-{uuid.uuid4().hex[:8]}"
        system, _ = filesystem(f"s3://{bucket}")
        system.mkdir(bucket)
        yield f"s3://{bucket}"
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()  # they know this server's port


@pytest.fixture
def place(request, memory):
    return memory if request.param == "memory" else request.getfixturevalue("s3")


everywhere = pytest.mark.parametrize("place", ["memory", "s3"], indirect=True)


@pytest.fixture
def reading(tmp_path, monkeypatch):
    model = make_model()
    monkeypatch.setattr(record, "read", lambda folder: model.record)
    (tmp_path / "log").mkdir()
    return Slow(Path("model"), tmp_path / "log", seconds=0)


def put(url: str, count: int) -> list[Input]:
    system, path = filesystem(url)
    for i in range(count):
        system.pipe_file(f"{path}/clips/{i}.txt", f"words {i}".encode())
    return [Input(f"{url}/clips/{i}.txt") for i in range(count)]


def names(url: str) -> list[str]:
    system, path = filesystem(url)
    return sorted(found.removeprefix(path).lstrip("/") for found in system.find(path))


@everywhere
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_clips_and_table_at_urls(place, reading, suffix):
    clips, out = put(place, 3), f"{place}/tables/t{suffix}"
    predict_files(clips, out, reading)
    with fsspec.open(out, "rb") as file:
        data = io.BytesIO(file.read())
    table = pd.read_csv(data) if suffix == ".csv" else pd.read_parquet(data)
    assert table["path"].tolist() == [given.path for given in clips]
    assert table["words"].tolist() == [f"words {i}" for i in range(3)]
    assert [name for name in names(place) if name.startswith("tables/")][-1:] == [f"tables/t{suffix}"]
    assert not [name for name in names(place) if ".partial" in name or ".draft" in name]
    with pytest.raises(ValueError, match="is there already"):
        predict_files(clips, out, reading)


@everywhere
def test_a_second_start_goes_on_from_the_shards(place, reading, monkeypatch, tmp_path):
    monkeypatch.setattr(shards, "ROWS", 2)
    clips, out = put(place, 5), f"{place}/again.csv"

    def stop(done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_files(clips, out, reading, progress=stop)
    assert len([name for name in names(place) if name.startswith(".again.csv.partial/")]) == 2
    assert "again.csv" not in names(place)
    told: list[int] = []
    table = predict_files(clips, out, reading, progress=lambda done, of: told.append(done))
    assert told == [4, 5], "what was read before is not read again"
    assert table["words"].tolist() == [f"words {i}" for i in range(5)]
    assert not [name for name in names(place) if ".partial" in name]


def test_shards_of_another_model_are_not_used_and_a_damaged_one_harms_nothing(memory):
    out = f"{memory}/t.csv"
    with ShardedJournal(out, {"model": "a"}) as journal:
        journal.add("k", {"path": "x"})
    system, path = filesystem(memory)
    system.pipe_file(f"{path}/.t.csv.partial/damaged.jsonl", b'[1]\n{"key": "cut o\xff')
    assert ShardedJournal(out, {"model": "a"}).rows == {"k": {"path": "x"}}
    with ShardedJournal(out, {"model": "b"}) as other:
        assert other.rows == {}
    assert ShardedJournal(out, {"model": "a"}).rows == {}, "removed, so that they never come back"


def test_a_shard_is_written_after_a_time_as_well(memory, monkeypatch):
    monkeypatch.setattr(shards, "SECONDS", 0)
    with ShardedJournal(f"{memory}/t.csv", {}) as journal:
        journal.add("k", {"path": "x"})
        assert ShardedJournal(f"{memory}/t.csv", {}).rows == {"k": {"path": "x"}}


def test_a_clip_that_is_not_there_is_a_row_with_its_reason(memory, reading):
    table = predict_files([Input(f"{memory}/none.mp4")], f"{memory}/t.csv", reading)
    assert table["reason"][0].startswith(f"not read: {memory}/none.mp4 cannot be read (")
    assert "check the name" in table["reason"][0]


def test_a_place_that_nobody_knows_is_one_sentence(reading):
    with pytest.raises(ValueError, match=r"nonsense://x/t\.csv cannot be reached"):
        predict_files([], "nonsense://x/t.csv", reading)


def test_copies_lie_in_the_private_folder_and_are_gone_afterwards(memory, tmp_path, monkeypatch):
    from mmer_core.media import private_folder

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    put(memory, 1)
    with local_copy(f"{memory}/clips/0.txt") as copy:
        assert copy.name == "0.txt"
        assert copy.read_text(encoding="utf-8") == "words 0"
        assert private_folder.work_in_private_folder() in copy.parents
        assert copy.parent.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [private_folder.work_in_private_folder()]
    assert not list(private_folder.work_in_private_folder().iterdir())


def test_a_real_clip_at_a_url_is_read_like_a_file(memory, tmp_path, monkeypatch):
    from mmer_core.inference.emotion_model import EmotionModel

    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, folder, device="auto": model))
    monkeypatch.setattr(record, "read", lambda folder: model.record)
    file = tmp_path / "a.wav"
    write_sound(file, seconds=0.4)
    system, path = filesystem(memory)
    system.pipe_file(f"{path}/a.wav", file.read_bytes())
    reading = prediction.ClipReading(Path("model"))
    clips = [Input(str(file), "hello"), Input(f"{memory}/a.wav", "hello")]
    one, other = predict_files(clips, tmp_path / "t.csv", reading).to_dict("records")
    assert [one.pop("path"), other.pop("path")] == [str(file), f"{memory}/a.wav"]
    assert str(one) == str(other)


def test_urls_are_named_like_files(tmp_path):
    (tmp_path / "list.csv").write_text("path\ns3://bucket/a.mp4\nb.mp4\n", encoding="utf-8")
    found = inputs_of([place_of("s3://bucket/c.mp4"), tmp_path / "list.csv"])
    assert [given.path for given in found] == [
        "s3://bucket/c.mp4",
        "s3://bucket/a.mp4",
        str(tmp_path / "b.mp4"),
    ]
    assert place_of("a//b.mp4") == Path("a/b.mp4")
