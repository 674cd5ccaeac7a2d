"""The package installs: a wheel with the shipped models and the command `mmer`, which works from any folder
and writes nothing beside itself; and what the package imports is what it declares.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
SENTENCE = "What a wonderful surprise, I am so happy!"
OPTIONAL = {"opensmile"}  # used where it is installed; its licence does not allow every use


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), "."]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder that the wheel, and nothing else, is installed into."""
    folder = tmp_path_factory.mktemp("installed")
    command = [*PIP, "install", "--quiet", "--no-deps", "--no-compile", "--no-index", "--target", str(folder)]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True, text=True)
    return folder


@pytest.fixture
def mmer(installed, tmp_path):
    """A function that runs the installed command in another folder, beside the present environment's
    libraries, and returns what it printed.
    """
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    removed = ("MMER_RUNS", "MMER_MODELS", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    environment |= {
        "PYTHONPATH": str(installed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }

    def run(*arguments: str, command: tuple[str, ...] = (str(installed / "bin" / "mmer"),)) -> str:
        words = [*command, *arguments]
        done = subprocess.run(
            words, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert list(elsewhere.iterdir()) == []
        return done.stdout

    return run


def test_the_wheel_holds_the_package_and_the_models_only(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"mmer_core", "mmer"}
    for needed in ("py.typed", "cli/main.py", "_models/default/model.json", "_models/large/model.json"):
        assert f"mmer_core/{needed}" in names
    models = [name for name in names if name.startswith("mmer_core/_models/")]
    for model in ("default", "large"):
        shipped = {path.name for path in (ROOT / "checkpoints" / model).iterdir()}
        assert {Path(name).name for name in models if f"/{model}/" in name} == shipped
    assert not [name for name in names if name.endswith((".pyc", ".parquet"))]
    sources = {f"mmer_core/{path.relative_to(ROOT / 'mmer_core')}" for path in ROOT.glob("mmer_core/**/*.py")}
    assert sources <= set(names)


def test_the_installed_command_predicts_from_another_folder(mmer, installed):
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.media.loading import text_clip

    before = contents(installed)
    answer = json.loads(mmer("predict", "--text", SENTENCE, "--json"))
    here = EmotionModel.load().predict(text_clip(SENTENCE))
    assert answer["label"] == here.label
    assert answer["probability"] == pytest.approx(here.probability, abs=1e-6)
    assert contents(installed) == before


def test_the_module_is_the_same_command(mmer):
    assert mmer("--version") == mmer("--version", command=(sys.executable, "-m", "mmer_core"))


def test_an_installed_package_finds_its_model_and_writes_to_the_users_folder(mmer, installed, tmp_path):
    code = (
        "import json; from mmer_core import config; print(json.dumps([str(config.DEFAULT_CHECKPOINT), "
        "*map(str, config.run_folders()), str(config.features_folder()), str(config.working_folder())]))"
    )
    model, *written = json.loads(mmer("-c", code, command=(sys.executable,)))
    assert Path(model) == installed / "mmer_core" / "_models" / "default"
    data = tmp_path / "data" / "mmer"
    assert [Path(path) for path in written] == [data / "runs", data / "features", data]


def test_in_a_checkout_the_shipped_runs_stand_beside_the_users_own(monkeypatch, tmp_path):
    from mmer_core import config

    monkeypatch.delenv("MMER_RUNS", raising=False)
    assert config.run_folders() == (config.user_data() / "runs", ROOT / "checkpoints" / "runs")
    monkeypatch.setenv("MMER_RUNS", str(tmp_path))
    assert config.run_folders() == (tmp_path,)
    assert config.runs_folder() == tmp_path


def contents(folder: Path) -> dict[str, int]:
    """{file: time of its last change} of everything in a folder."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(*extras: str) -> list[Requirement]:
    lines = [*project()["dependencies"]]
    for extra in extras:
        lines += project()["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.partition("#")[0]) for line in lines if "==" in line]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in found}


@pytest.mark.parametrize(
    ("file", "extras"), [("requirements.txt", ("app", "hub", "service")), ("requirements-dev.txt", ("dev",))]
)
def test_the_exact_set_lies_within_the_declared_ranges(file, extras):
    exact = pins("requirements.txt") | pins(file)
    for requirement in requirements(*extras):
        if requirement.name != "mmer":
            assert requirement.specifier.contains(exact[canonicalize_name(requirement.name)]), requirement


def test_what_the_package_imports_is_declared():
    declared = {
        canonicalize_name(requirement.name) for requirement in requirements("hub", "service", "ray", "s3")
    }
    distributions = packages_distributions()
    imported = {
        name.split(".")[0]
        for path in ROOT.glob("mmer_core/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    outside = imported - set(sys.stdlib_module_names) - {"mmer_core"} - OPTIONAL
    names = {name: {canonicalize_name(d) for d in distributions.get(name, ["?"])} for name in outside}
    assert {name: found for name, found in names.items() if not found & declared} == {}


def test_libraries_report_nothing(tmp_path):
    """onnxruntime leaves a session file in the temporary folder where it reports its use."""
    code = (
        "import mmer_core, onnxruntime, pathlib\n"
        "folder = pathlib.Path(mmer_core.__file__).parent / 'media' / 'weights'\n"
        "onnxruntime.InferenceSession(next(folder.glob('*yunet*.onnx')))"
    )
    told = ("CI", "ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")
    environment = {k: v for k, v in os.environ.items() if k not in told}
    environment |= {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert b"Error" not in found.stderr
    assert list(tmp_path.iterdir()) == []
