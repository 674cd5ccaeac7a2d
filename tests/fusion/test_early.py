"""Early fusion: one network on concatenated features."""

import torch
from synthetic_features import CLASSES, DIMS, make_batch, only

from mmer_core import fusion
from mmer_core.labels import Modality


def test_its_sizes_are_the_published_ones_plus_a_flag_for_each_modality():
    model = fusion.create(
        "early", dims={Modality.TEXT: 768, Modality.AUDIO: 128, Modality.VISUAL: 2048}, classes=4
    )
    sizes = [
        (layer.in_features, layer.out_features)
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear)
    ]
    assert sizes == [(2944 + 3, 256), (256, 128), (128, 4)]


def test_with_everything_present_the_flags_add_nothing():
    model, batch = fusion.create("early", dims=DIMS, classes=CLASSES).eval(), make_batch()
    before = model(batch).logits
    with torch.no_grad():
        model.classifier[0].weight[:, -len(DIMS) :] += 1.0
    assert torch.equal(model(batch).logits, before)


def test_an_absent_modality_is_not_the_same_as_an_average_one():
    model, batch = fusion.create("early", dims=DIMS, classes=CLASSES).eval(), make_batch(30)
    model.fit_scaling(batch)
    batch.x[Modality.TEXT][:] = model.standardizers["text"].mean
    assert not torch.allclose(model(batch).logits, model(only(batch, set(DIMS) - {Modality.TEXT})).logits)


def test_input_dropout_hides_features_but_not_flags():
    model = fusion.create("early", dims=DIMS, classes=CLASSES, input_dropout=1.0, dropout=0.0).train()
    batch = make_batch()
    assert torch.equal(model(batch).logits[0], model(batch).logits[1])
    assert not torch.equal(model(batch).logits, model(batch.using({Modality.TEXT})).logits)
