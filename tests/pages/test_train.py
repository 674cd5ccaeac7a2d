"""The Train page as a person uses it, without a browser: fill in, see checks and commands, start, watch, stop, go on."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.corpora import made_up
from mmer_core.runs import jobs
from mmer_core.runs.jobs import Status
from mmer_core.runs.process_identity import alive
from mmer_core.runs.run import CVRun
from ui import models, runs
from ui.train import start as training_start

PATIENCE = 90  # seconds; a training of a few seconds on two busy cores


class NoModels:
    """The Analyze page is drawn before this one; it needs no model here."""

    ready = True

    def wait(self):
        raise models.ModelUnavailable("not needed here")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of runs; what was started in it is ended."""
    monkeypatch.setattr(runs, "FOLDER", tmp_path)
    monkeypatch.setattr(models, "model_loader", NoModels)
    monkeypatch.setattr(training_start, "_training_seconds", lambda plan, n, folds: 42.0)
    yield tmp_path
    for job in jobs.listed(tmp_path)[0]:
        for process in job.state.get("processes", []):
            if alive(process):
                os.kill(process["pid"], signal.SIGKILL)


@pytest.fixture
def page(folder) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
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
    kinds = (at.selectbox, at.text_input, at.number_input, at.multiselect, at.toggle, at.checkbox, at.button_group)
    return next(c for kind in kinds for c in kind if c.label == label)


def told(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown)


def errors(at: AppTest) -> str:
    return " ".join(e.value.replace("\\", "") for e in at.error)


def command(at: AppTest) -> str:
    """What the form says will be started: the last code block."""
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
    for kind in (filled.button, filled.selectbox, filled.text_input, filled.number_input, filled.multiselect, filled.toggle, filled.button_group):
        for each in kind:
            assert each.help, each.label


def test_a_corpus_that_cannot_be_read_is_told_in_one_sentence(page):
    run(control(page, "Folder" if control(page, "Corpus").value != "csv" else "Table").set_value("/nowhere/m.csv"))
    assert "/nowhere/m.csv" in errors(page)
    assert "Start training" not in labels(page)


def test_made_up_features_are_called_so_and_checked(filled):
    assert any("made up: drawn numbers" in w.value for w in filled.warning)
    assert f"**{made_up.SPEAKERS * made_up.UTTERANCES} utterances** of {made_up.SPEAKERS} speakers" in told(filled)
    assert "green-badge[:material/verified: clean]" in told(filled)
    assert "at most **40 s**" in told(filled)
    assert command(filled).startswith("python -m mmer_core train --manifest features:")
    assert "--folds 5 --name made-up-4-early --out" in command(filled)


def test_every_choice_shows_in_the_command(filled):
    run(control(filled, "Face").set_value("off"))
    run(control(filled, "Models").set_value(["late_mean", "crossmodal"]))
    run(control(filled, "Epochs").set_value(7))
    run(control(filled, "Learning rate").set_value("5e-4"))
    run(control(filled, "Class weights").set_value("balanced"))
    run(control(filled, "Folds").set_value(3))
    run(control(filled, "Seed").set_value(4))
    run(control(filled, "More flags of the command line").set_value("--search 'dropout=0|0.2'"))
    for part in (
        "--encoders text=given,audio=given ",
        "--fusion late_mean,crossmodal",
        "--epochs 7",
        "--learning-rate 5e-4",
        "--class-weights balanced",
        "--folds 3 --seed 4",
        "--search 'dropout=0|0.2'",
        "--name made-up-4-models",
    ):
        assert part in command(filled), part


def test_options_of_a_model_and_of_a_reader(filled):
    run(control(filled, "Pooling").set_value("max"))
    run(control(filled, "Complete").set_value(True))
    assert "--option pooling=max" in command(filled)
    assert "--corpus-option complete=yes" in command(filled)
    assert "of 12 speakers" in told(filled)


