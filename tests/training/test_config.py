"""Presets stay what was published, whatever the defaults become."""

from dataclasses import fields

import pytest
import torch

from mmer_core import fusion
from mmer_core.labels import Modality
from mmer_core.training.config import PRESETS, Preset, TrainingConfig

PUBLISHED = [name for name in PRESETS if name != "default"]


def test_the_first_preset_changes_nothing():
    assert next(iter(PRESETS)) == "default"
    assert PRESETS["default"].config() == TrainingConfig()
    assert PRESETS["default"].options == {}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_preset_leaves_no_option_of_its_networks_to_the_defaults(name):
    preset = PRESETS[name]
    assert preset.options
    for network, options in preset.options.items():
        kind = fusion.factory(network).Options
        assert set(options) == {f.name for f in fields(kind)} - {"modality"}
        assert kind.from_json(options).to_json() == kind(**options).to_json()
    conventions = {"precision", "plateau_patience"}  # where nothing is lowered, patience decides nothing
    assert {f.name for f in fields(TrainingConfig)} - set(preset.training) <= conventions


@pytest.mark.parametrize("name", ["early_late", "handmade", "attention"])
def test_what_was_published_is_not_regularised(name):
    config = PRESETS[name].config()
    assert (config.optimizer, config.learning_rate, config.weight_decay) == ("adam", 1e-3, 1e-5)
    assert (config.batch_size, config.epochs, config.refit, config.label_smoothing) == (32, 50, False, 0.0)


@pytest.mark.parametrize(
    ("network", "hidden"), [("early", (256, 128)), ("unimodal", (128, 64)), ("late_vote", (128, 64))]
)
def test_published_early_and_late_fusion_have_no_dropout(network, hidden):
    options = PRESETS["early_late"].options[network]
    model = fusion.create(network, dims={Modality.TEXT: 768}, classes=4, **options)
    assert model.options.hidden == hidden
    assert all(m.p == 0 for m in model.modules() if isinstance(m, torch.nn.Dropout))


def test_the_published_ensemble():
    config = PRESETS["ensemble"].config()
    assert (config.optimizer, config.learning_rate, config.weight_decay) == ("adamw", 1e-4, 1e-5)
    assert (config.batch_size, config.epochs, config.spec_augment) == (32, 15, True)
    assert (config.plateau_factor, config.plateau_patience) == (0.5, 3)
    assert config.clip_norm > 0
    assert fusion.factory("ensemble").Options.from_json(PRESETS["ensemble"].options["ensemble"]).dropout == (
        0.4,
        0.3,
    )


def test_single_fields_of_a_preset_can_be_changed():
    preset = Preset("x", {"epochs": 3})
    assert preset.config(epochs=4) == TrainingConfig(epochs=4)
    assert preset.config(batch_size=8) == TrainingConfig(epochs=3, batch_size=8)
