"""The files of Whisper base are found by their content, whole or in parts."""

import hashlib

import pytest

from mmer_core.media import whisper_files
from mmer_core.media.recognised import SpeechUnavailable
from mmer_core.media.whisper_files import ModelFile, Piece, missing, read_files

FIRST, SECOND, WORDS = b"first half, ", b"second half", b"words"


def piece(content: bytes) -> Piece:
    return Piece(len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of weights, empty; small files are looked for, and the library is there."""
    files = (
        ModelFile("model.bin", piece(FIRST + SECOND), (piece(FIRST), piece(SECOND))),
        ModelFile("vocabulary.txt", piece(WORDS)),
    )
    monkeypatch.setattr(whisper_files, "FILES", files)
    monkeypatch.setattr(whisper_files, "LIBRARY", "json")
    monkeypatch.setattr(whisper_files, "PACKAGES", ())
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    return tmp_path


def test_whole_files_are_found_under_any_name(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "blob").write_bytes(FIRST + SECOND)
    (folder / "1").write_bytes(WORDS)
    assert missing() is None
    assert read_files() == {"model.bin": FIRST + SECOND, "vocabulary.txt": WORDS}


def test_parts_are_joined_in_their_order(folder):
    (folder / "a").write_bytes(SECOND)
    (folder / "b").write_bytes(FIRST)
    (folder / "c").write_bytes(WORDS)
    assert read_files()["model.bin"] == FIRST + SECOND


def test_parts_are_found_in_packages_whose_code_never_runs(folder, monkeypatch):
    (folder / "half_a_model" / "data").mkdir(parents=True)
    (folder / "half_a_model" / "__init__.py").write_text("raise RuntimeError('it ran')")
    (folder / "half_a_model" / "data" / "model.bin").write_bytes(FIRST + SECOND)
    monkeypatch.setenv("MMER_MODELS", str(folder / "nowhere"))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(whisper_files, "PACKAGES", ("half_a_model",))
    assert whisper_files.FILES[0].find() == (folder / "half_a_model" / "data" / "model.bin",)
    assert whisper_files.FILES[1].find() is None


def test_another_content_of_the_same_size_is_not_taken(folder):
    (folder / "model.bin").write_bytes(FIRST + SECOND[::-1])
    (folder / "vocabulary.txt").write_bytes(WORDS)
    assert missing() == (
        "Whisper base is not on this machine: download model.bin from huggingface.co/Systran/"
        "faster-whisper-base (145 MB) into the folder that the variable MMER_MODELS names"
    )
    with pytest.raises(SpeechUnavailable, match=r"download model\.bin from"):
        read_files()


def test_one_part_is_not_enough_and_a_missing_library_is_told(folder, monkeypatch):
    (folder / "a").write_bytes(FIRST)
    monkeypatch.setattr(whisper_files, "LIBRARY", "no_such_library")
    reason = missing()
    assert 'run pip install "ctranslate2>=4.8,<5", and download model.bin and vocabulary.txt from' in reason
