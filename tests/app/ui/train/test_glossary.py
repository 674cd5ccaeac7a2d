"""Every name on the Train page is explained, in the words of the file that defines it."""

from __future__ import annotations

import pytest

from mmer_core.encoders import ENCODERS
from mmer_core.fusion import FUSION_MODELS
from mmer_core.training.config import PRESETS
from ui.text import plain, sentence_case
from ui.train.glossary import (
    NETWORK_SOURCES,
    PRESET_SOURCES,
    encoder_line,
    first_sentence,
    network_line,
    preset_line,
)

OWN = [e for e in FUSION_MODELS.entries() if e.module.startswith("mmer_core.")]


@pytest.mark.parametrize("entry", OWN, ids=lambda e: e.name)
def test_a_network_has_its_sentence_and_its_source(entry):
    line = network_line(entry)
    assert plain(sentence_case(first_sentence(entry.module))) in line
    assert "*Source: " in line
    assert "\n" not in line


def test_sources_name_nothing_that_is_not_there():
    assert set(NETWORK_SOURCES) == {e.name for e in OWN}
    assert set(PRESET_SOURCES) == set(PRESETS)


def test_the_names_of_attention_networks_are_explained():
    lines = {e.name: network_line(e) for e in OWN}
    assert "recurrent branches side by side" in lines["mmb"]
    assert "multi\\-level attention" in lines["mmmla"]
    assert "majority vote" in lines["late_vote"]
    assert "network per modality" in lines["late_vote"]
    assert lines["early"].count("side by side") == 1, "nothing is said twice"
    assert "Technical Report" in preset_line("ensemble")


@pytest.mark.parametrize("name", ENCODERS.names())
def test_an_encoder_has_its_sentence(name):
    assert plain(sentence_case(first_sentence(ENCODERS.entry(name).module))) in encoder_line(name)
