"""The Train page as a person uses it, without a browser: fill in, see checks and commands, start, watch,
stop, go on; the form is a training request, in both directions.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
import zipfile
from dataclasses import replace

import pytest
import streamlit as st
from media_factory import write_sound
from run_folders import write_run
from streamlit.testing.v1 import AppTest

from mmer_core import registry
from mmer_core.config import ROOT
from mmer_core.corpora import made_up
from mmer_core.encoders import ENCODERS, EncoderSpec
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.early import EarlyFusion
from mmer_core.labels import Modality
from mmer_core.runs import jobs
from mmer_core.runs.job import PROGRESS, Status
from mmer_core.runs.process_identity import alive
from mmer_core.runs.run import CVRun
from mmer_core.training import device
from mmer_core.training.config import PRESETS
from mmer_core.training.request import TrainRequest
from ui import models, runs
from ui.train import durations
from ui.train.corpus import SENT

PATIENCE = 90  # seconds; a training of a few seconds on two busy cores


class NoModels:
    """The Analyze page is drawn before this one; it needs no model here."""

    ready = True

    def wait(self):
        raise models.ModelUnavailable("not needed here")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of runs; what was started in it is ended."""
    monkeypatch.setattr(runs, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(models, "model_loader", NoModels)
    monkeypatch.setattr(durations, "training_seconds", lambda request, n, folds: 42.0)
    yield tmp_path
    for job in jobs.listed(tmp_path)[0]:
        for process in job.state.get("processes", []):
            if alive(process):
                os.kill(process["pid"], signal.SIGKILL)


@pytest.fixture
def page(folder) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    return run(at.switch_page("pages/train.py"))


@pytest.fixture
def filled(page) -> AppTest:
    """The form, filled with made-up features."""
    return run(button(page, "Try it on made-up features").click())


def run(at) -> AppTest:
    at = at.run()
    assert not at.exception
    return at


def button(at: AppTest, label: str):
    return next(b for b in at.button if b.label == label)


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def control(at: AppTest, label: str):
    kinds = (
        at.selectbox,
        at.text_input,
        at.number_input,
        at.multiselect,
        at.toggle,
        at.checkbox,
        at.button_group,
    )
    return next(c for kind in kinds for c in kind if c.label == label)


def text(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown)


def captions(at: AppTest) -> str:
    return " ".join(c.value for c in at.caption).replace("\\", "")


def errors(at: AppTest) -> str:
    return " ".join(e.value.replace("\\", "") for e in at.error)


def command(at: AppTest) -> str:
    """The commands that the form would start: the last code block."""
    return at.code[-1].value


def wait_until_ended(folder) -> jobs.Job:
    deadline = time.monotonic() + PATIENCE
    while (job := jobs.listed(folder)[0][0]).status is Status.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job


def start_waiting(folder, name: str = "a", code: str = "import time; time.sleep(300)") -> jobs.Job:
    return jobs.start(folder, f"{name}: early on words", [["python", "-c", code]], [name])


def test_an_empty_page_says_what_to_do(page):
    assert page.title[0].value == "Train fusion models on your data"
    assert "Try it on made-up features" in labels(page)
    assert "Start training" not in labels(page)
    assert not page.error


def test_every_control_has_help(filled):
    for kind in (
        filled.button,
        filled.selectbox,
        filled.text_input,
        filled.number_input,
        filled.multiselect,
        filled.toggle,
        filled.button_group,
    ):
        for each in kind:
            assert each.help, each.label


def test_a_corpus_that_cannot_be_read_is_told_in_one_sentence(page):
    run(
        control(page, "Folder" if control(page, "Corpus").value != "csv" else "Table").set_value(
            "/nowhere/m.csv"
        )
    )
    assert "/nowhere/m.csv" in errors(page)
    assert "Start training" not in labels(page)


def test_made_up_features_are_called_so_and_checked(filled, folder):
    assert any("made up: random numbers" in w.value for w in filled.warning)
    assert f"**{made_up.SPEAKERS * made_up.UTTERANCES} utterances** of {made_up.SPEAKERS} speakers" in text(
        filled
    )
    assert "green-badge[:material/verified: clean]" in text(filled)
    assert "at most **40 s**" in text(filled)
    assert command(filled).startswith("python -m mmer_core train --manifest features:")
    for part in ("--folds 5", "--name made-up-4-early", f"--out {folder}"):
        assert part in command(filled)


def test_every_choice_shows_in_the_command(filled):
    run(control(filled, "Face").set_value("off"))
    run(control(filled, "Networks").set_value(["late_mean", "crossmodal"]))
    run(control(filled, "Epochs").set_value(7))
    run(control(filled, "Learning rate").set_value("5e-4"))
    run(control(filled, "Class weights").set_value("balanced"))
    run(control(filled, "Damaged").set_value("drop"))
    run(control(filled, "Folds").set_value(3))
    run(control(filled, "Seed").set_value(4))
    for part in (
        "--encoders text=given,audio=given ",
        "--fusion late_mean,crossmodal",
        "--epochs 7",
        "--learning-rate 0.0005",
        "--class-weights balanced",
        "--damaged drop",
        "--folds 3 --seed 4",
        "--name made-up-4-networks",
    ):
        assert part in command(filled), part


def test_options_of_a_network_and_of_a_reader(filled):
    run(control(filled, "Pooling").set_value("max"))
    run(control(filled, "Complete").set_value(True))
    assert "--option pooling=max" in command(filled)
    assert "--corpus-option complete=yes" in command(filled)
    assert "of 12 speakers" in text(filled)


def test_a_preset_brings_its_own_settings(filled):
    run(control(filled, "Settings").set_value("ensemble"))
    assert control(filled, "Epochs").value == PRESETS["ensemble"].training["epochs"]
    assert "--preset ensemble" in command(filled)
    assert "--epochs" not in command(filled), "only what differs from the preset is said"


@pytest.mark.parametrize(
    ("label", "value", "message"),
    [
        ("Learning rate", "fast", "learning_rate is a number, not 'fast'."),
        ("Learning rate", "0", "learning_rate must be above 0"),
        ("Name of the run", "a/b", "cannot name a run"),
        ("Networks", [], "no fusion network is chosen"),
    ],
)
def test_a_request_that_cannot_be_started_is_one_sentence(filled, label, value, message):
    run(control(filled, label).set_value(value))
    assert message.lower() in errors(filled).lower()
    assert "Start training" not in labels(filled)


# The form is a request


def paste(at: AppTest, data: str) -> AppTest:
    at.text_area(key="train-pasted").set_value(data)
    return run(button(at, "Fill the form").click())


def shown_request(at: AppTest) -> TrainRequest:
    """The request that the page shows as JSON."""
    return TrainRequest.from_json(json.loads(next(c.value for c in at.code if c.language == "json")))


def test_a_pasted_request_fills_the_form_and_comes_out_as_it_was(page, folder):
    corpus = made_up.write(folder / ".made-up")
    request = TrainRequest(
        corpus=f"features:{corpus}",
        corpus_options={"complete": True},
        encoders={"text": "given", "visual": "given"},
        fusion=("late_mean",),
        options={"pooling": "max", "hidden": (32, 16)},
        search={"dropout": [0.0, 0.5]},
        trials=1,
        preset="early_late",
        training=PRESETS["early_late"].config(epochs=4, class_weights="balanced", refit=True),
        plan=FoldPlan(kind="leave-one-out", seed=3, validation=0.3),
        damaged="drop",
        speaker_normalise=True,
        name="mine",
        out=str(folder),
        one_by_one=True,
    )
    paste(page, json.dumps(request.to_json()))
    assert not page.error
    assert shown_request(page) == request
    assert command(page) == jobs.shown(("python", "-m", "mmer_core", "train", *request.to_flags()))
    assert "Search of dropout: 0.0, 0.5." in captions(page)
    run(control(page, "Epochs").set_value(5))
    assert shown_request(page) == replace(request, training=replace(request.training, epochs=5))


def test_the_record_of_a_run_can_be_pasted_too(page, folder):
    corpus = made_up.write(folder / ".made-up")
    request = TrainRequest(corpus=f"features:{corpus}", fusion=("crossmodal",))
    paste(page, json.dumps({"schema": 1, "request": request.to_json()}))
    assert "--fusion crossmodal" in command(page)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{half", "is not JSON"),
        ("[1]", "no object"),
        ('{"corpus": "folder:/x", "epochs": 3}', "'epochs'"),
        ('{"corpus": "folder:/x", "preset": "s9"}', "unknown preset 's9'"),
        ("{}", "names no corpus"),
    ],
)
def test_a_pasted_text_that_is_no_request_is_one_sentence(filled, data, message):
    before = command(filled)
    paste(filled, data)
    assert message.lower() in errors(filled).lower()
    assert command(filled) == before, "the form stays as it was"


