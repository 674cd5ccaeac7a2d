"""Corpora in small: each fixture rebuilds one layout from nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile

Sound = Callable[[Path], Path]
_pitch = count(200)


def wav_bytes() -> bytes:
    """A tenth of a second of a tone that no other call gives."""
    tone = 0.2 * np.sin(2 * np.pi * next(_pitch) * np.arange(1600) / 16_000)
    stream = io.BytesIO()
    soundfile.write(stream, tone, 16_000, format="WAV")
    return stream.getvalue()


def write_rows(file: Path, rows: list[dict[str, object]]) -> Path:
    """Rows as a CSV; the first row's keys are the header."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.fixture
def sound() -> Sound:
    """Writes a short tone, folders included."""

    def write(file: Path) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wav_bytes())
        return file

    return write


@pytest.fixture
def table() -> Callable[[Path, list[dict[str, object]]], Path]:
    """Writes rows as a CSV."""
    return write_rows


@pytest.fixture
def own_manifest(tmp_path: Path, sound: Sound) -> Path:
    """Our own CSV: four rows that can be used, of three labels and two speakers."""
    for name in ("a.wav", "b.wav", "c.wav"):
        sound(tmp_path / "clips" / name)
    rows = [
        {"id": "1", "path": "clips/a.wav", "text": "what a day", "label": "happy", "speaker": "ann"},
        {"id": "2", "path": "clips/b.wav", "text": "", "label": "Anger", "speaker": "ben"},
        {"id": "3", "path": "", "text": "None", "label": "calm", "speaker": "ann"},
        {"id": "4", "path": "clips\\c.wav", "text": "go away", "label": "angry", "speaker": "ben"},
    ]
    return write_rows(tmp_path / "clips.csv", rows)
