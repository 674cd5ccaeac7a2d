"""What the documents promise: the README's Python example runs as it stands, every command parses, every link
leads somewhere.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shlex
import subprocess
import sys
import wave
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from mmer_core.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")})
RATE = 16_000
SENTENCES = {"joy": "What a lovely day, I am so happy!", "sadness": "I feel so alone, it breaks my heart."}


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def commands(program: str) -> list[tuple[str, str]]:
    """(document, command) for all code that begins with `program`; the changelog names old ones too."""
    found = []
    for document in (d for d in DOCUMENTS if d.name != "CHANGELOG.md"):
        lines = [line.partition(" #")[0] for block in blocks(document, "sh") for line in block.splitlines()]
        inline = re.findall(r"`([^`\n]+)`", document.read_text(encoding="utf-8"))
        found += [(document.name, text.strip()) for text in (*lines, *inline) if text.startswith(program)]
    return found


def write_wave(path: Path, pitch: float) -> None:
    tone = 0.3 * np.sin(np.arange(RATE) * 2 * np.pi * pitch / RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((tone * 32767).astype("<i2").tobytes())


@pytest.fixture
def corpus(tmp_path, small_video) -> Path:
    """A folder with what the example names: a clip, and a corpus of two emotions and six speakers."""
    assert small_video == tmp_path / "clip.mp4"
    with (tmp_path / "corpus.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "path", "text", "label", "speaker"])
        for i in range(12):
            label = ("joy", "sadness")[i % 2]
            write_wave(tmp_path / f"{i}.wav", 150 + 20 * i + 200 * (label == "joy"))
            rows.writerow([i, f"{i}.wav", f"{SENTENCES[label]} {i}", label, f"speaker {i // 2}"])
    return tmp_path


def test_the_python_example_runs(corpus):
    (example,) = blocks(README, "python")
    assert len(example.strip().splitlines()) <= 12
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MMER_RUNS": str(corpus / "runs")}
    command = [sys.executable, "-c", example]
    run = subprocess.run(command, cwd=corpus, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] in SENTENCES


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize(("document", "command"), commands("mmer "))
def test_every_command_parses(document, command, capsys):
    _, name, *arguments = shlex.split(command)
    assert name in (*COMMANDS, "--help")
    if not arguments:  # it is only named
        return
    parser = argparse.ArgumentParser(prog=f"mmer {name}")
    import_module(f"mmer_core.cli.{name}").add_arguments(parser)
    try:
        parser.parse_args(arguments)
    except SystemExit:
        pytest.fail(f"{document}: {command}\n{capsys.readouterr().err}")


@pytest.mark.parametrize(("document", "command"), commands("python "))
def test_every_program_exists(document, command):
    _, *words = shlex.split(command)
    if words[0] == "-m":
        assert find_spec(words[1]) is not None
    else:
        assert (ROOT / words[0]).is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)", prose)
    own = [link for link in links if not link.startswith("http")]
    assert [link for link in own if not (document.parent / link).exists()] == []