# What is registered is on the page


class Loudness:
    """A voice encoder of one number."""

    spec = EncoderSpec("loudness", Modality.AUDIO, 1, "a plug-in", "1", "MIT", "loudness of the clip")

    def __init__(self, window: float = 0.5) -> None:
        """
        Args:
            window: seconds that one value is made of.
        """
        self.window = window


class Mine(EarlyFusion):
    """A fusion network of somebody else."""


class Point:
    """An entry point; loading it does what `action` does."""

    def __init__(self, name: str, action) -> None:
        self.name, self.value, self.dist, self.load = name, name, None, action


@pytest.fixture
def plugins(monkeypatch):
    """Installed packages with an encoder and a network, and one that fails on import."""

    def broken():
        raise ImportError("No module named 'numpy2'")

    def encoder():
        facts = {"modality": Modality.AUDIO, "description": "loudness of the clip", "seconds_per_clip": 0.01}
        ENCODERS.register("loudness", **facts)(Loudness)

    def network():
        FUSION_MODELS.register("mine", description="a network of somebody else")(Mine)

    points = {
        "mmer.encoders": [Point("loudness", encoder), Point("broken", broken)],
        "mmer.fusion": [Point("mine", network)],
    }
    monkeypatch.setattr(registry, "entry_points", lambda group: points.get(group, []))
    for each in (ENCODERS, FUSION_MODELS):
        each.rescan()
    st.cache_resource.clear()
    yield
    for each, name in ((ENCODERS, "loudness"), (FUSION_MODELS, "mine")):
        each._factories.pop(name, None)
    monkeypatch.undo()
    for each in (ENCODERS, FUSION_MODELS):
        each.rescan()


