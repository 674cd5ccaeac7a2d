"""Extraction: each utterance is encoded, kept, or left out with a reason; in parallel and after a kill."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from mmer_core import config, corpora
from mmer_core.cli import main
from mmer_core.cli.extract import ProgressFile
from mmer_core.corpora import Manifest
from mmer_core.encoders.mel_cnn import MelCnnEncoder
from mmer_core.encoders.request import EncoderRequest
from mmer_core.features import encoding
from mmer_core.features.encoding import Task
from mmer_core.features.extraction import Extraction, extract
from mmer_core.features.keys import ClipKeys
from mmer_core.features.store import FeatureStore
from mmer_core.features.workers import ENDED, ExtractionError, WorkerPool
from mmer_core.labels import Modality
from mmer_core.media import loading, speech

ROOT = Path(__file__).resolve().parent.parent.parent


def write_sound(path: Path, hertz: float, seconds: float = 0.4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * 16_000)) / 16_000), 16_000)


def write_manifest(folder: Path, rows: list[dict[str, object]]) -> Path:
    columns = {"id": "", "path": "", "text": "", "label": "joy", "speaker": "ann"}
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    file = folder / "clips.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, restval="")
        writer.writeheader()
        writer.writerows({**columns, **row} for row in rows)
    return file


@pytest.fixture
def clips(tmp_path) -> Path:
    """Six rows: two sounds, their twin under another name, words alone, silence, and a text that calls itself
    a sound.
    """
    write_sound(tmp_path / "a.wav", 300)
    write_sound(tmp_path / "b.wav", 500)
    (tmp_path / "twin.wav").write_bytes((tmp_path / "a.wav").read_bytes())
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 16_000)
    (tmp_path / "text.wav").write_text("this is no sound " * 20)
    places = {"dialogue": "d1", "turns": 3}
    return write_manifest(
        tmp_path,
        [
            {"id": "a", "path": "a.wav", "text": "what a day", **places, "utterance": 0},
            {"id": "b", "path": "b.wav", "text": "go away", **places, "utterance": 2},
            {"id": "twin", "path": "twin.wav", "text": "what a day"},
            {"id": "words", "text": "nothing but words"},
            {"id": "silent", "path": "silent.wav"},
            {"id": "text", "path": "text.wav", "text": "a file that is none"},
        ],
    )


def run(
    manifest: Manifest | Path, folder: Path, encoders: str = "mel_cnn,dialogue", **options: object
) -> Extraction:
    manifest = corpora.read(manifest) if isinstance(manifest, Path) else manifest
    requests = [EncoderRequest.parse(name) for name in encoders.split(",")]
    return extract(manifest, requests, store=folder, **options)  # type: ignore[arg-type]


class TestOutcomes:
    def test_every_utterance_is_encoded_or_has_a_reason(self, clips, tmp_path):
        told = []
        result = run(clips, tmp_path / "store", progress=lambda done, total: told.append((done, total)))
        assert result.counts["mel_cnn"] == {"encoded": 2, "kept": 1, "absent": 2, "failed": 1}
        assert result.counts["dialogue"] == {"encoded": 2, "absent": 4}
        reasons = {(p.id, p.encoder): (p.kind, p.reason) for p in result.problems}
        assert reasons["silent", "mel_cnn"] == ("absent", "the sound is silent")
        assert reasons["words", "mel_cnn"] == ("absent", "the corpus gives no file")
        assert reasons["words", "dialogue"] == ("absent", "the clip stands in no dialogue")
        assert reasons["text", "mel_cnn"][0] == "failed"
        assert "text.wav is not a video, sound or picture" in reasons["text", "mel_cnn"][1]
        assert told[-1] == (6, 6)
        assert [done for done, _ in told] == sorted(done for done, _ in told)

    def test_features_are_those_of_the_encoder(self, clips, tmp_path):
        run(clips, tmp_path / "store")
        manifest = corpora.read(clips)
        column, source, missing = FeatureStore(tmp_path / "store").column("mel_cnn", manifest)
        expected = MelCnnEncoder().encode(loading.load_clip(tmp_path / "b.wav"))
        np.testing.assert_array_equal(column.padded(np.array([1]))[0][0], expected)
        np.testing.assert_array_equal(column.padded(np.array([0]))[0], column.padded(np.array([2]))[0])
        assert source.startswith("mel_cnn, this project")
        assert [id for id, _ in missing] == ["words", "silent", "text"]

    def test_rows_that_the_reader_left_out_are_listed_too(self, clips, tmp_path):
        (tmp_path / "b.wav").unlink()
        result = run(clips, tmp_path / "store")
        assert result.utterances == 5
        assert result.problems[0][:4] == ("b", "", "", "failed")
        assert "b.wav is missing" in result.problems[0].reason

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_files_with_the_content_of_one_that_failed_fail_too(self, tmp_path, jobs):
        for name in "abc":
            (tmp_path / f"{name}.wav").write_text("404: not found " * 20)
        write_sound(tmp_path / "ok.wav", 300)
        manifest = write_manifest(tmp_path, [{"id": n, "path": f"{n}.wav"} for n in ("a", "b", "c", "ok")])
        for kind in ("encoded", "kept"):  # the first run, and the next
            result = run(manifest, tmp_path / "store", "mel_cnn", jobs=jobs)
            assert +result.counts["mel_cnn"] == {"failed": 3, kind: 1}
            assert {(p.id, p.kind) for p in result.problems} == {(n, "failed") for n in "abc"}
        reasons = {p.id: p.reason for p in result.problems}
        assert reasons["b"] == f"the same content as a: {reasons['a']}"

    def test_sound_beside_a_video_that_cannot_be_decoded_is_encoded(self, tmp_path):
        (tmp_path / "v").mkdir()
        (tmp_path / "v" / "1001_DFA_ANG_XX.mp4").write_text("this is no video " * 20)
        write_sound(tmp_path / "1001_DFA_ANG_XX.wav", 300)
        manifest = corpora.read(f"crema_d:{tmp_path}")
        result = run(manifest, tmp_path / "store", "mel_cnn,haar_stats")
        assert +result.counts["mel_cnn"] == {"encoded": 1}
        assert +result.counts["haar_stats"] == {"failed": 1}
        assert [(p.encoder, p.kind) for p in result.problems] == [("haar_stats", "failed")]
        column, _, missing = FeatureStore(tmp_path / "store").column("mel_cnn", manifest)
        assert column.length[0] > 0
        assert missing == []

    def test_an_encoder_that_breaks_at_one_clip_goes_on_with_the_others(self, clips, tmp_path, monkeypatch):
        whole = MelCnnEncoder.encode

        def encode(self, clip):
            if clip.name == "a.wav":
                raise RuntimeError("odd numbers\nand a second line")
            return whole(self, clip) if clip.name == "b.wav" else whole(self, clip)[:, :7]

        monkeypatch.setattr(MelCnnEncoder, "encode", encode)
        result = run(clips, tmp_path / "store", "mel_cnn")
        reasons = {p.id: p.reason for p in result.problems if p.kind == "failed"}
        assert reasons["a"] == "mel_cnn failed on it (RuntimeError: odd numbers)"
        assert result.counts["mel_cnn"]["encoded"] == 1

    @pytest.mark.parametrize(
        ("value", "reason"),
        [(np.nan, "gave NaN or infinite features"), (None, "gave features of shape (7,) instead of (T, 40)")],
    )
    def test_features_that_cannot_be_right_are_failures(self, clips, tmp_path, monkeypatch, value, reason):
        monkeypatch.setattr(
            MelCnnEncoder,
            "encode",
            lambda self, clip: np.zeros(7) if value is None else np.full((2, 40), value),
        )
        result = run(clips, tmp_path / "store", "mel_cnn")
        assert result.counts["mel_cnn"]["encoded"] == 0
        assert any(p.reason == f"mel_cnn {reason}" for p in result.problems)

    def test_encoders_may_be_named_by_modality_and_given_features_are_passed_over(self, clips, tmp_path):
        encoders = {"voice": "mel_cnn", "metadata": "dialogue", "visual": "given"}
        result = extract(corpora.read(clips), encoders, store=str(tmp_path / "store"))
        assert result.counts == run(clips, tmp_path / "other").counts

    @pytest.mark.parametrize(
        ("encoders", "message"),
        [
            ({}, "no encoder is named"),
            ({"text": "given"}, "no encoder is named"),
            ({"text": "mel_cnn"}, "mel_cnn reads audio, not text: write audio=mel_cnn"),
            ({"smell": "mel_cnn"}, "unknown modality 'smell'"),
        ],
    )
    def test_encoders_that_cannot_be_used_are_one_sentence(self, clips, tmp_path, encoders, message):
        with pytest.raises(ValueError, match=message):
            extract(corpora.read(clips), encoders, store=tmp_path / "store")
        assert not (tmp_path / "store").exists()

    def test_the_store_is_in_the_users_data_folder_unless_another_is_named(
        self, clips, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(config, "features_folder", lambda: tmp_path / "data")
        extract(corpora.read(clips), {"metadata": "dialogue"})
        assert FeatureStore(tmp_path / "data").fingerprint("dialogue")

    def test_encoders_are_built_for_the_device(self, clips, tmp_path, monkeypatch):
        asked = []
        create = EncoderRequest.create
        monkeypatch.setattr(
            EncoderRequest,
            "create",
            lambda self, *args, **named: asked.append(named["device"]) or create(self, *args, **named),
        )
        run(clips, tmp_path / "store", "dialogue", device="cpu")
        assert asked == ["cpu"]

    def test_words_and_dialogue_alone_decode_nothing(self, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(loading, "load_clip", lambda *_, **__: pytest.fail("a file was decoded"))
        result = run(clips, tmp_path / "store", "dialogue,bert:random_init=0")
        assert result.counts["bert:random_init=0"] == {"encoded": 4, "kept": 1, "absent": 1}

    def test_faces_are_only_looked_for_if_an_encoder_needs_them(self, tmp_path, monkeypatch):
        from media_factory import write_video

        write_video(tmp_path / "a.mp4", seconds=0.5)
        manifest = corpora.read(write_manifest(tmp_path, [{"id": "a", "path": "a.mp4"}]))
        searched = []
        monkeypatch.setattr(
            "mmer_core.media.faces.find_faces", lambda clip: searched.append(clip.name) or clip
        )
        run(manifest, tmp_path / "store", "haar_stats")
        assert searched == []
        result = run(manifest, tmp_path / "store", "resnet50:random_init=0")
        assert searched == ["a.mp4"]
        assert result.problems[0].reason == "no face was found"


class TestGoingOn:
    def test_a_second_run_decodes_and_encodes_nothing(self, clips, tmp_path, monkeypatch):
        first = run(clips, tmp_path / "store")
        (tmp_path / "text.wav").unlink()  # the only failure; the rest is settled
        monkeypatch.setattr(loading, "load_clip", lambda *_, **__: pytest.fail("a file was decoded"))
        second = run(clips, tmp_path / "store")
        assert second.counts["mel_cnn"] == {"kept": 3, "absent": 2}
        assert {p for p in second.problems if p.kind == "absent"} < {
            p for p in first.problems if p.kind == "absent"
        } | set(second.problems)

    def test_failures_are_tried_again(self, clips, tmp_path):
        run(clips, tmp_path / "store")
        write_sound(tmp_path / "text.wav", 700)
        again = run(clips, tmp_path / "store")
        assert again.counts["mel_cnn"] == {"encoded": 1, "kept": 3, "absent": 2}
        manifest = corpora.read(clips)
        assert [id for id, _ in FeatureStore(tmp_path / "store").column("mel_cnn", manifest)[2]] == [
            "words",
            "silent",
        ]

    def test_another_corpus_with_the_same_clips_uses_them(self, clips, tmp_path):
        run(clips, tmp_path / "store")
        other = tmp_path / "other"
        other.mkdir()
        (other / "renamed.wav").write_bytes((tmp_path / "b.wav").read_bytes())
        result = run(
            write_manifest(other, [{"id": "x", "path": "renamed.wav"}]), tmp_path / "store", "mel_cnn"
        )
        assert result.counts["mel_cnn"] == {"kept": 1}

    def test_it_stops_between_utterances_and_keeps_what_is_done(self, clips, tmp_path):
        manifest = corpora.read(clips)
        encoder = MelCnnEncoder()
        store = FeatureStore(tmp_path / "store", create=True)
        store.register(EncoderRequest("mel_cnn"), encoder.spec)
        keys = ClipKeys(manifest)
        tasks = [
            Task(u, {"mel_cnn": keys.of(u, Modality.AUDIO)})
            for u in manifest.utterances()
            if u.id in ("a", "b")
        ]
        asked = iter([False, True])
        outcomes = encoding.Worker(store, {"mel_cnn": encoder}).encode(tasks, lambda: next(asked))
        assert [o.id for o in outcomes] == ["a"]
        assert len(store.entries(encoder.spec.fingerprint)) == 1


class Deadly:
    """An utterance that ends the process it is handed to."""

    def __init__(self, id: str) -> None:
        self.id = id

    def __reduce__(self):
        return os._exit, (1,)


class TestProcesses:
    @pytest.mark.long
    def test_two_processes_give_what_one_gives(self, tmp_path):
        for i in range(18):
            write_sound(tmp_path / f"{i}.wav", 200 + 20 * i)
        rows = [{"id": f"u{i}", "path": f"{i}.wav"} for i in range(18)]
        manifest = corpora.read(write_manifest(tmp_path, rows))
        alone, together = (
            run(manifest, tmp_path / "one", "mel_cnn"),
            run(manifest, tmp_path / "two", "mel_cnn", jobs=2),
        )
        assert together.counts == alone.counts == {"mel_cnn": {"encoded": 18}}
        one, two = (FeatureStore(tmp_path / name).column("mel_cnn", manifest)[0] for name in ("one", "two"))
        every = np.arange(18)
        np.testing.assert_array_equal(one.padded(every)[0], two.padded(every)[0])

    def test_a_clip_that_ends_its_process_costs_only_itself(self, tmp_path):
        manifest = corpora.read(
            write_manifest(
                tmp_path,
                [{"id": f"u{i}", "text": f"words {i}", "dialogue": "d", "utterance": i} for i in range(6)],
            )
        )
        store = FeatureStore(tmp_path / "store", create=True)
        spec = EncoderRequest("dialogue").create().spec
        store.register(EncoderRequest("dialogue"), spec)
        keys = ClipKeys(manifest)
        tasks = [Task(u, {"dialogue": keys.of(u, Modality.METADATA)}) for u in manifest.utterances()]
        tasks.insert(3, Task(Deadly("deadly"), {"dialogue": "dialogue-deadly"}))  # type: ignore[arg-type]
        done = list(WorkerPool(store.folder, {"dialogue": spec.fingerprint}, 1).work([tasks[:4], tasks[4:]]))
        outcomes = {outcome.id: outcome for _, part in done for outcome in part}
        assert outcomes.pop("deadly")[2:] == ("failed", ENDED)
        assert sorted(outcomes) == [f"u{i}" for i in range(6)]
        assert {o.kind for o in outcomes.values()} == {"encoded"}
        assert store.failures(spec.fingerprint) == {"dialogue-deadly": ENDED}

    def test_process_after_process_ending_is_not_blamed_on_clips_for_ever(self, tmp_path, monkeypatch):
        store = FeatureStore(tmp_path / "store", create=True)
        spec = EncoderRequest("dialogue").create().spec
        store.register(EncoderRequest("dialogue"), spec)
        monkeypatch.setattr("mmer_core.features.workers.PATIENCE", 2)
        tasks = [Task(Deadly(f"d{i}"), {"dialogue": f"d{i}"}) for i in range(9)]  # type: ignore[arg-type]
        with pytest.raises(
            ExtractionError,
            match=r"2 encoding processes in a row were ended: free memory or use fewer --jobs",
        ):
            list(WorkerPool(store.folder, {"dialogue": spec.fingerprint}, 1).work([tasks]))

    def test_nothing_to_do_starts_no_process(self, tmp_path, monkeypatch):
        monkeypatch.setattr(WorkerPool, "_pool", lambda *_: pytest.fail("a process was started"))
        assert list(WorkerPool(tmp_path, {}, 2).work([])) == []

    @pytest.mark.long
    @pytest.mark.skipif(not hasattr(os, "killpg"), reason="POSIX only")
    def test_a_killed_command_goes_on_where_it_was_and_leaves_no_process(self, tmp_path):
        for i in range(26):
            write_sound(tmp_path / f"{i}.wav", 200 + 20 * i)
        file = write_manifest(tmp_path, [{"id": f"u{i}", "path": f"{i}.wav"} for i in range(26)])
        command = [
            sys.executable,
            "-m",
            "mmer_core",
            "extract",
            str(file),
            "--encoders",
            "audio=mel_cnn",
            "--store",
            str(tmp_path / "store"),
            "--json",
        ]
        process = subprocess.Popen(
            [*command, "--jobs", "2"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        stored = wait_for_features(tmp_path / "store", process)
        process.kill()
        process.wait()
        wait_until_gone(process.pid)
        again = subprocess.run(
            [*command, "--jobs", "1"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        counts = json.loads(again.stdout)["encoders"]["mel_cnn"]
        assert counts["kept"] >= stored > 0
        assert counts["kept"] + counts["encoded"] == 26
        column, _, missing = FeatureStore(tmp_path / "store").column("mel_cnn", corpora.read(file))
        assert missing == []
        assert np.isfinite(column.padded(np.arange(26))[0]).all()
        np.testing.assert_array_equal(
            column.padded(np.array([17]))[0][0],
            MelCnnEncoder().encode(loading.load_clip(tmp_path / "17.wav")),
        )


def wait_for_features(folder: Path, process: subprocess.Popen) -> int:
    """The number of clips in the store, as soon as there are any."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, "the command ended before it could be killed"
        if (folder / "index.sqlite").is_file() and list(folder.glob("*.f32")):
            store = FeatureStore(folder)
            count = len(store.entries(store.fingerprint("mel_cnn")))
            store.close()
            if count:
                return count
        time.sleep(0.02)
    pytest.fail("nothing was stored")


