"""Training of the classifier on phrases, and its mean with the sentence network."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmer_core.default_model.text_corpora import Utterances, read_meld
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
def trainer():
    return TextTrainer(TextTraining(rank=2), seed=0)


@pytest.fixture(scope="module")
def phrases(trainer, meld):
    return fit_phrases(trainer, meld)


def test_it_learns(trainer, phrases, meld):
    said = judge_of(trainer.encoder, phrases)
    assert (said(meld.texts, None).argmax(1) == meld.labels).mean() > 0.9
    without_marks = meld.ways(in_dialogue=False)["_bare"]
    assert (said(*without_marks).argmax(1) == meld.labels).mean() > 0.9


def test_an_emotion_that_the_training_part_lacks_is_not_found(trainer, meld):
    joy = EMOTIONS.index("joy")
    said = judge_of(trainer.encoder, fit_phrases(trainer, meld.take(np.flatnonzero(meld.labels != joy))))
    assert not (said(meld.texts, None).argmax(1) == joy).any()


def test_the_joined_expert_answers_with_the_weighted_mean(trainer, phrases, meld, tmp_path):
    path = tmp_path / "text.safetensors"
    tensors = join(trainer.tensors(), phrases, 0.3)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    encoder = MiniLmEncoder(delta=path, context=trainer.options.context)
    expert = WordsNetwork(encoder.spec.dim, len(EMOTIONS)).eval()
    expert.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items() if name.startswith("expert.")})
    expected = mixed(trainer.answer, judge_of(trainer.encoder, phrases), 0.3)
    for way in meld.ways(in_dialogue=True).values():
        rows = [torch.from_numpy(row).unsqueeze(0) for row in encoder.encode_texts(*way)]
        with torch.inference_mode():
            logits = np.concatenate([expert(row, torch.zeros(row.shape[:2], dtype=torch.bool)).numpy() for row in rows])
        assert logits == pytest.approx(expected(*way), abs=0.03)  # the training computes in bfloat16


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
    share = best_share(*judges(truth, *strengths), part, in_dialogue=False)
    assert share in SHARES
    assert low <= share <= high