def test_a_plug_in_is_on_the_page_with_its_words_and_options(plugins, page, tmp_path):
    page = give_sounds(page, tmp_path, words=True)
    assert "loudness" in control(page, "Voice").options
    run(control(page, "Voice").set_value("loudness"))
    assert "Loudness of the clip; about 0.01 s a clip." in captions(page)
    assert control(page, "Window").help == "Seconds that one value is made of."
    run(control(page, "Window").set_value("0.25"))
    assert "audio=loudness:window=0.25" in command(page)
    assert "mine: a network of somebody else" in control(page, "Networks").options
    run(control(page, "Networks").set_value(["mine"]))
    assert "--fusion mine" in command(page)


def test_a_plug_in_that_fails_is_one_sentence_and_the_rest_goes_on(plugins, filled):
    sentences = [w.value.replace("\\", "") for w in filled.warning]
    assert [s for s in sentences if s.startswith("The plug-in broken fails on import")]
    assert "Start training" in labels(filled)


# Clips without words, speakers or an accelerator


def give_sounds(page: AppTest, folder, *, words: bool, speakers: bool = True) -> AppTest:
    """A corpus of twenty short sounds."""
    write_sound(folder / "tone.wav", seconds=0.3)
    rows = ["id,path,label,text,speaker"]
    for i in range(20):
        said, speaker = f"sentence number {i}" if words else "", f"s{i // 2}" if speakers else ""
        rows.append(f"u{i},tone.wav,{('joy', 'anger')[i % 2]},{said},{speaker}")
    (folder / "clips.csv").write_text("\n".join(rows))
    run(control(page, "Corpus").set_value("csv"))
    return run(control(page, "Table").set_value(str(folder / "clips.csv")))


