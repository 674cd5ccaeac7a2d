"""Words of other languages: made-up vectors that know the emotion, few utterances, and the merged files."""

import json

import numpy as np
import pytest
import torch
from recipe_data import PHRASES
from recipe_steps import detector, write_words
from safetensors.torch import load_file

from mmer_core.encoders.multilingual import WIDTH
from mmer_core.fusion import heads
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.uncertainty import out_of_distribution
from recipes import left_out
from recipes.words import language_corpora, languages
from recipes.words.language_classifier import Foreign, fit_linear, temperature_of
from recipes.words.language_corpora import Part, read_parts, with_vectors, without_translations
from recipes.words.language_detector import joined_detector
from recipes.words.language_merge import merge_languages
from recipes.words.languages import LanguageTraining, train_languages

HEADER = "text\tlabel7\toriginal_label\tlanguage\n"
SHORT = LanguageTraining(l2=(1e-3,), shares=(1.0,))
ENGLISH_DIM = 384


def embed(texts):
    """Noise about a direction for each emotion; lines in Russian have none."""
    vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for i, text in enumerate(texts):
        rng = np.random.default_rng(list(text.encode()))
        vectors[i, 10:] = 0.06 * rng.normal(size=WIDTH - 10)
        for emotion, phrases in PHRASES.items():
            if any(phrase in text for phrase in phrases) and not text.startswith("ru"):
                vectors[i, EMOTIONS.index(emotion)] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def data(texts, tmp_path, monkeypatch):
    """MELD, GoEmotions, and XED in English, German, and Russian that nobody can read."""
    monkeypatch.setattr(language_corpora, "multilingual_vectors", embed)
    monkeypatch.setattr(languages, "FEWEST", 20)
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("meld", "goemotions"):
        (folder / name).symlink_to(texts / name)
    (folder / "texts/xed").mkdir(parents=True)
    spoken = [e for e in EMOTIONS if e != "neutral"]

    def lines(language, emotions):
        return [
            f"{language} {n} {phrase}\t{e}\t-\t{language}"
            for e in emotions
            for phrase in PHRASES[e]
            for n in range(4)
        ]

    rows = {
        "en.tsv": lines("en", EMOTIONS),
        "projections_20_languages.tsv": [
            *lines("de", spoken),
            *lines("ru", spoken),
            *lines("fi", spoken),
            *lines("cn", spoken)[:3],
        ],
    }
    for name, texts_of in rows.items():
        text = HEADER + "\n".join(texts_of)
        (folder / "texts/xed" / name).write_text(text, encoding="utf-8")
    return folder


def test_languages_that_the_encoder_knows_are_read(data):
    parts = read_parts(data)
    assert {name: (part.language, len(part.labels)) for name, part in parts.items()} == {
        "en": ("en", 84),
        "de": ("de", 72),
        "ru": ("ru", 72),
        "zh": ("zh", 3),
        "meld": ("en", 63),
        "goemotions": ("en", 7),
    }


def test_vectors_are_computed_once_for_the_same_texts(data, tmp_path, monkeypatch):
    parts = read_parts(data)
    first = with_vectors(parts, tmp_path)
    monkeypatch.setattr(language_corpora, "multilingual_vectors", lambda texts: 1 / 0)
    again = with_vectors(parts, tmp_path)
    np.testing.assert_array_equal(again["de"].vectors, first["de"].vectors)
    with pytest.raises(ZeroDivisionError):
        with_vectors({"de": parts["de"]}, tmp_path)


def test_what_may_be_a_translation_is_left_out_with_the_language():
    eye = np.eye(6, dtype=np.float32)
    labels = np.zeros(6, dtype=np.int64)

    def part(rows, translated=True):
        texts = tuple(f"{row}" for row in rows)
        return Part("en", texts, labels[: len(rows)], eye[rows], translated)

    half = part([0, 1, 4])
    half.vectors[2] = (eye[4] + eye[5]) / np.sqrt(2)
    parts = {"de": part([0, 4]), "en": half, "es": part([1, 2]), "meld": part([0, 4], translated=False)}
    left = without_translations(parts, "de")
    assert left["en"].texts == ("1",), "one is the same, and one is similar"
    assert len(left["es"].texts) == 1, "the most similar one, however little"
    assert len(left["meld"].texts) == 2
    assert "de" not in left


def test_logits_are_under_the_frequencies_of_the_reference():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(600, 4)).astype(np.float32) * 1e-3
    labels = np.repeat([1, 2], [500, 100])
    reference = np.repeat(np.arange(7), [400, 50, 50, 1, 1, 1, 1])
    fitted = fit_linear([Part("en", ("",) * 600, labels, vectors)], reference, l2=1.0, share=1.0)
    logits = fitted.logits(vectors[:1])[0]
    assert logits[1] == pytest.approx(logits[2], abs=0.02), "as frequent as in the reference"


def test_the_temperature_of_logits_that_are_too_sure():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 800)
    sure = 6 * np.eye(7)[np.where(rng.random(800) < 0.6, labels, rng.integers(0, 7, 800))]
    assert temperature_of([Foreign(labels, sure, np.zeros(7))]) > 1.5


