"""How much of a network that was reminded of comments is shipped."""

import numpy as np
import pytest
import torch

from mmer_core.default_model.text_corpora import read_meld
from mmer_core.default_model.text_recipes import TextTraining
from mmer_core.default_model.text_reminder import blend, free_share
from mmer_core.default_model.text_stage import Stage
from mmer_core.default_model.text_trainer import TextTrainer, holding

OPTIONS = TextTraining(rank=2, batch=16)
HEAD = "expert.layers.1.weight"


@pytest.fixture(scope="module")
def meld(data):
    return read_meld(data / "meld", "train")


@pytest.fixture(scope="module")
def trained(meld, tmp_path_factory):
    trainer = TextTrainer(OPTIONS, seed=0)
    Stage("meld", trainer, meld, epochs=4, rate=5e-3, checkpoint=tmp_path_factory.mktemp("stage") / "s.safetensors").run()
    return trainer.tensors()


def test_the_blend_lies_between_both(trained, meld):
    other = trained | {HEAD: -trained[HEAD]}
    whole, half, none = (holding(OPTIONS, blend(trained, other, share)).answer(meld.texts) for share in (0.0, 0.5, 1.0))
    assert half == pytest.approx((whole + none) / 2, abs=0.1)  # bfloat16
    assert np.ptp(whole) > 1


def test_nothing_of_it_is_shipped_unless_asked_for(trained):
    same = blend(trained, trained | {HEAD: -trained[HEAD]}, 0.0)
    assert all(torch.equal(same[name], trained[name]) for name in trained)


def test_what_costs_something_is_left_out_and_what_costs_nothing_is_not(trained, meld):
    ways = meld.ways(in_dialogue=False).values()
    noise = 20 * torch.randn(trained[HEAD].shape, generator=torch.Generator().manual_seed(0))
    worse = trained | {HEAD: trained[HEAD] + noise}
    assert free_share(OPTIONS, trained, worse, ways) == 0.0
    assert free_share(OPTIONS, worse, trained, ways) == 0.5