def test_speech_recognition_is_offered_where_words_are_missing(page, tmp_path):
    page = give_sounds(page, tmp_path, words=False)
    assert control(page, "Words").value == "off", "nobody wrote the words down"
    assert "Write down what is said" not in [t.label for t in page.toggle]
    run(control(page, "Words").set_value("minilm"))
    switch = control(page, "Write down what is said")
    assert switch.value
    assert "20 clips have sound and no words" in switch.help
    extract, train = command(page).splitlines()
    assert "--transcribe" in extract
    assert "--transcribe" in train
    run(switch.set_value(False))
    assert "--transcribe" not in command(page)


def test_speech_recognition_is_not_offered_where_words_are_there(page, tmp_path):
    page = give_sounds(page, tmp_path, words=True)
    assert control(page, "Words").value != "off"
    assert "Write down what is said" not in [t.label for t in page.toggle]


def test_without_speakers_folds_are_random(page, tmp_path):
    page = give_sounds(page, tmp_path, words=True, speakers=False)
    assert control(page, "How to split").value == "random"
    assert "does not say who speaks" in captions(page)
    assert not page.error, errors(page)
    assert "--folds-kind random" in command(page)


@pytest.mark.parametrize("there", [False, True])
def test_a_device_is_chosen_only_where_there_is_an_accelerator(filled, monkeypatch, there):
    monkeypatch.setattr(device, "ACCELERATORS", {"cuda": lambda: there, "mps": lambda: False})
    run(filled)
    offered = [s for s in filled.selectbox if s.label == "Device"]
    assert [s.options for s in offered] == ([["auto", "cpu", "cuda"]] if there else [])
    if there:
        run(offered[0].set_value("cuda"))
        assert "--device cuda" in command(filled)


# What was chosen is there again


def test_networks_folds_and_settings_are_remembered_on_return(filled):
    run(control(filled, "Networks").set_value(["late_mean", "mmmla"]))
    run(control(filled, "Folds").set_value(3))
    run(control(filled, "Epochs").set_value(7))
    run(filled.switch_page("pages/results.py"))
    run(filled.switch_page("pages/train.py"))
    assert control(filled, "Networks").value == ["late_mean", "mmmla"]
    assert control(filled, "Folds").value == 3
    assert "--epochs 7" in command(filled)


def test_names_are_explained_beside_the_choice(filled):
    assert "What these names mean" in [e.label for e in filled.expander]
    assert "recurrent branches side by side" in text(filled)


# A corpus that is uploaded


def zipped(folder, files: dict[str, bytes | str]) -> bytes:
    target = folder / "made.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.read_bytes()


def upload(page: AppTest, name: str, data: bytes) -> AppTest:
    run(control(page, "Where the data is").set_value(SENT))
    return run(page.file_uploader(key="train-upload").upload(name, data))


def test_an_uploaded_archive_is_read_and_can_be_trained_on(page, folder, tmp_path, monkeypatch):
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    write_sound(tmp_path / "tone.wav", seconds=0.3)
    sound = (tmp_path / "tone.wav").read_bytes()
    files = {f"{e}/s{i}_{e}.wav": sound for e in ("happy", "angry") for i in range(6)}
    run(control(page, "Where the data is").set_value(SENT))
    run(control(page, "Who speaks, from the file's name").set_value("s[0-9]"))
    upload(page, "My clips.zip", zipped(tmp_path, {**files, "../evil.wav": sound, "sea/a.wav": sound}))
    assert "**12 utterances** of 6 speakers · 2 classes" in text(page)
    (warning,) = (w.value.replace("\\", "") for w in page.warning)
    assert warning.startswith("2 of 14 rows or files cannot be used. Mainly: ")
    assert "its name leads out of the archive" in warning
    assert "My clips.zip, 12 files" in text(page).replace("\\", "")
    assert f"csv:{private}" in command(page)
    assert "--name my-clips-2-early" in command(page)
    run(button(page, "Remove").click())
    assert not list(private.iterdir())
    assert page.file_uploader