def test_languages_that_are_surely_read_are_named_and_the_files_written(data, tmp_path):
    work = tmp_path / "work"
    report = train_languages(data, work, seed=1, options=SHORT)
    assert json.loads((work / "languages.json").read_text(encoding="utf-8")) == report
    assert report["languages"] == ["en", "de"], "nobody can read the Russian"
    german, russian = report["figures"]["de"], report["figures"]["ru"]
    assert german["n"] == 72
    assert german["ua"] > 0.9
    assert german["majority"] == pytest.approx(1 / 6, abs=1e-3)
    assert russian["ua"] < 0.5
    assert report["figures"]["en"]["as_answered"]["recall"].keys() == set(EMOTIONS)
    assert left_out.read(work / "languages_strangers.parquet").keys() == {"de", "ru", "en"}
    assert report["prior"].keys() == set(EMOTIONS)
    tensors = load_file(work / "languages.safetensors")
    assert tensors["expert.other.layers.1.weight"].shape == (7, WIDTH)


def test_without_a_language_that_can_be_measured_it_says_so(data, tmp_path, monkeypatch):
    monkeypatch.setattr(languages, "FEWEST", 100)
    with pytest.raises(ValueError, match="has 100 utterances: give XED as published"):
        train_languages(data, tmp_path / "work", options=SHORT)


def test_merged_words_read_english_as_before_and_the_other_languages(data, tmp_path):
    work, out = tmp_path / "work", tmp_path / "merged"
    train_languages(data, work, options=SHORT)
    with pytest.raises(ValueError, match=r"text\.json is missing: run the steps words and languages first"):
        merge_languages(work, out)
    write_words(work, "minilm", ENGLISH_DIM, seed=1)
    out_of_distribution.save(work, {Modality.TEXT: detector(ENGLISH_DIM)})
    with pytest.raises(ValueError, match="name another"):
        merge_languages(work, work)
    report = merge_languages(work, out)
    assert json.loads((out / "text.json").read_text(encoding="utf-8")) == report
    assert (report["encoder"], report["languages"]) == ("words_by_language", ["en", "de"])
    tensors = {k.removeprefix("expert."): t for k, t in load_file(out / "text.safetensors").items()}
    head = heads.create("words_by_language", report["dim"], len(EMOTIONS), **report["head"]["options"]).eval()
    head.load_state_dict({k: t.float() for k, t in tensors.items()})
    before = load_file(work / "text.safetensors")
    assert torch.equal(tensors["english.layers.1.weight"], before["expert.layers.1.weight"])
    x = torch.zeros(1, 1, report["dim"])
    x[0, 0, ENGLISH_DIM:-1] = torch.from_numpy(embed([PHRASES["joy"][0]])[0])
    x[..., -1] = 1
    logits = head(x, torch.zeros(1, 1, dtype=torch.bool))[0]
    assert EMOTIONS[int(logits.argmax())] == "joy"
    assert (out / "text_strangers.parquet").is_file()
    assert out_of_distribution.load(out)[Modality.TEXT].mean.shape == (report["dim"],)


def test_the_joined_detector_gives_the_distance_of_each(tmp_path):
    english, other = detector(5), detector(4)
    joined = joined_detector(english, other)
    rng = np.random.default_rng(0)
    words, vectors = rng.normal(size=(3, 5)), rng.normal(size=(3, 4))
    first = np.concatenate([words, np.zeros((3, 5))], axis=1)
    second = np.concatenate([np.zeros((3, 5)), vectors, np.ones((3, 1))], axis=1)
    np.testing.assert_allclose(joined.distances(first), english.distances(words), rtol=1e-4)
    expected = other.distances(vectors) / other.limit
    np.testing.assert_allclose(joined.distances(second) / joined.limit, expected, rtol=1e-4)
    out_of_distribution.save(tmp_path, {Modality.TEXT: joined})
    stored = out_of_distribution.load(tmp_path)[Modality.TEXT]
    np.testing.assert_allclose(stored.distances(second) / stored.limit, expected, rtol=1e-2)


def test_other_languages_are_answered_under_frequencies_of_their_own(data, tmp_path):
    work = tmp_path / "work"
    train_languages(data, work, options=SHORT)
    write_words(work, "minilm", ENGLISH_DIM, seed=1)
    (work / "text_strangers.parquet").unlink()
    report = json.loads((work / "text.json").read_text())
    answered = np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    report["answer_prior"] = dict(zip(EMOTIONS, answered.tolist(), strict=True))
    (work / "text.json").write_text(json.dumps(report))
    bias = load_file(work / "languages.safetensors")["expert.other.layers.1.bias"].numpy()
    for step in (0.0, 1.0):  # MELD's are equal here
        merged = merge_languages(work, tmp_path / f"{step}", step)
        assert merged["english_temperature"] == 1.0, "there is nothing to fit it on"
        found = load_file(tmp_path / f"{step}/text.safetensors")["expert.other.layers.1.bias"]
        np.testing.assert_allclose(found.numpy(), bias + np.log(1 / 7) - np.log(answered), atol=2e-3)
