"""The linear classifier of phrases, and its mean with the sentence network."""

import numpy as np
import pytest
import torch
from recipe_runs import use_shallow_minilm
from safetensors.torch import save_file

from mmer_core.encoders.minilm import MiniLmEncoder
from mmer_core.fusion.heads.words import WordsNetwork
from mmer_core.labels import EMOTIONS
from recipes.words.corpora import Utterances, read_goemotions, read_meld
from recipes.words.network import HEAD_PREFIX, TextClassifier
from recipes.words.phrases import SHARES, best_share, fit_phrases, join, mixed, phrase_predictor
from recipes.words.recipes import TextTraining


@pytest.fixture(scope="module")
def meld(texts):
    return read_meld(texts / "meld", "train")


@pytest.fixture(scope="module")
def classifier():
    with pytest.MonkeyPatch.context() as patch:
        use_shallow_minilm(patch)
        return TextClassifier(TextTraining(rank=2), seed=0)


@pytest.fixture(scope="module")
def comments(texts):
    return read_goemotions(texts / "goemotions")


@pytest.fixture(scope="module")
def phrases(classifier, meld, comments):
    return fit_phrases(classifier, meld, comments)


def test_they_learn(classifier, phrases, meld):
    predict = phrase_predictor(classifier.encoder, phrases)
    for condition in meld.conditions(in_dialogue=False).values():
        assert (condition.logits(predict).argmax(1) == meld.labels).mean() > 0.9


def test_an_emotion_that_the_training_part_lacks_is_not_found(classifier, meld, comments):
    joy = EMOTIONS.index("joy")
    parts = [part.take(np.flatnonzero(part.labels != joy)) for part in (meld, comments)]
    predict = phrase_predictor(classifier.encoder, fit_phrases(classifier, *parts))
    assert not (predict(meld.texts, None).argmax(1) == joy).any()


def test_words_of_comments_are_learned_and_the_frequencies_of_their_emotions_are_not(classifier, meld):
    texts = ("rainbow",) * 20 + ("cellar",) * 20 + ("table",) * 120
    labels = np.array([EMOTIONS.index(e) for e in ("joy",) * 20 + ("fear",) * 20 + ("joy",) * 120])
    comments = Utterances(texts, texts, labels, texts)

    def logits_with(comments, *asked):
        return phrase_predictor(classifier.encoder, fit_phrases(classifier, meld, comments))(asked, None)

    found = logits_with(comments, "rainbow", "cellar", "something else")
    assert [EMOTIONS[i] for i in found[:2].argmax(1)] == ["joy", "fear"]
    (before,) = logits_with(comments.take(np.arange(40)), "something else")
    assert found[2] == pytest.approx(before, abs=0.3), "120 more with joy do not make joy likely elsewhere"


def test_the_joined_head_gives_the_weighted_mean(classifier, phrases, meld, tmp_path, shallow_minilm):
    path = tmp_path / "text.safetensors"
    tensors = join(classifier.tensors(), phrases, 0.3)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    encoder = MiniLmEncoder(delta=path, context=classifier.options.context)
    head = WordsNetwork(encoder.spec.dim, len(EMOTIONS)).eval()
    head.load_state_dict(
        {name.removeprefix(HEAD_PREFIX): t for name, t in tensors.items() if name.startswith(HEAD_PREFIX)}
    )
    expected = mixed(classifier.predict, phrase_predictor(classifier.encoder, phrases), 0.3)
    for condition in meld.conditions(in_dialogue=True).values():
        rows = [torch.from_numpy(x)[None] for x in encoder.encode_texts(condition.texts, condition.context)]
        with torch.inference_mode():
            logits = [head(row, torch.zeros(row.shape[:2], dtype=torch.bool)).numpy() for row in rows]
        # the training computes in bfloat16 where the processor has it
        assert np.concatenate(logits) == pytest.approx(condition.logits(expected), abs=0.03)


def predictors(truth, *strengths):
    """Predictors whose logits hold the truth so strongly, each with errors of its own."""
    random = np.random.default_rng(0)
    tables = [strength * np.eye(7)[truth] + random.normal(size=(len(truth), 7)) for strength in strengths]
    return [lambda *_, table=table: table for table in tables]


@pytest.mark.parametrize(
    ("strengths", "low", "high"),
    [((2.0, 0.0), 0.0, 0.0), ((2.0, 1.0), 0.1, 0.45), ((1.0, 1.0), 0.45, 0.5), ((0.2, 3.0), 0.5, 0.5)],
)
def test_the_share_follows_what_each_knows(strengths, low, high):
    truth = np.random.default_rng(1).integers(0, 7, 1000)
    part = Utterances(("u",) * 1000, ("a",) * 1000, truth, ("g",) * 1000)
    share = best_share(*predictors(truth, *strengths), part.conditions(in_dialogue=False).values())
    assert share in SHARES
    assert low <= share <= high
