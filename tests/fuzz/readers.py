"""Every reader of a file of our own, given bytes: it answers, or raises the error that its documentation
names. The tests and the coverage-guided run try the same.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import run_folders

import tiny_model
from mmer_core import checkpoint, corpora
from mmer_core.checkpoint import CheckpointError
from mmer_core.clip import Absent
from mmer_core.corpora.feature_files import FeatureFiles
from mmer_core.corpora.folds import read_folds
from mmer_core.corpora.manifest import CorpusError, Manifest
from mmer_core.corpora.tables import read_table
from mmer_core.corpora.uploaded import receive_archive, receive_table
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.request import EncoderRequest
from mmer_core.encoders.weights import EncoderUnavailable
from mmer_core.features.index import INDEX
from mmer_core.features.store import FeatureStore, StoreError
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.record import FUSION_FILE
from mmer_core.labels import Modality
from mmer_core.runs import job, validity
from mmer_core.runs.run import CVRun, RunError, list_runs
from mmer_core.uncertainty import out_of_distribution
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector

TABLE = b"id,path,text,label,speaker\n1,,So good!,joy,anna\n2,,No,anger,ben\n3,,Well,neutral,ben\n"
FOLDS = json.dumps({"folds": [["anna"], ["ben"]]}).encode()
JOB = json.dumps(
    {
        "title": "a",
        "commands": [["mmer", "train"]],
        "runs": ["r"],
        "created": "2026-01-01T00:00:00",
        "request": {},
    }
).encode()
SPEC = EncoderSpec("lld", Modality.AUDIO, 4, "this project", "1", "MIT", "none")


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        sound: makes a file that is read.
        read: reads one; the folder is empty and private.
        errors: what it may raise.
    """

    sound: Callable[[], bytes]
    read: Callable[[bytes, Path], object]
    errors: tuple[type[Exception], ...]


def attempt(name: str, content: bytes) -> str:
    """ "read" or "refused"; whatever else happens is raised, as is an error that is no sentence."""
    reader = READERS[name]
    with tempfile.TemporaryDirectory(prefix="reader-") as folder:
        try:
            reader.read(content, Path(folder))
        except reader.errors as error:
            message = str(error)
            if "\n" in message or not message:
                raise AssertionError(f"no sentence: {message!r}") from error
            return "refused"
    return "read"


def _model_folder() -> Path:
    """A model of given features with detectors, written once."""
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    detector = MahalanobisDetector(
        np.zeros(4, np.float32), np.ones(4, np.float32), np.eye(4, dtype=np.float32), 3.0, 0.0
    )
    tiny_model.make_model(without_encoder=tiny_model.THREE, detectors={Modality.AUDIO: detector}).save(folder)
    return folder


@cache
def _template(make: Callable[[], Path]) -> dict[str, bytes]:
    """The files of a folder, by name."""
    folder = make()
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    shutil.rmtree(folder)
    return found


def _filled(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def model(folder: Path) -> Path:
    """A new folder with a model of features that came with a corpus."""
    return _filled(folder, _template(_model_folder))


def _read_model(content: bytes, folder: Path) -> object:
    return EmotionModel.load(_filled(folder, _template(_model_folder) | {checkpoint.RECORD: content}), "cpu")


def _with_file(name: str) -> Callable[[bytes, Path], object]:
    """Reads a model one file of which is other content, with a record that says so."""

    def read(content: bytes, folder: Path) -> object:
        files = _template(_model_folder)
        record = json.loads(files[checkpoint.RECORD])
        record["files"][name] = hashlib.sha256(content).hexdigest()
        changed = {name: content, checkpoint.RECORD: json.dumps(record).encode()}
        return EmotionModel.load(_filled(folder, files | changed), "cpu")

    return read


def _run_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="run-"))
    run_folders.write_run(folder / "run", n=24)
    return folder


def _use_run(folder: Path) -> None:
    """What every page and command does with a run that it lists."""
    list_runs(folder)
    run = CVRun.open(folder / "run")
    validity.check(run)
    _ = run.name, run.labels, run.modalities, run.finished, run.model, run.progress, run.metrics
    if run.finished:
        validity.check_predictions(run, run.predictions())
        run.predictions(calibrated=True)
        run.confusion()
        validity.check_history(run, run.history)
        _ = run.folds, run.groups


def _read_run(content: bytes, folder: Path) -> None:
    _use_run(_filled(folder, _template(_run_folder) | {"run/run.json": content}))


