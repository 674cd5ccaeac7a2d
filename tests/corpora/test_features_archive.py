"""An archive of features and its table: what is read, what is missing or damaged, what is refused."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mmer_core import corpora
from mmer_core.clip import Absent
from mmer_core.corpora import CorpusError, FeatureFiles
from mmer_core.labels import Modality

SHAPES = {"visual": (3, 8), "audio": (5, 4), "text": (6,)}


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def pack(file: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.fixture
def members() -> dict[str, bytes]:
    """Four utterances of two speakers, three arrays each."""
    rng = np.random.default_rng(0)
    return {
        f"{m}/u{i}.npy": npy(rng.normal(size=shape).astype(np.float32))
        for i in range(4)
        for m, shape in SHAPES.items()
    }


@pytest.fixture
def s0(tmp_path: Path, members, table) -> Path:
    emotions = ["ang", "sad", "happiness", "neutral"]
    speakers = ["Ses01F", "Ses01M", "Ses02F", "Ses02M"]
    rows = [
        {
            "id": f"u{i}",
            "speaker": speakers[i],
            "emotion": emotions[i],
            **{m: f"{m}/u{i}.npy" for m in SHAPES},
        }
        for i in range(4)
    ]
    table(tmp_path / "dataset.csv", rows)
    pack(tmp_path / "features.zip", members)
    return tmp_path


def test_arrays_are_found_by_locator_and_read_as_frames(s0):
    manifest = corpora.read(f"features:{s0}")
    assert manifest.labels == ("anger", "sadness", "joy", "neutral")
    assert manifest.problems == ()
    first = next(manifest.utterances())
    with FeatureFiles(manifest.root) as files:
        arrays = {m: files.read(locator) for m, locator in first.features.items()}
    assert {m: a.shape for m, a in arrays.items()} == {
        Modality.TEXT: (1, 6),
        Modality.AUDIO: (5, 4),
        Modality.VISUAL: (3, 8),
    }
    assert all(a.dtype == np.float32 for a in arrays.values())


def test_the_session_comes_from_the_speaker(s0):
    assert corpora.read(f"features:{s0}").groups("session").tolist() == ["Ses01", "Ses01", "Ses02", "Ses02"]


def lying_header() -> bytes:
    """A header that promises terabytes."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 512)}
    )
    return stream.getvalue() + b"\0" * 64


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (None, "visual/u1.npy is missing from features.zip"),
        (b"", "is not a .npy array"),
        (b"not an array at all", "is not a .npy array"),
        (npy(np.full((3, 8), np.nan, np.float32)), "24 values that are not finite"),
        (npy(np.zeros((0, 8), np.float32)), "is empty"),
        (npy(np.zeros((2, 3, 8), np.float32)), r"has the shape \(2, 3, 8\)"),
        (npy(np.zeros((3, 7), np.float32)), "7 wide, the others 8"),
        (npy(np.zeros((3, 8), np.float32))[:-9], "is cut off: 87 of 96 bytes"),
        (npy(np.full((3, 8), 1e300)), "not finite"),
        (npy(np.array([["a", "b"]])), "holds <U1, not numbers"),
        (npy(np.array([{"a": 1}], dtype=object)), "holds object, not numbers"),
        (pickle.dumps([1.0]), "is not a .npy array"),
        (lying_header(), "is cut off"),
    ],
)
def test_a_missing_or_damaged_array_is_named_and_the_rest_of_the_utterance_stays(s0, members, damage, said):
    members = {k: v for k, v in members.items() if k != "visual/u1.npy"} | (
        {} if damage is None else {"visual/u1.npy": damage}
    )
    pack(s0 / "features.zip", members)
    manifest = corpora.read(f"features:{s0}")
    assert [p.id for p in manifest.problems] == ["u1"]
    assert manifest.problems[0].reason.startswith("visual: ")
    assert re.search(said, manifest.problems[0].reason)
    assert len(manifest) == 4
    assert set(list(manifest.utterances())[1].features) == {Modality.TEXT, Modality.AUDIO}
    complete = corpora.read(f"features:{s0}", complete=True)
    assert complete.ids == ["u0", "u2", "u3"]
    assert "1 utterances that lack a modality were left out" in complete.notes


def test_an_utterance_with_no_array_left_is_skipped(s0, members):
    pack(s0 / "features.zip", {k: v for k, v in members.items() if "u2" not in k})
    manifest = corpora.read(f"features:{s0}")
    assert manifest.ids == ["u0", "u1", "u3"]
    assert {p.id for p in manifest.skipped} == {"u2"}
    assert len(manifest.problems) == 3


def test_a_flipped_byte_in_the_archive_is_one_damaged_array(s0, members):
    with zipfile.ZipFile(s0 / "features.zip") as archive:
        info = archive.getinfo("audio/u0.npy")
    data = bytearray((s0 / "features.zip").read_bytes())
    data[info.header_offset + 30 + len(info.filename) + 40] ^= 0xFF
    (s0 / "features.zip").write_bytes(data)
    manifest = corpora.read(f"features:{s0}")
    assert [(p.id, "audio/u0.npy is damaged" in p.reason) for p in manifest.problems] == [("u0", True)]