def wait_until_gone(group: int) -> None:
    """Every process of the group has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        listed = subprocess.run(
            ["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False
        ).stdout.split()
        if not [state for state in listed if not state.startswith("Z")]:
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("processes of the killed command went on")


def command(clips: Path, encoders: str, *more: str) -> int:
    return main.main(["extract", str(clips), "--encoders", encoders, "--jobs", "1", *more])


class TestCommand:
    def test_it_prints_counts_and_writes_the_table_of_problems(self, clips, tmp_path, capsys):
        assert command(clips, "audio=mel_cnn,metadata=dialogue", "--store", str(tmp_path / "s")) == 0
        captured = capsys.readouterr()
        assert "6 utterances" in captured.out
        assert "6/6" in captured.err
        with (tmp_path / "s" / "problems.csv").open(encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        assert {row["kind"] for row in table} == {"absent", "failed"}
        assert {
            "id": "silent",
            "modality": "audio",
            "encoder": "mel_cnn",
            "kind": "absent",
            "reason": "the sound is silent",
        } in table

    def test_json(self, clips, tmp_path, capsys):
        assert command(clips, "metadata=dialogue", "--store", str(tmp_path / "s"), "--json") == 0
        captured = capsys.readouterr()
        data = json.loads(captured.out)
        assert data["utterances"] == 6
        assert data["encoders"] == {"dialogue": {"encoded": 2, "kept": 0, "absent": 4, "failed": 0}}
        assert len(data["problems"]) == 4
        assert captured.err == ""

    def test_two_encoders_of_one_modality_are_extracted_at_once(self, clips, tmp_path, capsys):
        encoders = "audio=mel_cnn,audio=lld"
        assert command(clips, encoders, "--store", str(tmp_path / "s"), "--json") == 0
        assert list(json.loads(capsys.readouterr().out)["encoders"]) == ["mel_cnn", "lld"]

    def test_words_are_recognised_if_asked(self, clips, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(speech, "transcribe", lambda waveform: SimpleNamespace(text="hm", left_out=""))
        store = ("--store", str(tmp_path / "s"))
        assert command(clips, "text=bert:random_init=0", "--transcribe", *store) == 0
        assert "speech recognition was asked for the words of 1 of them" in capsys.readouterr().out

    def test_progress_is_a_json_file(self, clips, tmp_path, capsys):
        file = tmp_path / "job" / "progress.json"
        more = ("--progress", str(file), "--device", "cpu", "--store", str(tmp_path / "s"))
        assert command(clips, "metadata=dialogue", *more) == 0
        progress = json.loads(file.read_text())
        assert datetime.fromisoformat(progress.pop("updated")).tzinfo is not None
        assert progress == {"step": "extract", "done": 6, "total": 6}

    def test_progress_is_written_twice_a_second_at_most_but_always_at_the_end(self, tmp_path, monkeypatch):
        written = []
        monkeypatch.setattr(
            "mmer_core.cli.extract.write_json", lambda path, data: written.append(data["done"])
        )
        clock = iter([0.0, 0.1, 0.6, 0.7, 0.8])
        monkeypatch.setattr("mmer_core.cli.extract.time.monotonic", lambda: next(clock))
        tell = ProgressFile(tmp_path / "progress.json")
        for done in range(1, 6):
            tell(done, 5)
        assert written == [1, 3, 5]

    @pytest.mark.parametrize(
        ("encoders", "message"),
        [
            ("", "--encoders names no encoder"),
            ("text", "--encoders 'text' names no encoder"),
            ("text=berd", "unknown encoder 'berd'"),
            ("audio=minilm", "minilm reads text, not audio: write text=minilm"),
            ("smell=minilm", "unknown modality 'smell'"),
            ("text=minilm:deep=yes", "the encoder minilm has no option 'deep'"),
            ("audio=vggish", "vggish.safetensors is not in the folder MMER_MODELS"),
        ],
    )
    def test_a_wrong_request_is_one_sentence_and_leaves_no_store(
        self, clips, capsys, monkeypatch, encoders, message
    ):
        monkeypatch.delenv("MMER_MODELS", raising=False)
        store = clips.parent / "s"
        assert command(clips, encoders, "--store", str(store)) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: {message}")
        assert error.count("\n") == 1
        assert not store.exists()
