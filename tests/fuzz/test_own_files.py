"""Files of our own kinds that are made to do harm: no code runs, no path leaves its folder, and sizes are
checked before anything is read.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz import readers

from mmer_core import checkpoint
from mmer_core.checkpoint import CheckpointError
from mmer_core.clip import Absent
from mmer_core.corpora import delimited, feature_files, tables
from mmer_core.corpora.feature_files import FeatureFiles
from mmer_core.corpora.manifest import CorpusError
from mmer_core.encoders import ENCODERS
from mmer_core.features.store import FeatureStore, StoreError
from mmer_core.inference.emotion_model import EmotionModel

TEXT = readers.TABLE.decode()


class TestModels:
    """The name of an encoder, a file or a network in a record is only ever looked up."""

    @pytest.fixture
    def folder(self, tmp_path):
        return readers.model(tmp_path / "model")

    def load(self, folder: Path, change: Any) -> EmotionModel:
        record = json.loads((folder / checkpoint.RECORD).read_text())
        change(record)
        (folder / checkpoint.RECORD).write_text(json.dumps(record))
        return EmotionModel.load(folder, "cpu")

    @pytest.mark.parametrize(
        "name", ["os:system", "os.system", "antigravity", "../evil", "evil:Encoder", "__main__"]
    )
    @pytest.mark.parametrize("where", ["encoder", "fusion"])
    def test_a_plug_in_that_is_not_installed_is_not_imported(self, folder, monkeypatch, name, where):
        monkeypatch.chdir(folder)
        (folder / "evil.py").write_text("raise SystemExit('it ran')")
        monkeypatch.syspath_prepend(str(folder))

        def change(record):
            if where == "fusion":
                record["fusion"]["name"] = name
            else:
                record["modalities"]["audio"] |= {"encoder": name, "fingerprint": "x"}

        with pytest.raises(CheckpointError, match="cannot be built"):
            self.load(folder, change)

    @pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "..", "a/b", "C:\\secret", ""])
    @pytest.mark.parametrize("option", checkpoint.FILE_OPTIONS)
    def test_no_option_of_an_encoder_names_a_file_elsewhere(self, folder, monkeypatch, name, option):
        def encoder(weights=None, delta=None):
            raise ValueError(f"it was built of {weights or delta!r}")

        monkeypatch.setattr("mmer_core.encoders.factory", lambda _: encoder)
        change = lambda r: r["modalities"]["audio"].update(  # noqa: E731
            encoder=ENCODERS.names()[0], fingerprint="x", options={option: name}
        )
        with pytest.raises(
            CheckpointError, match="outside its folder" if name else "it was built of (''|None)"
        ):
            self.load(folder, change)

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "a\0b", None, ["x"]])
    def test_the_model_that_one_builds_on_lies_beside_it(self, folder, name):
        with pytest.raises(CheckpointError, match="not beside it"):
            self.load(folder, lambda r: r.update(base={"folder": name, "sha256": "0"}))

    @pytest.mark.parametrize("size", [10**9, 60_000])
    def test_no_record_takes_memory_that_its_file_does_not_need(self, folder, size):
        def change(record):
            for entry in record["modalities"].values():
                entry["dim"] = size

        with pytest.raises(CheckpointError, match=r"contradicts itself|does not fit the fusion network"):
            self.load(folder, change)

    def test_a_lying_triangle_takes_no_memory(self, folder):
        header = {
            "audio.mean": {"dtype": "F32", "shape": [200_000], "data_offsets": [0, 800_000]},
            "audio.scale": {"dtype": "F32", "shape": [200_000], "data_offsets": [0, 800_000]},
        }
        header["audio.scale"]["data_offsets"] = [800_000, 1_600_000]
        header["audio.whitening"] = {"dtype": "F32", "shape": [1], "data_offsets": [1_600_000, 1_600_004]}
        text = json.dumps(header).encode()
        content = struct.pack("<Q", len(text)) + text + bytes(1_600_004)
        assert readers.attempt("detectors", content) == "refused"


class TestArchives:
    def test_names_that_lead_out_are_never_read(self, tmp_path):
        secret = tmp_path / "secret.npy"
        np.save(secret, np.ones(3))
        (tmp_path / "corpus").mkdir()
        with zipfile.ZipFile(tmp_path / "corpus" / "f.zip", "w") as archive:
            archive.writestr("../secret.npy", secret.read_bytes())
            archive.writestr("/abs.npy", secret.read_bytes())
        with FeatureFiles(tmp_path / "corpus") as files:
            for locator in ("f.zip!/../secret.npy", "f.zip!//abs.npy", "../secret.npy", str(secret)):
                with pytest.raises(Absent):
                    files.read(locator)

    @pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_only_the_usual_packing_is_unpacked(self, tmp_path, packing):
        """LZMA may ask for gigabytes to unpack a byte."""
        buffer = io.BytesIO()
        np.save(buffer, np.ones(3))
        with zipfile.ZipFile(tmp_path / "f.zip", "w", packing) as archive:
            archive.writestr("a.npy", buffer.getvalue())
        with FeatureFiles(tmp_path) as files, pytest.raises(Absent, match="ordinary zip archive"):
            files.read("f.zip!/a.npy")

    def test_a_bomb_is_told_by_its_size(self, tmp_path, monkeypatch):
        monkeypatch.setattr(feature_files, "MAX_BYTES", 2**20)
        with zipfile.ZipFile(tmp_path / "f.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.npy", bytes(3 * 2**20))
        with FeatureFiles(tmp_path) as files, pytest.raises(Absent, match="unpacks to 3 MB"):
            files.read("f.zip!/a.npy")

    @pytest.mark.parametrize("dtype", ["object", [("a", "f4")]])
    def test_objects_are_not_read(self, tmp_path, dtype):
        np.save(tmp_path / "a.npy", np.zeros(2, dtype), allow_pickle=True)
        with FeatureFiles(tmp_path) as files, pytest.raises(Absent, match="not numbers"):
            files.read("a.npy")


class TestTables:
    def test_marks_that_never_close_do_not_take_for_ever(self, tmp_path):
        (tmp_path / "a.csv").write_text(TEXT + '"\n' * 50_000)
        with pytest.raises(CorpusError, match=f"more than {delimited.MOST_UNCLOSED:,} lines"):
            tables.read_table(tmp_path / "a.csv")

    def test_a_cell_without_end_is_refused(self, tmp_path):
        (tmp_path / "a.csv").write_text("x" * 200_000 + "\n1\n")
        with pytest.raises(CorpusError, match="is not a table"):
            tables.read_table(tmp_path / "a.csv")

    def test_a_table_that_is_too_large_is_not_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tables, "MOST_BYTES", 2**20)
        (tmp_path / "a.csv").write_text(TEXT + "2,,x,joy,a\n" * 100_000)
        with pytest.raises(CorpusError, match="is larger than 1 MB"):
            tables.read_table(tmp_path / "a.csv")

    @pytest.mark.parametrize("separator", ['"', " ", "a", "\0", "ß"])
    def test_an_odd_separator_is_not_taken(self, tmp_path, separator):
        (tmp_path / "a.csv").write_text(f"sep={separator}\n{TEXT}")
        with pytest.raises(CorpusError):
            tables.read_table(tmp_path / "a.csv").named(("id", "label"))


class TestStores:
    @pytest.fixture
    def store(self, tmp_path):
        readers.READERS["feature store"].read(readers.READERS["feature store"].sound(), tmp_path)
        found = FeatureStore(tmp_path)
        yield found
        found.close()

    @pytest.mark.parametrize("name", ["../../secret", "/tmp/x", "a\0b"])
    def test_no_encoder_is_kept_elsewhere(self, store, name):
        encoder = store.fingerprint("lld")
        with store._transaction():
            store._write("UPDATE encoders SET name = ?", [(name,)])
        for use in (
            lambda: store.frames(encoder),
            lambda: store.add(encoder, {"new": np.ones((1, 4), np.float32)}),
        ):
            with pytest.raises(StoreError, match="is damaged"):
                use()

    @pytest.mark.parametrize(("start", "length"), [(1, 9), (-1, 1), ("a", 1), (0, 2.5)])
    def test_no_entry_lies_beyond_the_frames(self, store, start, length):
        encoder = store.fingerprint("lld")
        with store._transaction():
            store._write("UPDATE features SET start = ?, length = ?", [(start, length)])
        for use in (lambda: store.entries(encoder), lambda: store.get(encoder, "k")):
            with pytest.raises(StoreError, match="is damaged"):
                use()