@pytest.mark.parametrize("cut", [0, 10, 0.5, 0.99])
def test_a_truncated_archive_is_one_sentence(s0, cut):
    data = (s0 / "features.zip").read_bytes()
    (s0 / "features.zip").write_bytes(data[: int(cut * len(data)) if isinstance(cut, float) else cut])
    with pytest.raises(CorpusError, match=r"features\.zip is cut off or is not a zip archive") as caught:
        corpora.read(f"features:{s0}")
    assert "\n" not in str(caught.value)


def test_paths_that_leave_the_archive_are_refused_and_nothing_is_written(s0, members, table):
    evil = {"../evil.npy": members["audio/u0.npy"], "/etc/evil.npy": members["audio/u0.npy"]}
    pack(s0 / "features.zip", members | evil)
    row = {
        "id": "x",
        "speaker": "s",
        "emotion": "joy",
        "visual": "../evil.npy",
        "audio": "/etc/evil.npy",
        "text": "text/u0.npy",
    }
    table(s0 / "dataset.csv", [row])
    before = sorted(p.name for p in s0.parent.rglob("*"))
    manifest = corpora.read(f"features:{s0}")
    assert [p.reason for p in manifest.problems] == [
        "audio: /etc/evil.npy leaves the archive",
        "visual: ../evil.npy leaves the archive",
    ]
    assert sorted(p.name for p in s0.parent.rglob("*")) == before


def test_archive_bombs_and_links_are_not_unpacked(s0, members, monkeypatch):
    monkeypatch.setattr("mmer_core.corpora.feature_files.MAX_BYTES", 1_000_000)
    link = zipfile.ZipInfo("visual/u2.npy")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(s0 / "features.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (members | {"audio/u1.npy": npy(np.zeros((300_000, 4), np.float32))}).items():
            archive.writestr(link if name == link.filename else name, data)
    told = dict(corpora.read(f"features:{s0}").problems)
    assert "more than the" in told["u1"]
    assert told["u2"] == "visual: visual/u2.npy is a link, not an array"


def test_the_archive_may_hold_everything_in_one_top_folder(s0, members):
    pack(s0 / "features.zip", {f"features/{k}": v for k, v in members.items()})
    assert corpora.read(f"features:{s0}").problems == ()


def test_unpacked_arrays_are_read_from_the_folder(s0, members, tmp_path):
    (s0 / "features.zip").unlink()
    with pytest.raises(CorpusError, match=r"neither features\.zip nor the files"):
        corpora.read(f"features:{s0}")
    for name, data in members.items():
        (s0 / name).parent.mkdir(exist_ok=True)
        (s0 / name).write_bytes(data)
    manifest = corpora.read(f"features:{s0 / 'dataset.csv'}")
    assert manifest.problems == ()
    assert manifest.table["audio_features"].tolist()[0] == "audio/u0.npy"


def test_columns_are_known_by_what_they_are_about(s0, table):
    rows = [
        {
            "id": "a",
            "speaker": "s",
            "emotion": "sad",
            "video_path": "visual/u0.npy",
            "acoustic_features": "audio/u0.npy",
            "Lexical": "text/u0.npy",
        }
    ]
    table(s0 / "dataset.csv", rows)
    assert set(next(corpora.read(f"features:{s0}").utterances()).features) == {
        Modality.TEXT,
        Modality.AUDIO,
        Modality.VISUAL,
    }


@pytest.mark.parametrize("column", ["id", "speaker", "emotion"])
def test_a_missing_column_is_one_sentence_with_file_and_column(s0, column):
    file = s0 / "dataset.csv"
    file.write_text(file.read_text().replace(column, "other", 1))
    with pytest.raises(CorpusError, match=rf"dataset\.csv has no column '{column}'"):
        corpora.read(f"features:{s0}")


def test_a_table_without_arrays_is_one_sentence(s0, table):
    table(s0 / "dataset.csv", [{"id": "a", "speaker": "s", "emotion": "joy", "text": "hello"}])
    with pytest.raises(CorpusError, match=r"no column of \.npy paths"):
        corpora.read(f"features:{s0}")


def test_an_unknown_label_is_a_problem(s0):
    file = s0 / "dataset.csv"
    file.write_text(file.read_text().replace("happiness", "hunger"))
    manifest = corpora.read(f"features:{s0}")
    assert "unknown label 'hunger'" in dict(manifest.problems)["u2"]
    assert manifest.labels == ("neutral", "anger", "sadness")


def test_reading_late_finds_what_a_quick_look_passed_over(s0, members):
    pack(s0 / "features.zip", members | {"text/u0.npy": npy(np.full(6, np.inf, np.float32))})
    manifest = corpora.read(f"features:{s0}", check=False)
    assert manifest.problems == ()
    with FeatureFiles(manifest.root) as files, pytest.raises(Absent, match="6 values that are not finite"):
        files.read(next(manifest.utterances()).features[Modality.TEXT])
