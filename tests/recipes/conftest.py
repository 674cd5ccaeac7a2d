"""Small corpora and finished trainings, made once for a whole test run and shared by its processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from recipe_data import made_once, write_faces, write_published, write_texts, write_voices
from recipe_runs import (
    SHORT_FACE,
    SHORT_TEXT,
    train_shallow,
    train_voice,
    use_few_sounds,
    use_published,
    use_shallow_minilm,
    use_tiny_faces,
)

from recipes.face import train as face

Make = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """`made_once` in a folder that all processes of this test run share."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    return lambda name, make: made_once(root, f"recipes-{name}", make)


@pytest.fixture(scope="session")
def texts(once: Make) -> Path:
    """meld and goemotions."""
    return once("texts", write_texts)


@pytest.fixture(scope="session")
def fer2013(once: Make) -> Path:
    return once("faces", write_faces)


@pytest.fixture(scope="session")
def voices(once: Make) -> Path:
    """ravdess, emodb, tess and voices."""
    return once("voices", write_voices)


@pytest.fixture(scope="session")
def published_files(once: Make) -> Path:
    return once("published", write_published)


@pytest.fixture
def published(published_files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files laid out as the published face networks, with random weights; recipes take them for these."""
    use_published(published_files, monkeypatch)
    return published_files


@pytest.fixture
def tiny_faces(published_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Face networks of one convolution in the place of the real ones."""
    use_tiny_faces(published_files, monkeypatch)


@pytest.fixture(scope="session")
def trained_face(once: Make, fer2013: Path, published_files: Path) -> Path:
    """A work folder after the face recipe, with tiny networks."""

    def make(work: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            use_tiny_faces(published_files, patch)
            face.train_face(fer2013, work, seed=3, epochs=SHORT_FACE)

    return once("face", make)


@pytest.fixture
def shallow_minilm(monkeypatch: pytest.MonkeyPatch) -> None:
    use_shallow_minilm(monkeypatch)


@pytest.fixture(scope="session")
def trained_words(once: Make, texts: Path) -> Path:
    """A work folder after the text recipe; its network is a teacher as well, and needs no large weights."""
    return once("words", lambda work: train_shallow(texts, work / "large", SHORT_TEXT)) / "large"


@pytest.fixture(scope="session")
def trained_voice(once: Make, voices: Path) -> Path:
    """A work folder after the voice recipe, with one synthetic sound instead of 160, and small corpora."""

    def make(work: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            use_few_sounds(patch)
            train_voice(voices, work)

    return once("voice", make)
