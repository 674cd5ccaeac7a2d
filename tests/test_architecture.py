"""Imports point one way, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "mmer_core"

#: For each part of the core, the parts it may import. What is missing here may import nothing of the core.
BASE = {"labels", "config", "clip", "registry", "metrics"}
ALLOWED = {
    "media": BASE | {"decoder"},
    "decoder": BASE,
    "faces": BASE | {"media"},
    "speech": BASE | {"media"},
    "augmentation": BASE,
    "encoders": BASE | {"augmentation", "encoders", "checkpoint"},
    "fusion": BASE | {"features", "fusion"},
    "features": BASE,
    "training": BASE | {"features", "fusion"},
    "folds": BASE,
    "runs": BASE | {"folds", "calibration", "statistics", "checkpoint", "corpora"},
}


def imports_of(path: Path) -> set[str]:
    """Dotted names of everything a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def core_parts(path: Path) -> set[str]:
    """Names of the parts of mmer_core that a file imports."""
    parts = set()
    for name in imports_of(path):
        pieces = name.split(".")
        if pieces[0] == "mmer_core" and len(pieces) > 1 and ((CORE / pieces[1]).is_dir() or (CORE / f"{pieces[1]}.py").is_file()):
            parts.add(pieces[1])
    return parts


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("path", sources(CORE), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_knows_no_screen(path):
    roots = {name.split(".")[0] for name in imports_of(path)}
    assert not roots & {"streamlit", "plotly", "ui", "pages", "app"}


@pytest.mark.parametrize("path", sources(ROOT / "ui"), ids=lambda p: str(p.relative_to(ROOT)))
def test_shared_screen_parts_know_no_page(path):
    roots = {name.split(".")[0] for name in imports_of(path)}
    assert not roots & {"pages", "app"}


@pytest.mark.parametrize("part", ALLOWED)
def test_inside_the_core_imports_point_one_way(part):
    files = sources(CORE / part) if (CORE / part).is_dir() else [CORE / f"{part}.py"]
    for path in files:
        extra = core_parts(path) - ALLOWED[part] - {part}
        assert not extra, f"{path.relative_to(ROOT)} may not import {', '.join(sorted(extra))}"


@pytest.mark.parametrize("command", [["-c", "import mmer_core"], ["-m", "mmer_core", "--help"], ["-m", "mmer_core", "predict", "--help"]])
def test_starting_loads_no_heavy_library(command):
    """torch and transformers take seconds to import; help and pages must not wait for them."""
    run = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert not loaded & {"torch", "transformers", "cv2", "librosa", "sklearn", "onnxruntime"}


def test_no_file_is_named_after_nothing():
    vague = {"utils", "helpers", "common", "manager", "misc", "util"}
    named = {p.stem for folder in ("mmer_core", "ui", "pages") for p in sources(ROOT / folder)}
    assert not named & vague
