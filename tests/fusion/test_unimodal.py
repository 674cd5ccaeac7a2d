"""One modality on its own."""

import pytest
import torch
from synthetic_features import CLASSES, DIMS, make_batch

from mmer_core import fusion
from mmer_core.labels import Modality


def linear_sizes(model):
    return [
        (layer.in_features, layer.out_features)
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear)
    ]


def test_its_sizes_are_the_published_ones():
    model = fusion.create("unimodal", dims={Modality.VISUAL: 2048}, classes=4)
    assert linear_sizes(model) == [(2048, 128), (128, 64), (64, 4)]


def test_it_reads_only_the_modality_it_is_told():
    model = fusion.create("unimodal", dims=DIMS, classes=CLASSES, modality="visual").eval()
    assert model.modalities == (Modality.VISUAL,)
    batch = make_batch()
    output = model(batch)
    assert torch.equal(output.logits, output.unimodal[Modality.VISUAL])
    assert torch.equal(output.logits, model(batch.using({Modality.VISUAL})).logits)
    assert torch.equal(output.weights, torch.ones(len(batch), 1))


def test_its_modality_may_be_called_by_its_everyday_name():
    assert fusion.create("unimodal", dims=DIMS, classes=CLASSES, modality="face").modalities == (
        Modality.VISUAL,
    )


def test_it_must_be_told_which_when_there_are_several():
    with pytest.raises(ValueError, match="set modality to one of text, audio, visual, metadata"):
        fusion.create("unimodal", dims=DIMS, classes=CLASSES)
    with pytest.raises(ValueError, match="there are no text features: set modality to one of audio"):
        fusion.create("unimodal", dims={Modality.AUDIO: 4}, classes=CLASSES, modality="text")