@pytest.mark.parametrize(
    ("label", "value", "message"),
    [
        ("Learning rate", "fast", "learning_rate is a number, not 'fast'."),
        ("Learning rate", "0", "learning_rate must be above 0"),
        ("Name of the run", "a/b", "cannot name a run"),
        ("Models", [], "no fusion model is chosen"),
        ("More flags of the command line", "--name other", "--name is set by the form"),
        ("More flags of the command line", "'", "close the quotation"),
    ],
)
def test_what_cannot_be_started_is_told_before(filled, label, value, message):
    run(control(filled, label).set_value(value))
    assert message.lower() in errors(filled).lower()


def test_random_folds_are_asked_for_by_name_and_marked(filled):
    run(control(filled, "How to cut").set_value("random"))
    assert "red-badge[:material/warning: leaks]" in told(filled)
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
        rows.append(f"u{i},,words {rng.integers(10**9)} {rng.integers(10**9)} {i},{('joy', 'anger')[i % 2]},s{i // 4},{i}.npy")
    (corpus / "m.csv").write_text("\n".join(rows))
    run(control(page, "Corpus").set_value("csv"))
    run(control(page, "Table").set_value(str(corpus / "m.csv")))
    run(control(page, "Words").set_value("off"))
    assert "red-badge" in told(page)
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
    assert "green-badge[:material/check_circle: finished]" in told(filled)
    assert CVRun.open(folder / "made-up-4-early").finished
    (link,) = filled.get("page_link")
    assert link.proto.query_string.endswith("run=made-up-4-early")
    assert "--name made-up-4-early-2" in command(filled), "the next name is free"
    run(control(filled, "Name of the run").set_value("made-up-4-early"))
    assert "There is a finished run called made-up-4-early already" in errors(filled)


def test_stop_and_go_on(page, folder):
    job = start_waiting(folder)
    run(page)
    assert "blue-badge[:material/directions_run: running]" in told(page)
    assert "Go on" not in labels(page)
    run(button(page, "Stop").click())
    wait_until_ended(folder)
    run(page)
    assert "stopped]" in told(page)
    run(button(page, "Go on").click())
    assert jobs.read(job.path).status is Status.RUNNING


def test_a_killed_training_is_interrupted_and_a_failed_one_says_why(page, folder):
    killed = start_waiting(folder, "killed")
    os.killpg(killed.state["processes"][0]["pid"], signal.SIGKILL)
    wait_until_ended(folder)
    start_waiting(folder, "full", "raise SystemExit(print('error: [Errno 28] No space left on device: run.json') or 1)")
    wait_until_ended(folder)
    run(page)
    assert "interrupted]" in told(page)
    assert "failed]" in told(page)
    assert "[Errno 28] No space left on device: run.json." in errors(page)
    assert labels(page).count("Go on") == 2
    run(button(page, "Forget").click())
    assert len(jobs.listed(folder)[0]) == 1


def test_the_same_run_twice_is_refused_and_another_allowed(filled, folder):
    start_waiting(folder, "made-up-4-early")
    run(button(filled, "Start training").click())
    assert "the run made-up-4-early is being trained already" in errors(filled).lower()
    assert len(jobs.listed(folder)[0]) == 1


def test_progress_of_extraction_and_training(page, folder):
    said = "print('█·· 20/50  4.0 a second, 0 min 07 s left', flush=True); import time; time.sleep(300)"
    jobs.start(folder, "both", [["python", "-c", said], ["python", "-c", "pass"]], ["b"])
    deadline = time.monotonic() + PATIENCE
    while not jobs.listed(folder)[0][0].encoded:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    start_waiting(folder, "a")
    (folder / "a").mkdir()
    curves = {"0": [{"epoch": 1.0, "inner_accuracy": 0.5}, {"epoch": 2.0, "inner_accuracy": 0.6}]}
    progress = {"folds": 5, "done": 1, "fold": 1, "part": "", "epoch": 12, "epochs": 50, "share": 0.25, "curves": curves}
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
    assert "running]" in told(page)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_visitor_from_another_machine_may_train_only_where_that_is_allowed(folder, monkeypatch, allowed):
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda self: "192.0.2.7"))
    monkeypatch.setenv("MMER_TRUST_VISITORS", "1" if allowed else "")
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()
    at.switch_page("pages/train.py").run()
    assert not at.exception
    assert any("MMER_TRUST_VISITORS" in info.value for info in at.info) is not allowed
    assert bool(at.selectbox) is allowed
