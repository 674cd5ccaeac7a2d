"""The doctor: a line for everything, an exit status that says whether the shipped model answers, and advice
where something is missing.
"""

import json
from importlib.metadata import PackageNotFoundError, version

import pytest

from mmer_core import config
from mmer_core.checkpoint import CheckpointError
from mmer_core.cli import checks, diagnosis
from mmer_core.cli.diagnosis import MODEL, State
from mmer_core.cli.main import main
from mmer_core.encoders import ENCODERS
from mmer_core.inference.emotion_model import EmotionModel
from tiny_model import make_model


@pytest.fixture
def quick(monkeypatch):
    """A model that answers in the place of the shipped one, and few encoders."""
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_, **__: model))
    few = tuple(ENCODERS.entry(name) for name in ("minilm", "vggish", "dialogue"))
    monkeypatch.setattr(type(ENCODERS), "entries", lambda registry: few if registry is ENCODERS else ())
    monkeypatch.delenv("MMER_MODELS", raising=False)


def examine() -> dict[str, diagnosis.Finding]:
    return {finding.name: finding for finding in diagnosis.examine()}


def test_where_everything_works_it_says_so(quick):
    found = examine()
    working = ("Python", "torch", "app", "media", "face detector", "speech recognition", MODEL)
    for name in (*working, "encoder minilm", "encoder dialogue", "runs", "features"):
        assert found[name].state is State.WORKS, str(found[name])
    assert found["encoder vggish"].state is State.OPTIONAL
    assert "MMER_MODELS" in found["encoder vggish"].text
    assert {"disk", "camera and microphone", "browser tests", "local weights"} <= set(found)
    assert "plug-in" not in found
    for finding in found.values():
        assert "\n" not in str(finding)
        assert str(finding)[:2] in ("✓ ", "– ", "✗ ")


def test_the_exit_status_is_the_shipped_models(monkeypatch, capsys):
    findings = [
        diagnosis.Finding("media", State.BROKEN, "no codecs"),
        diagnosis.Finding(MODEL, State.WORKS, "it answers"),
    ]
    monkeypatch.setattr(diagnosis, "examine", lambda: iter(findings))
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == f"✗ media: no codecs\n✓ {MODEL}: it answers\n"
    findings[:] = [diagnosis.Finding(MODEL, State.BROKEN, "a file is missing")]
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "answers": False,
        "findings": [{"name": MODEL, "state": "broken", "text": "a file is missing"}],
    }


def raises(error: Exception):
    def check() -> str:
        raise error

    return check


@pytest.mark.parametrize(
    ("check", "optional", "line"),
    [
        (lambda: "it runs", False, "✓ a: it runs"),
        (raises(CheckpointError("the folder lacks a file\nand more")), False, "✗ a: the folder lacks a file"),
        (raises(CheckpointError("the folder lacks a file")), True, "– a: the folder lacks a file"),
        (raises(KeyError()), False, "✗ a: KeyError"),
        (raises(checks.Missing("not here: do this")), False, "– a: not here: do this"),
        (
            lambda: version("no-such-package"),
            False,
            f"✗ a: the package no-such-package is not installed: {checks.INSTALL}",
        ),
    ],
)
def test_whatever_a_check_throws_becomes_one_line(check, optional, line):
    assert str(diagnosis._finding("a", check, optional=optional)) == line


def test_a_pair_of_torch_and_torchvision_that_does_not_match_is_named(monkeypatch):
    import torchvision.ops

    monkeypatch.setattr(
        torchvision.ops, "nms", lambda *_: raises(RuntimeError("operator torchvision::nms does not exist"))()
    )
    with pytest.raises(RuntimeError, match=r"nms does not exist.*install a matching pair"):
        checks.torch()


def without(*packages: str):
    def find(name: str) -> str:
        if name in packages:
            raise PackageNotFoundError(name)
        return version(name)

    return find


def test_optional_packages_may_be_missing(monkeypatch):
    monkeypatch.setattr(checks, "version", without("torchvision", "streamlit-webrtc", "playwright"))
    assert "torchvision" in checks.torch()
    with pytest.raises(checks.Missing, match="streamlit-webrtc is not installed; only the app needs it"):
        checks.app()
    monkeypatch.setattr(checks.shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(checks.Missing, match="Playwright is not installed"):
        checks.browser()
    monkeypatch.setattr(checks.shutil, "which", lambda name: None)
    with pytest.raises(checks.Missing, match="only the browser tests need it"):
        checks.browser()


def test_a_plug_in_that_fails_is_a_line_of_its_own(quick, monkeypatch):
    sentences = ["the plug-in mine of theirs fails on import (no module): correct or uninstall it"]
    monkeypatch.setattr(checks, "plug_in_problems", lambda: sentences)
    assert str(examine()["plug-in"]) == f"✗ plug-in: {sentences[0]}"


def test_the_shipped_models_encoders_are_not_optional():
    assert {"minilm", "voice_frames", "face_cnn"} <= checks.shipped_encoders()


def test_a_full_disk_and_a_wrong_weights_folder_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "ENOUGH", 2**70)
    with pytest.raises(RuntimeError, match="make room"):
        checks.disk()
    monkeypatch.setenv("MMER_MODELS", str(tmp_path / "gone"))
    with pytest.raises(checks.Missing, match="is no folder"):
        checks.local_weights()
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    assert str(tmp_path) in checks.local_weights()


def test_it_says_where_runs_and_features_are_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("MMER_RUNS", raising=False)
    assert checks.runs().startswith(f"written to {config.user_data() / 'runs'}")
    assert str(config.SHIPPED_RUNS) in checks.runs()
    assert str(config.features_folder()) in checks.features()
    monkeypatch.setenv("MMER_RUNS", str(tmp_path / "mine"))
    assert checks.runs() == f"written to {tmp_path / 'mine'}"
    monkeypatch.setattr(checks.os, "access", lambda *_: False)
    with pytest.raises(RuntimeError, match="cannot be written: set MMER_RUNS"):
        checks.runs()
