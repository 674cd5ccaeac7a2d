"""The feature store: what goes in comes out, from many writers, after a kill, and never something else."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from mmer_core.clip import Absent
from mmer_core.corpora import Manifest
from mmer_core.corpora.collector import Collector
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.request import EncoderRequest
from mmer_core.features.corpus_table import feature_table
from mmer_core.features.index import INDEX
from mmer_core.features.keys import ClipKeys, KnownFile
from mmer_core.features.store import FeatureStore, StoreError
from mmer_core.labels import Modality

DIM = 3
MINILM = EncoderSpec("minilm", Modality.TEXT, DIM, "this test", "1", "MIT", "none")
MEL = EncoderSpec("mel_cnn", Modality.AUDIO, DIM, "this test", "1", "MIT", "none")


def rows(seed: int, length: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((length, DIM)).astype(np.float32)


def open_store(folder: Path, *specs: EncoderSpec) -> FeatureStore:
    store = FeatureStore(folder, create=True)
    for spec in specs or (MINILM,):
        store.register(EncoderRequest(spec.name), spec)
    return store


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    return open_store(tmp_path / "store")


class TestKeeping:
    def test_features_come_back_as_they_were(self, store):
        store.add(MINILM.fingerprint, {"a": rows(1), "b": rows(2, 1)})
        store.add(MINILM.fingerprint, {"c": rows(3, 7).astype(np.float64)})
        again = FeatureStore(store.folder)
        for key, expected in {"a": rows(1), "b": rows(2, 1), "c": rows(3, 7)}.items():
            found = again.get(MINILM.fingerprint, key)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, expected)
        assert isinstance(again.frames(MINILM.fingerprint), np.memmap)
        assert again.spec(MINILM.fingerprint) == MINILM

    def test_what_is_absent_is_kept_with_its_reason(self, store):
        store.add(MINILM.fingerprint, {"a": "no words: nothing was said or typed", "b": rows(1)})
        with pytest.raises(Absent, match="no words"):
            store.get(MINILM.fingerprint, "a")
        with pytest.raises(KeyError):
            store.get(MINILM.fingerprint, "never seen")

    def test_the_first_features_of_a_key_stay(self, store):
        store.add(MINILM.fingerprint, {"a": rows(1)})
        size = next(store.folder.glob("*.f32")).stat().st_size
        store.add(MINILM.fingerprint, {"a": rows(2), "b": rows(3)})
        np.testing.assert_array_equal(store.get(MINILM.fingerprint, "a"), rows(1))
        assert next(store.folder.glob("*.f32")).stat().st_size == 2 * size

    @pytest.mark.parametrize(
        "bad", [np.zeros((2, DIM + 1)), np.zeros(DIM), np.full((1, DIM), np.nan), np.full((1, DIM), np.inf)]
    )
    def test_what_does_not_fit_is_refused_with_all_that_came_with_it(self, store, bad):
        with pytest.raises(StoreError, match="do not fit the encoder's width 3, or are not finite"):
            store.add(MINILM.fingerprint, {"good": rows(1), "bad": bad})
        assert store.entries(MINILM.fingerprint) == {}

    def test_failures_are_noted_until_it_works(self, store):
        store.add_failures(MINILM.fingerprint, {"a": "the file is damaged"})
        assert store.failures(MINILM.fingerprint) == {"a": "the file is damaged"}
        store.add(MINILM.fingerprint, {"a": rows(1)})
        assert store.failures(MINILM.fingerprint) == {}

    def test_encoders_are_kept_apart(self, tmp_path):
        store = open_store(tmp_path, MINILM, MEL)
        store.add(MINILM.fingerprint, {"a": rows(1)})
        store.add(MEL.fingerprint, {"a": rows(2, 9)})
        np.testing.assert_array_equal(store.get(MINILM.fingerprint, "a"), rows(1))
        np.testing.assert_array_equal(store.get(MEL.fingerprint, "a"), rows(2, 9))


class TestInterruptions:
    def test_what_a_killed_process_left_behind_is_written_over(self, store):
        store.add(MINILM.fingerprint, {"a": rows(1)})
        with next(store.folder.glob("*.f32")).open("ab") as file:
            file.write(
                b"\xff" * 50
            )  # frames of a chunk that was never entered, cut in the middle of a number
        again = FeatureStore(store.folder)
        again.add(MINILM.fingerprint, {"b": rows(2)})
        np.testing.assert_array_equal(again.get(MINILM.fingerprint, "a"), rows(1))
        np.testing.assert_array_equal(again.get(MINILM.fingerprint, "b"), rows(2))

    def test_a_full_disk_leaves_nothing_that_counts(self, store, monkeypatch):
        def full(number):
            raise OSError(28, "No space left on device")

        store.add(MINILM.fingerprint, {"a": rows(1)})
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space left"):
                store.add(MINILM.fingerprint, {"b": rows(2)})
        assert list(store.entries(MINILM.fingerprint)) == ["a"]
        store.add(MINILM.fingerprint, {"c": rows(3)})
        np.testing.assert_array_equal(store.get(MINILM.fingerprint, "c"), rows(3))

    def test_writers_take_turns(self, store):
        def write(number: int) -> None:
            own = FeatureStore(store.folder)
            for i in range(12):
                own.add(
                    MINILM.fingerprint,
                    {f"{number}-{i}-{j}": rows(100 * number + 10 * i + j, 1 + j) for j in range(3)}
                    | {f"shared-{i}": rows(i)},
                )
            own.close()

        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert len(store.entries(MINILM.fingerprint)) == 4 * 12 * 3 + 12
        for number in range(4):
            for i in range(12):
                np.testing.assert_array_equal(
                    store.get(MINILM.fingerprint, f"{number}-{i}-2"), rows(100 * number + 10 * i + 2, 3)
                )
                np.testing.assert_array_equal(store.get(MINILM.fingerprint, f"shared-{i}"), rows(i))

    def test_frames_that_were_cut_off_are_not_read(self, store):
        store.add(MINILM.fingerprint, {"a": rows(1)})
        data = next(store.folder.glob("*.f32"))
        data.write_bytes(data.read_bytes()[:-1])
        with pytest.raises(StoreError, match="missing or cut off: copy the whole feature store again"):
            FeatureStore(store.folder).get(MINILM.fingerprint, "a")

    def test_an_index_that_was_cut_in_half_is_one_sentence(self, store):
        store.add(MINILM.fingerprint, {str(i): rows(i) for i in range(300)})
        store.close()
        index = store.folder / INDEX
        index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
        for beside in store.folder.glob(f"{INDEX}-*"):
            beside.unlink()
        with pytest.raises(StoreError) as caught:
            FeatureStore(store.folder).get(MINILM.fingerprint, "7")
        assert str(store.folder) in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("content", [None, b"not an index", b""])
    def test_a_folder_that_is_no_store_is_one_sentence(self, tmp_path, content):
        if content is not None:
            (tmp_path / INDEX).write_bytes(content)
        with pytest.raises(StoreError) as caught:
            FeatureStore(tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


class TestRequests:
    def test_a_request_that_was_never_extracted_names_what_is_there(self, store):
        with pytest.raises(
            StoreError, match=r"holds no features of bert \(it holds minilm\): run the extract command"
        ):
            store.fingerprint("bert")

    def test_two_encoders_of_one_name_must_be_told_apart(self, store):
        other = EncoderSpec("minilm", Modality.TEXT, DIM, "this test", "2", "MIT", "none")
        store.register(EncoderRequest("minilm"), other)
        with pytest.raises(StoreError, match="2 encoders called minilm: name one, minilm@"):
            store.fingerprint("minilm")
        assert store.fingerprint(f"minilm@{other.fingerprint[:6]}") == other.fingerprint

    def test_options_in_any_order_are_the_same_request(self, store):
        spec = EncoderSpec("bert", Modality.TEXT, DIM, "this test", "1", "MIT", "none")
        store.register(EncoderRequest.parse("bert:sequence=yes:random_init=1"), spec)
        assert store.fingerprint("bert:random-init=1:sequence") == spec.fingerprint


def corpus(root: Path) -> Manifest:
    collected = Collector("test", root)
    for name in ("a", "b", "c"):
        (root / f"{name}.wav").write_bytes(name.encode() * 10)
    collected.add("u0", "joy", path="a.wav", text="good day", group="ann")
    collected.add("u1", "anger", path="b.wav", text="go away", group="ben")
    collected.add("u2", "joy", path="c.wav", text="good day", group="ann")
    collected.add("u3", "joy", text="only words", group="ben")
    return collected.manifest()


class TestColumns:
    def fill(self, store: FeatureStore, manifest: Manifest, spec: EncoderSpec, features: list) -> None:
        keys = ClipKeys(manifest)
        for utterance, value in zip(manifest.utterances(), features, strict=True):
            if value is not None:
                store.add(spec.fingerprint, {keys.of(utterance, spec.modality): value})

    def test_rows_are_in_the_manifests_order_and_equal_words_share_theirs(self, store, tmp_path):
        manifest = corpus(tmp_path)
        self.fill(store, manifest, MINILM, [rows(0, 1), rows(1, 2), None, rows(3, 1)])
        column, made_by, missing = store.column("minilm", manifest)
        x, pad = column.padded(np.arange(4))
        np.testing.assert_array_equal(x[0, 0], rows(0, 1)[0])
        np.testing.assert_array_equal(x[2, 0], x[0, 0])
        np.testing.assert_array_equal(x[1], rows(1, 2))
        assert pad.sum(axis=1).tolist() == [1, 0, 1, 1]
        assert isinstance(column.frames, np.memmap)
        assert MINILM.fingerprint in made_by
        assert missing == []

    def test_who_has_no_features_is_listed_with_the_reason(self, tmp_path):
        store = open_store(tmp_path / "store", MEL)
        manifest = corpus(tmp_path)
        keys = ClipKeys(manifest)
        first, second, third, _ = manifest.utterances()
        store.add(
            MEL.fingerprint,
            {keys.of(first, Modality.AUDIO): rows(0), keys.of(second, Modality.AUDIO): "the sound is silent"},
        )
        store.add_failures(MEL.fingerprint, {keys.of(third, Modality.AUDIO): "the file is damaged"})
        column, _, missing = store.column("mel_cnn", manifest)
        assert column.length.tolist() == [4, 0, 0, 0]
        assert missing == [
            ("u1", "audio: the sound is silent"),
            ("u2", "audio: the file is damaged"),
            ("u3", "audio: the corpus gives no file"),
        ]

    def test_an_unfinished_extraction_is_no_column(self, store, tmp_path):
        manifest = corpus(tmp_path)
        self.fill(store, manifest, MINILM, [rows(0, 1), None, None, None])
        with pytest.raises(
            StoreError,
            match=r"2 of 4 utterances have no minilm features in .* yet \(first: u1\): run the extract",
        ):
            store.column("minilm", manifest)

    def test_a_feature_table_is_made_of_several_encoders(self, tmp_path):
        store = open_store(tmp_path / "store", MINILM, MEL)
        manifest = corpus(tmp_path).take([0, 1, 2])
        self.fill(store, manifest, MINILM, [rows(0, 1), rows(1, 1), None])
        self.fill(store, manifest, MEL, [rows(5), rows(6, 2), rows(7, 3)])
        table = feature_table(manifest, {Modality.AUDIO: "mel_cnn", Modality.TEXT: "minilm"}, store=store)
        batch = table.batch(np.array([2, 1]))
        assert table.dims == {Modality.TEXT: DIM, Modality.AUDIO: DIM}
        assert table.groups.tolist() == ["ann", "ben", "ann"]
        np.testing.assert_array_equal(batch.x[Modality.AUDIO][0].numpy(), rows(7, 3))
        assert batch.pad[Modality.AUDIO].tolist() == [[False, False, False], [False, False, True]]
        assert batch.present.all()

    def test_digests_are_remembered_and_a_changed_file_is_read_again(self, store, tmp_path):
        manifest = corpus(tmp_path)
        first = next(iter(manifest.utterances()))
        before = ClipKeys(manifest)
        key = before.of(first, Modality.AUDIO)
        store.remember(before.fresh)
        path, known = next(iter(store.known_files().items()))
        forged = ClipKeys(manifest, {path: KnownFile(known.size, known.changed, "f" * 64)})
        assert forged.of(first, Modality.AUDIO).startswith("f" * 64)  # believed without reading
        (tmp_path / "a.wav").write_bytes(b"A" * 10)
        os.utime(tmp_path / "a.wav", ns=(known.changed + 10**9, known.changed + 10**9))
        after = ClipKeys(manifest, store.known_files())
        assert after.of(first, Modality.AUDIO) != key


class TestKeys:
    def test_each_modality_has_its_own_key(self, tmp_path):
        manifest = corpus(tmp_path)
        keys = ClipKeys(manifest)
        u0, u1, u2, u3 = manifest.utterances()
        assert keys.of(u0, Modality.TEXT) == keys.of(u2, Modality.TEXT) != keys.of(u1, Modality.TEXT)
        assert len({keys.of(u, Modality.VISUAL) for u in (u0, u1, u2)}) == 3
        with pytest.raises(Absent, match="the clip stands in no dialogue"):
            keys.of(u0, Modality.METADATA)
        with pytest.raises(Absent, match="the corpus gives no file"):
            keys.of(u3, Modality.AUDIO)

    def test_other_limits_of_decoding_give_other_keys(self, tmp_path):
        from mmer_core.config import Limits

        manifest = corpus(tmp_path)
        first = next(iter(manifest.utterances()))
        assert ClipKeys(manifest).of(first, Modality.AUDIO) != ClipKeys(
            manifest, limits=Limits(max_seconds=5)
        ).of(first, Modality.AUDIO)
        assert ClipKeys(manifest).of(first, Modality.TEXT) == ClipKeys(
            manifest, limits=Limits(max_seconds=5)
        ).of(first, Modality.TEXT)

    def test_stretches_of_one_recording_are_told_from_clips(self, tmp_path):
        (tmp_path / "whole.wav").write_bytes(b"x")
        (tmp_path / "own.wav").write_bytes(b"y")
        collected = Collector("test", tmp_path)
        collected.add("s0", "joy", path="whole.wav", start=0.0, end=1.0)
        collected.add("s1", "joy", path="whole.wav", start=1.0, end=2.0)
        collected.add("own", "joy", path="own.wav", start=3.0, end=4.0)
        manifest = collected.manifest()
        s0, _, own = manifest.utterances()
        keys = ClipKeys(manifest)
        with pytest.raises(
            Absent, match="a part of the same file as s1, and files are read whole: cut the recording"
        ):
            keys.of(s0, Modality.AUDIO)
        assert keys.of(own, Modality.AUDIO)