def test_an_uploaded_table_reads_clips_from_the_folder_that_is_named(page, tmp_path):
    write_sound(tmp_path / "tone.wav", seconds=0.3)
    rows = ["path,label,speaker", *(f"tone.wav,{('joy', 'anger')[i % 2]},s{i // 2}" for i in range(8))]
    rows = [rows[0], *(r.replace("tone", f"tone{i}") for i, r in enumerate(rows[1:]))]
    for i in range(8):
        shutil.copy(tmp_path / "tone.wav", tmp_path / f"tone{i}.wav")
    upload(page, "mine.csv", "\n".join(rows).encode())
    assert "No row can be used" in errors(page)
    run(control(page, "Folder of its clips").set_value(str(tmp_path)))
    assert "**8 utterances** of 4 speakers" in text(page)
    assert f"--corpus-option root={tmp_path}" in command(page)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.zip", b"no zip", "a.zip is cut off or is no zip archive: pack it again as .zip."),
        ("a.csv", b"path,speaker\nx.wav,y\n", "a.csv has no column of labels"),
    ],
)
def test_an_upload_that_cannot_be_used_is_one_sentence(page, name, data, message):
    upload(page, name, data)
    assert message in errors(page)
    assert "Start training" not in labels(page)


def test_a_template_can_be_saved(page):
    assert any("train-template" in b.proto.id for b in page.get("download_button"))


# Folds


def test_random_folds_are_asked_for_by_name_and_marked(filled):
    run(control(filled, "How to split").set_value("random"))
    assert "red-badge[:material/warning: leaks]" in text(filled)
    assert any("marked as leaking" in c.value for c in filled.caption)
    assert "--folds-kind random" in command(filled)
    assert not button(filled, "Start training").disabled


def test_a_corpus_that_leaks_by_itself_needs_consent(page, tmp_path):
    """The same recording under two speakers' names."""
    import numpy as np

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rows = ["id,path,text,label,speaker,audio_features"]
    rng = np.random.default_rng(0)
    for i in range(24):
        np.save(corpus / f"{i}.npy", np.zeros((1, 4)) if i in (0, 23) else rng.normal(size=(1, 4)))
        rows.append(
            f"u{i},,words {rng.integers(10**9)} {rng.integers(10**9)} "
            f"{i},{('joy', 'anger')[i % 2]},s{i // 4},{i}.npy"
        )
    (corpus / "m.csv").write_text("\n".join(rows))
    run(control(page, "Corpus").set_value("csv"))
    run(control(page, "Table").set_value(str(corpus / "m.csv")))
    run(control(page, "Words").set_value("off"))
    assert "red-badge" in text(page)
    assert button(page, "Start training").disabled
    run(next(c for c in page.checkbox if "Train anyway" in c.label).check())
    assert not button(page, "Start training").disabled


def test_a_training_from_start_to_results(filled, folder):
    run(control(filled, "Epochs").set_value(2))
    run(control(filled, "Folds").set_value(2))
    shown = command(filled)
    run(button(filled, "Start training").click())
    assert any("Watch it above" in s.value for s in filled.success)
    (job,) = jobs.listed(folder)[0]
    assert jobs.shown(job.commands[0]) == shown
    wait_until_ended(folder)
    run(filled)
    assert "green-badge[:material/check_circle: finished]" in text(filled)
    assert CVRun.open(folder / "made-up-4-early").finished
    links = {link.proto.label: link.proto for link in filled.get("page_link")}
    assert set(links) == {"Results of made-up-4-early", "Ablation of this run"}
    assert all(proto.query_string.endswith("run=made-up-4-early") for proto in links.values())
    assert "--name made-up-4-early-2" in command(filled), "the next name is free"
    run(control(filled, "Name of the run").set_value("made-up-4-early"))
    assert "There is a finished run called made-up-4-early already" in errors(filled)


