"""Cross-modal attention as a correction of summed unimodal predictions."""

import torch
from synthetic_features import CLASSES, DIMS, make_batch, only

from mmer_core import fusion
from mmer_core.features.batch import FeatureBatch
from mmer_core.labels import Modality


def build(**options):
    torch.manual_seed(0)
    model = fusion.create("crossmodal", dims=DIMS, classes=CLASSES, **options)
    model.fit_scaling(make_batch(40, seed=9))
    return model.eval()


def as_if_trained(model):
    """The model with gates, attention and correction away from zero."""
    with torch.no_grad():
        for branch in model.branches.values():
            for layer in (branch.attended_to_state, branch.state_to_gate, branch.attended_to_logits):
                layer.weight.normal_(std=0.5)
    return model


def test_before_training_the_logits_are_the_sum_of_the_unimodal_ones():
    output = build()(make_batch())
    assert torch.allclose(output.logits, torch.stack(list(output.unimodal.values())).sum(0), atol=1e-5)
    assert torch.allclose(output.weights, torch.full_like(output.weights, 0.25))


def test_a_unimodal_prediction_reads_only_its_own_modality():
    model, batch = as_if_trained(build()), make_batch()
    together = model(batch).unimodal
    for modality in DIMS:
        alone = model(only(batch, {modality}))
        assert torch.equal(alone.unimodal[modality], together[modality])
        assert torch.equal(alone.logits.argmax(1), alone.unimodal[modality].argmax(1))


def test_the_modalities_correct_each_other_once_attention_is_trained():
    model, batch = as_if_trained(build()), make_batch()
    output = model(batch)
    gated = sum(branch.gate(branch.encode(e)) * output.unimodal[m] for (m, e), branch in parts(model, batch))
    assert not torch.allclose(output.logits, gated, atol=1e-3)


def parts(model, batch):
    return zip(model.read(batch).items(), model.branches.values(), strict=True)


def test_the_order_of_frames_does_not_matter():
    """Neither statistics nor tokens know positions."""
    model, batch = as_if_trained(build()), make_batch(longest=dict.fromkeys(DIMS, 8))
    order = torch.randperm(batch.x[Modality.AUDIO].shape[1], generator=torch.Generator().manual_seed(1))
    mixed = FeatureBatch(
        {m: v[:, order] if m is Modality.AUDIO else v for m, v in batch.x.items()},
        {m: v[:, order] if m is Modality.AUDIO else v for m, v in batch.pad.items()},
        batch.present,
    )
    assert torch.allclose(model(batch).logits, model(mixed).logits, atol=1e-4)


def test_it_reads_at_most_as_many_numbers_as_it_says():
    model = build(tokens=6)
    for frames in (1, 4, 30):
        inputs = model.read(make_batch(3, longest=dict.fromkeys(DIMS, frames)))
        assert {e.x.shape[1] for e in inputs.values()} <= set(range(3 + 1, 3 + 6 + 1))
        assert sum(e.x[0].numel() for e in inputs.values()) <= model.input_size
    assert sum(e.x[0].numel() for e in inputs.values()) == model.input_size


def test_only_networks_that_follow_the_length_of_sequences_have_no_input_size():
    assert fusion.create("mmmla", dims=DIMS, classes=CLASSES).input_size is None
    assert fusion.create("early", dims=DIMS, classes=CLASSES).input_size == sum(DIMS.values())
    assert fusion.create("early", dims=DIMS, classes=CLASSES, pooling="stats").input_size == 3 * sum(
        DIMS.values()
    )
