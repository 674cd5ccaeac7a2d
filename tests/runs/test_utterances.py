"""The words and clips of a run: found through its request, checked against its ids and fingerprint."""

from __future__ import annotations

import pytest
from media_factory import write_sound

from mmer_core.config import ROOT
from mmer_core.corpora import CorpusError
from mmer_core.runs import utterances
from mmer_core.runs.utterances import of_run, read, request, requested


@pytest.fixture
def manifest(tmp_path):
    """Three clips with words, in our own format; one of the files is missing."""
    folder = tmp_path / "my clips"
    folder.mkdir()
    for name in ("a", "b"):
        write_sound(folder / f"{name}.wav", seconds=0.1)
    lines = [
        "id,path,text,label,speaker",
        "a,a.wav,Well well.,joy,s1",
        "b,b.wav,Go away!,anger,s2",
        "c,,Only words.,neutral,s1",
    ]
    (folder / "clips.csv").write_text("\n".join(lines))
    return folder / "clips.csv"


def trained_on(corpus, **options):
    """run.json of a run on a corpus."""
    return {"request": {"corpus": str(corpus), "corpus_options": options}}


@pytest.mark.parametrize(
    ("record", "spec", "options"),
    [
        (trained_on("ravdess:/no/ravdess", classes=4), "ravdess:/no/ravdess", {"classes": 4}),
        (trained_on("meld:no/meld"), f"meld:{ROOT}/no/meld", {}),
        (trained_on("my clips/clips.csv"), f"{ROOT}/my clips/clips.csv", {}),
        ({}, "", {}),
        ({"command": "python -m mmer_core train --manifest ravdess:/no/ravdess"}, "", {}),
        ({"request": "edited"}, "", {}),
        ({"request": {"corpus": 3}}, "", {}),
    ],
)
def test_the_corpus_is_the_one_the_request_names(record, spec, options):
    found = requested(record)
    assert (found.spec, found.options) == (spec, options)
    assert not found.exists


def test_words_and_clips_of_a_run(manifest):
    wanted = requested(trained_on(manifest))
    assert wanted.exists
    corpus = read(wanted)
    found = of_run(corpus, ["a", "b", "c"], corpus.fingerprint)
    assert found.note == ""
    assert found.table.loc["b", "text"] == "Go away!"
    assert found.table.loc["b", "group"] == "s2"
    assert found.media("a") == manifest.parent / "a.wav"
    assert found.media("c") is None
    assert found.media("stranger") is None
    (manifest.parent / "a.wav").unlink()
    assert found.media("a") is None


def test_another_corpus_than_the_one_trained_on_is_said(manifest):
    corpus = read(request(str(manifest)))
    assert "not exactly the corpus" in of_run(corpus, ["a", "b", "c"], "0" * 64).note
    assert "holds 2 of the 3 utterances" in of_run(corpus, ["a", "b", "x"], corpus.fingerprint).note
    with pytest.raises(CorpusError, match="holds none of this run's utterances"):
        of_run(corpus, ["x", "y"], corpus.fingerprint)


def test_only_the_runs_own_rows_count_for_the_fingerprint(manifest):
    corpus = read(request(str(manifest)))
    assert of_run(corpus, ["a", "b"], corpus.take([0, 1]).fingerprint).note == ""


def test_a_corpus_that_is_not_here_is_one_sentence():
    wanted = requested(trained_on("ravdess:data/nowhere"))
    with pytest.raises(CorpusError, match="ravdess:data/nowhere is not on this machine: name the folder"):
        read(wanted)


def test_a_folder_elsewhere_keeps_reader_and_options(tmp_path):
    wanted = requested(trained_on("ravdess:data/ravdess", classes=4))
    moved = wanted.elsewhere(str(tmp_path))
    assert (moved.spec, moved.options) == (f"ravdess:{tmp_path}", {"classes": 4})
    assert wanted.elsewhere(f"meld:{tmp_path}").spec == f"meld:{tmp_path}"
    assert wanted.elsewhere(f"{tmp_path}/own.csv").spec == f"{tmp_path}/own.csv"


def test_an_empty_request_is_nowhere():
    assert not utterances.CorpusRequest("").exists