def _read_run_table(name: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        files = _template(_run_folder)
        record = json.loads(files["run/run.json"])
        record["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        changed = {f"run/{name}": content, "run/run.json": json.dumps(record).encode()}
        _use_run(_filled(folder, files | changed))

    return read


def _read_manifest(content: bytes, folder: Path) -> Manifest:
    return corpora.read(_filled(folder, {"manifest.csv": content}) / "manifest.csv")


def _read_folds(suffix: str) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        manifest = _read_manifest(TABLE, folder)
        return read_folds(_filled(folder, {f"folds{suffix}": content}) / f"folds{suffix}", manifest)

    return read


def _read_job(content: bytes, folder: Path) -> None:
    for name, other in ((job.RECORD, job.STATE), (job.STATE, job.RECORD)):
        kept = JOB if other == job.RECORD else b"{}"
        found = job.read(_filled(folder, {name: content, other: kept}))
        _ = found.step, found.status, found.reason, found.progress, found.tail


def _archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _read_array(content: bytes, folder: Path) -> None:
    with FeatureFiles(_filled(folder, {"a.npy": content})) as files:
        frames = files.read("a.npy")
    assert frames.dtype == np.float32
    assert np.isfinite(frames).all()


def _read_feature_archive(content: bytes, folder: Path) -> None:
    with FeatureFiles(_filled(folder, {"features.zip": content})) as files:
        for member in ("a.npy", "../a.npy", "/etc/passwd"):
            try:
                files.read(f"features.zip!/{member}")
            except Absent:
                continue


def _read_action_units(content: bytes, folder: Path) -> None:
    with FeatureFiles(_filled(folder, {"units.csv": content})) as files:
        files.read("units.csv!/1")


def _read_upload(content: bytes, folder: Path) -> None:
    inside = folder / "inside"
    inside.mkdir()
    receive_archive(io.BytesIO(content), "a.zip", inside)
    corpora.read(inside / "manifest.csv")
    assert [path.name for path in folder.iterdir()] == ["inside"], "a file outside of the folder"


def _read_uploaded_table(content: bytes, folder: Path) -> None:
    receive_table(content, "a.csv", folder)


def _store() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="store-"))
    store = FeatureStore(folder, create=True)
    store.register(EncoderRequest("lld"), SPEC)
    store.add(SPEC.fingerprint, {"k": np.ones((2, 4), np.float32)})
    store._connection.execute("PRAGMA journal_mode = DELETE")
    store.close()
    content = (folder / INDEX).read_bytes()
    shutil.rmtree(folder)
    return content


def _read_store(content: bytes, folder: Path) -> None:
    store = FeatureStore(_filled(folder, {INDEX: content, f"lld-{SPEC.fingerprint}.f32": bytes(2 * 4 * 4)}))
    try:
        encoder = store.fingerprint("lld")
        store.spec(encoder)
        store.entries(encoder)
        store.get(encoder, "k")
    except (KeyError, Absent):
        return
    finally:
        store.close()


_MODEL = (CheckpointError, EncoderUnavailable)
READERS: dict[str, Reader] = {
    "model.json": Reader(lambda: _template(_model_folder)[checkpoint.RECORD], _read_model, _MODEL),
    "fusion.safetensors": Reader(
        lambda: _template(_model_folder)[FUSION_FILE], _with_file(FUSION_FILE), _MODEL
    ),
    "detectors": Reader(
        lambda: _template(_model_folder)[out_of_distribution.FILE],
        _with_file(out_of_distribution.FILE),
        _MODEL,
    ),
    "run.json": Reader(lambda: _template(_run_folder)["run/run.json"], _read_run, (RunError,)),
    **{
        name: Reader(lambda n=name: _template(_run_folder)[f"run/{n}"], _read_run_table(name), (RunError,))  # type: ignore[misc]
        for name in ("predictions.parquet", "folds.parquet", "history.parquet")
    },
    "job.json": Reader(lambda: JOB, _read_job, (job.JobError,)),
    "table": Reader(
        lambda: TABLE, lambda c, f: read_table(_filled(f, {"a.csv": c}) / "a.csv"), (CorpusError,)
    ),
    "manifest": Reader(lambda: TABLE, _read_manifest, (CorpusError,)),
    "folds.json": Reader(lambda: FOLDS, _read_folds(".json"), (CorpusError,)),
    "folds.csv": Reader(lambda: b"id,fold\n1,0\n2,1\n3,1\n", _read_folds(".csv"), (CorpusError,)),
    "array": Reader(lambda: _npy(np.ones((3, 4), np.float32)), _read_array, (Absent,)),
    "feature archive": Reader(
        lambda: _archive(**{"a.npy": _npy(np.ones((3, 4)))}), _read_feature_archive, (CorpusError,)
    ),
    "action units": Reader(lambda: b"name,AU01_r\n1,0.5\n", _read_action_units, (CorpusError, Absent)),
    "uploaded archive": Reader(
        lambda: _archive(joy__a_1=b"not sound", **{"manifest.csv": TABLE}),
        _read_upload,
        (CorpusError,),
    ),
    "uploaded table": Reader(lambda: TABLE, _read_uploaded_table, (CorpusError,)),
    "feature store": Reader(_store, _read_store, (StoreError,)),
}
