"""What is trained on a device stays there: networks, inputs and labels, whatever the settings.

No accelerator is needed: the device is a pretended one (see `pretend_device`) that refuses tensors of the
processor as a real one does. What it cannot show is speed, and numbers in another precision.
"""

import numpy as np
import pytest
import torch
from feature_tables import DIMS, make_table
from pretend_device import PretendTensor, move, pretended_device

from mmer_core import fusion
from mmer_core.labels import Modality
from mmer_core.training import loop
from mmer_core.training.config import TrainingConfig
from mmer_core.training.fusion_task import build
from mmer_core.training.inputs import InputSource, logits_of

TRAIN, VALIDATION = np.arange(60), np.arange(60, 90)
PLAIN = TrainingConfig(epochs=2)
EVERYTHING = TrainingConfig(
    epochs=1,
    optimizer="adamw",
    class_weights="balanced",
    modality_dropout=0.2,
    plateau_factor=0.5,
    clip_norm=1.0,
    spec_augment=True,
    temporal_sampling=0.2,
)


def table_for(name, **options):
    dims = {Modality.AUDIO: DIMS[Modality.AUDIO]} if name == "unimodal" else DIMS
    return make_table(dims=dims, frames=3, absent=0.1 if len(dims) > 1 else 0.0, **options)


def trained(name, table, config, device, views=()):
    model = build(name, {}, table, config, 0)
    if device.type != "cpu":
        move(model)
    return model, loop.fit(model, table, TRAIN, VALIDATION, config, seed=0, views=views, device=device)


def assert_same(one, other):
    """Up to rounding: a recurrent network takes another kernel on the processor."""
    for row, expected in zip(one.history, other.history, strict=True):
        assert row == pytest.approx(expected, rel=1e-4)
    assert one.best_epoch == other.best_epoch


@pytest.mark.parametrize("name", fusion.names())
def test_training_on_a_device_is_training_on_the_processor(name, monkeypatch):
    table = table_for(name)
    here, expected = trained(name, table, PLAIN, torch.device("cpu"))
    with pretended_device(monkeypatch) as device:
        there, fitted = trained(name, table, PLAIN, device)
        source = InputSource(there, table, VALIDATION)
        subsets = [table.modalities, table.modalities[:1]]
        kept = source.take(torch.tensor([61]))
        answers = logits_of(there, source, torch.from_numpy(VALIDATION), subsets)
    assert all(isinstance(value, PretendTensor) for value in there.state_dict().values())
    assert all(isinstance(e.x, PretendTensor) for e in kept.values())
    assert_same(fitted, expected)
    assert type(answers) is torch.Tensor
    own = logits_of(here, InputSource(here, table, VALIDATION), torch.from_numpy(VALIDATION), subsets)
    torch.testing.assert_close(answers, own)


@pytest.mark.parametrize("name", ["early", "mmmla", "crossmodal", "ensemble"])
@pytest.mark.parametrize("sentiment_weight", [0.0, 0.5])
def test_no_setting_leaves_the_device(name, sentiment_weight, monkeypatch):
    table = table_for(name, sentiment=True)
    config = TrainingConfig(**{**EVERYTHING.to_json(), "sentiment_weight": sentiment_weight})
    expected = trained(name, table, config, torch.device("cpu"), views=[table])[1]
    with pretended_device(monkeypatch) as device:
        assert_same(trained(name, table, config, device, views=[table])[1], expected)


def test_the_pretended_device_refuses_what_a_real_one_refuses(monkeypatch):
    with pretended_device(monkeypatch) as device:
        ones = torch.ones(3, device=device)
        with pytest.raises(RuntimeError, match=r"mixes the device with a tensor \(3,\) of the processor"):
            ones + torch.ones(3)
        assert (ones + torch.tensor(1.0)).tolist() == [2, 2, 2]
