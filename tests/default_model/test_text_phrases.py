"""Training of the classifier on phrases, and its mean with the sentence network."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmer_core.default_model.text_corpora import Utterances, read_goemotions, read_meld
from mmer_core.default_model.text_phrases import SHARES, best_share, fit_phrases, join, judge_of, mixed
from mmer_core.default_model.text_recipes import TextTraining
from mmer_core.default_model.text_trainer import TextTrainer
from mmer_core.encoders.text import MiniLmEncoder
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS


@pytest.fixture(scope="module")
def meld(data):
    return read_meld(data / "meld", "train")


@pytest.fixture(scope="module")
def trainer(shallow_minilm):
    return TextTrainer(TextTraining(rank=2), seed=0)


@pytest.fixture(scope="module")
def comments(data):
    return read_goemotions(data / "goemotions")


@pytest.fixture(scope="module")
def phrases(trainer, meld, comments):
    return fit_phrases(trainer, meld, comments)


def test_it_learns(trainer, phrases, meld):
    said = judge_of(trainer.encoder, phrases)
    assert (said(meld.texts, None).argmax(1) == meld.labels).mean() > 0.9
    assert (meld.ways(in_dialogue=False)["_bare"].ask(said).argmax(1) == meld.labels).mean() > 0.9


def test_an_emotion_that_the_training_part_lacks_is_not_found(trainer, meld, comments):
    joy = EMOTIONS.index("joy")
    said = judge_of(trainer.encoder, fit_phrases(trainer, *(part.take(np.flatnonzero(part.labels != joy)) for part in (meld, comments))))
    assert not (said(meld.texts, None).argmax(1) == joy).any()


def test_what_comments_say_is_learned_and_how_frequent_their_emotions_are_is_not(trainer, meld):
    texts = ("rainbow",) * 30 + ("cellar",) * 30 + ("table",) * 340
    labels = np.array([EMOTIONS.index(e) for e in ("joy",) * 30 + ("fear",) * 30 + ("joy",) * 340])
    comments = Utterances(texts, texts, labels, texts)
    said = judge_of(trainer.encoder, fit_phrases(trainer, meld, comments))(["rainbow", "cellar", "something else"], None)
    assert [EMOTIONS[i] for i in said[:2].argmax(1)] == ["joy", "fear"]
    before = judge_of(trainer.encoder, fit_phrases(trainer, meld, comments.take(np.arange(60))))(["something else"], None)[0]
    assert said[2] == pytest.approx(before, abs=0.3)  # 340 more that say joy do not make joy likely elsewhere


def test_the_joined_expert_answers_with_the_weighted_mean(trainer, phrases, meld, tmp_path):
    path = tmp_path / "text.safetensors"
    tensors = join(trainer.tensors(), phrases, 0.3)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    encoder = MiniLmEncoder(delta=path, context=trainer.options.context)
    expert = WordsNetwork(encoder.spec.dim, len(EMOTIONS)).eval()
    expert.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items() if name.startswith("expert.")})
    expected = mixed(trainer.answer, judge_of(trainer.encoder, phrases), 0.3)
    for way in meld.ways(in_dialogue=True).values():
        rows = [torch.from_numpy(row).unsqueeze(0) for row in encoder.encode_texts(way.texts, way.before)]
        with torch.inference_mode():
            logits = np.concatenate([expert(row, torch.zeros(row.shape[:2], dtype=torch.bool)).numpy() for row in rows])
        assert logits == pytest.approx(way.ask(expected), abs=0.03)  # the training computes in bfloat16


def judges(truth, *strengths):
    """Judges whose logits hold the truth so strongly, each with errors of its own; they do not look at the texts."""
    random = np.random.default_rng(0)
    tables = [strength * np.eye(7)[truth] + random.normal(size=(len(truth), 7)) for strength in strengths]
    return [lambda *_, table=table: table for table in tables]


@pytest.mark.parametrize(
    ("strengths", "low", "high"), [((2.0, 0.0), 0.0, 0.0), ((2.0, 1.0), 0.1, 0.45), ((1.0, 1.0), 0.45, 0.5), ((0.2, 3.0), 0.5, 0.5)]
)
def test_the_share_follows_what_each_knows(strengths, low, high):
    truth = np.random.default_rng(1).integers(0, 7, 4000)
    part = Utterances(("u",) * 4000, ("a",) * 4000, truth, ("g",) * 4000)
    share = best_share(*judges(truth, *strengths), part.ways(in_dialogue=False).values())
    assert share in SHARES
    assert low <= share <= high
