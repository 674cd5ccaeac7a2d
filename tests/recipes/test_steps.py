"""The command lines of the recipes."""

import subprocess
import sys
from pathlib import Path

import pytest

from recipes import __main__ as every
from recipes import steps
from recipes.bundle import __main__ as bundle
from recipes.face import __main__ as face
from recipes.face import train as face_train
from recipes.face.networks import Epochs
from recipes.steps import BUNDLE_STEPS, STEPS
from recipes.voice import __main__ as voice
from recipes.words import __main__ as words
from recipes.words.recipes import LARGE

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def asked(monkeypatch):
    """Names of the steps that are run, in their order."""
    found = []
    monkeypatch.setattr(steps, "run_step", lambda name, *_: found.append(name))
    return found


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "data").mkdir()
    return ["--data", str(tmp_path / "data"), "--work", str(tmp_path / "work")]


def test_all_steps_run_in_order(asked, folders):
    every.main(folders)
    assert asked == list(STEPS)
    assert asked.index("large-words") < asked.index("words"), "the teacher comes first"


def test_only_the_named_steps_run(asked, folders):
    every.main([*folders, "--only", "voice", "--only", "fuse"])
    assert asked == ["voice", "fuse"]


def test_the_bundle_runs_its_own_steps(asked, folders):
    bundle.main(folders)
    assert asked == list(BUNDLE_STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_known(name, tmp_path, monkeypatch):
    """Each step asks first for data or for results that are not there, and says which."""
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    with pytest.raises((FileNotFoundError, ValueError), match=str(tmp_path)):
        steps.run_step(name, tmp_path, tmp_path, tmp_path / "default", 0)


@pytest.mark.parametrize("main", [every.main, bundle.main, face.main, voice.main, words.main])
def test_a_folder_that_is_not_there_is_said_in_one_sentence(main, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--data", str(tmp_path / "nowhere"), "--work", str(tmp_path / "work")])
    assert ended.value.code == 2
    assert "nowhere is not a folder: name the one that holds the corpora" in capsys.readouterr().err


def test_a_missing_corpus_is_said_in_one_sentence(folders, capsys):
    with pytest.raises(SystemExit) as ended:
        face.main(folders)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_epochs_of_every_face_network_can_be_set(folders, monkeypatch):
    found = []
    monkeypatch.setattr(face, "train_face", lambda data, work, seed, epochs: found.append((seed, epochs)))
    face.main([*folders, "--seed", "3", "--cycles", "1,2", "--resnet-distilled", "4"])
    assert found == [(3, Epochs(cycles=(1, 2), resnet_distilled=(4,)))]
    assert Epochs() == face_train.EPOCHS


def test_the_large_models_words_have_a_folder_of_their_own(folders, monkeypatch):
    found = []
    monkeypatch.setattr(
        words, "train_words", lambda data, work, seed, *options: found.append((work.name, options))
    )
    words.main(folders)
    words.main([*folders, "--large"])
    assert found == [("work", ()), ("large", (LARGE,))]


@pytest.mark.parametrize("module", ["recipes", "recipes.studies.pairing"])
def test_it_runs_as_a_module(module):
    command = [sys.executable, "-m", module, "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--json" in run.stdout if "studies" in module else "--work" in run.stdout
