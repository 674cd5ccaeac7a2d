"""The doctor: a line for everything, an exit status that says whether the shipped model answers, and advice where something is missing."""

import json

import pytest

from mmer_core import cli, doctor, encoders, predictor
from mmer_core.checkpoint import CheckpointError
from mmer_core.doctor import MODEL, State
from tiny_predictor import make_predictor


@pytest.fixture
def shipped(monkeypatch):
    """A model that answers, in place of the shipped one, and few encoders, so that it is quick."""
    model = make_predictor()
    monkeypatch.setattr(predictor.Predictor, "load", classmethod(lambda cls, folder: model))
    monkeypatch.setattr(encoders, "names", lambda: ("minilm", "vggish", "dialogue"))
    monkeypatch.delenv("MMER_MODELS", raising=False)


def look() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def test_where_everything_works_it_says_so(shipped):
    found = look()
    for name in ("Python", "torch", "Streamlit", "media", "face detector", "speech recognition", MODEL, "encoder minilm", "encoder dialogue"):
        assert found[name].state is State.WORKS, str(found[name])
    assert found["encoder vggish"].state is State.OPTIONAL
    assert "MMER_MODELS" in found["encoder vggish"].text
    assert {"disk", "camera and microphone", "browser tests", "local weights"} <= set(found)
    for finding in found.values():
        assert "\n" not in str(finding)
        assert str(finding)[:2] in ("✓ ", "– ", "✗ ")


def test_the_exit_status_is_the_shipped_models(shipped, monkeypatch, capsys):
    quick = [doctor.Finding("media", State.BROKEN, "no codecs"), doctor.Finding(MODEL, State.WORKS, "it answers")]
    monkeypatch.setattr(doctor, "examine", lambda: iter(quick))
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out == f"✗ media: no codecs\n✓ {MODEL}: it answers\n"
    monkeypatch.setattr(doctor, "examine", lambda: iter([doctor.Finding(MODEL, State.BROKEN, "a file is missing")]))
    assert cli.main(["doctor", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data == {"answers": False, "findings": [{"name": MODEL, "state": "broken", "text": "a file is missing"}]}


def test_whatever_a_check_throws_becomes_one_line():
    def broken():
        raise CheckpointError("the folder lacks face.safetensors\nand more")

    def bare():
        raise KeyError

    def missing():
        raise doctor.Missing("not here: do this")

    def no_package():
        from importlib.metadata import version

        return version("no-such-package-anywhere")

    assert str(doctor._finding("a", broken)) == "✗ a: the folder lacks face.safetensors"
    assert str(doctor._finding("a", broken, optional=True)) == "– a: the folder lacks face.safetensors"
    assert str(doctor._finding("a", bare)) == "✗ a: KeyError"
    assert str(doctor._finding("a", missing)) == "– a: not here: do this"
    assert str(doctor._finding("a", no_package)) == "✗ a: the package no-such-package-anywhere is not installed: run pip install -r requirements.txt"


def test_a_pair_of_torch_and_torchvision_that_does_not_match_is_told(monkeypatch):
    import torchvision.ops

    def breaks(*_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(torchvision.ops, "nms", breaks)
    finding = doctor._finding("torch", doctor._torch)
    assert finding.state is State.BROKEN
    assert "operator torchvision::nms does not exist" in finding.text
    assert "pip install -r requirements.txt" in finding.text


def test_a_full_disk_and_a_wrong_weights_folder_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ENOUGH", 2**70)
    assert doctor._finding("disk", doctor._disk).state is State.BROKEN
    monkeypatch.setenv("MMER_MODELS", str(tmp_path / "gone"))
    assert "is no folder" in doctor._finding("local weights", doctor._models_folder, optional=True).text
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    assert doctor._finding("local weights", doctor._models_folder, optional=True).state is State.WORKS


def test_no_browser_only_matters_to_the_browser_tests(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    finding = doctor._finding("browser tests", doctor._browser, optional=True)
    assert finding.state is State.OPTIONAL
    assert "only the browser tests need it" in finding.text