def test_stop_and_go_on(page, folder):
    job = start_waiting(folder)
    run(page)
    assert "blue-badge[:material/directions_run: running]" in text(page)
    assert "Go on" not in labels(page)
    run(button(page, "Stop").click())
    wait_until_ended(folder)
    run(page)
    assert "stopped]" in text(page)
    run(button(page, "Go on").click())
    assert jobs.read(job.path).status is Status.RUNNING


def test_a_killed_training_is_interrupted_and_a_failed_one_says_why(page, folder):
    killed = start_waiting(folder, "killed")
    os.killpg(killed.state["processes"][0]["pid"], signal.SIGKILL)
    wait_until_ended(folder)
    start_waiting(
        folder,
        "full",
        "from mmer_core.runs import error_file; "
        "error_file.leave('[Errno 28] No space left on device: run.json'); raise SystemExit(1)",
    )
    wait_until_ended(folder)
    run(page)
    assert "interrupted]" in text(page)
    assert "failed]" in text(page)
    assert "[Errno 28] No space left on device: run.json." in errors(page)
    assert labels(page).count("Go on") == 2
    run(button(page, "Remove from this list").click())
    assert len(jobs.listed(folder)[0]) == 1


def test_the_same_run_twice_is_refused_and_another_allowed(filled, folder):
    start_waiting(folder, "made-up-4-early")
    run(button(filled, "Start training").click())
    assert "the run made-up-4-early is being trained already" in errors(filled).lower()
    assert len(jobs.listed(folder)[0]) == 1


def test_progress_of_extraction_and_training(page, folder):
    waiting = ["python", "-c", "import time; time.sleep(300)"]
    job = jobs.start(folder, "both", [waiting, ["python", "-c", "pass"]], ["b"])
    (job.path / PROGRESS).write_text(json.dumps({"step": "extract", "done": 20, "total": 50}))
    start_waiting(folder, "a")
    (folder / "a").mkdir()
    curves = {"0": [{"epoch": 1.0, "validation_accuracy": 0.5}, {"epoch": 2.0, "validation_accuracy": 0.6}]}
    progress = {
        "folds": 5,
        "done": 1,
        "fold": 1,
        "part": "",
        "epoch": 12,
        "epochs": 50,
        "share": 0.25,
        "curves": curves,
    }
    (folder / "a" / "progress.json").write_text(json.dumps(progress))
    run(page)
    texts = [p.proto.text.replace("\\", "") for p in page.get("progress")]
    assert any("Training: a, 1 of 5 folds done; fold 2, epoch 12 of at most 50" in text for text in texts)
    assert any("Step 1 of 2, extracting features: 20 of 50 clips" in text for text in texts)
    assert len(page.get("plotly_chart")) == 1


def test_damaged_files_of_a_training_do_not_take_the_page_down(page, folder):
    start_waiting(folder)
    (folder / "a").mkdir()
    (folder / "a" / "progress.json").write_text("{half")
    (folder / ".jobs" / "20000101T000000-000").mkdir()
    run(page)
    assert any("is not the record of a training" in w.value for w in page.warning)
    assert "running]" in text(page)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_visitor_from_another_machine_may_train_only_where_that_is_allowed(folder, monkeypatch, allowed):
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda self: "192.0.2.7"))
    monkeypatch.setenv("MMER_TRUST_VISITORS", "1" if allowed else "")
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()
    at.switch_page("pages/train.py").run()
    assert not at.exception
    assert any("MMER_TRUST_VISITORS" in info.value for info in at.info) is not allowed
    assert bool(at.selectbox) is allowed


def test_runs_of_one_training_can_be_compared(page, folder):
    job = start_waiting(folder, "now", "pass")
    wait_until_ended(folder)
    for name in ("a", "b"):
        write_run(folder / name)
    record = json.loads((job.path / "job.json").read_text())
    (job.path / "job.json").write_text(json.dumps({**record, "runs": ["a", "b"]}))
    run(page)
    links = {link.proto.label: link.proto.query_string for link in page.get("page_link")}
    assert links["Compare these"] in ("run=a,b", "run=a%2Cb", "?run=a%2Cb", "?run=a,b")
    assert "Results of a" in links
    assert len([link for link in page.get("page_link") if link.proto.label == "Ablation of this run"]) == 2
