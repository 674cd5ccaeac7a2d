"""Cross-modal attention on top of additive evidence."""

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


def stirred(model):
    """The model with gates, attention and correction that have learned something."""
    with torch.no_grad():
        for branch in model.branches.values():
            for layer in (branch.attended, branch.reliability, branch.together):
                layer.weight.normal_(std=0.5)
    return model


def test_before_training_the_answer_is_the_sum_of_what_each_modality_says():
    output = build()(make_batch())
    assert torch.allclose(output.logits, torch.stack(list(output.opinions.values())).sum(0), atol=1e-5)
    assert torch.allclose(output.weights, torch.full_like(output.weights, 0.25))


def test_an_opinion_hears_only_its_own_modality():
    model, batch = stirred(build()), make_batch()
    together = model(batch).opinions
    for modality in DIMS:
        alone = model(only(batch, {modality}))
        assert torch.equal(alone.opinions[modality], together[modality])
        assert torch.equal(alone.logits.argmax(1), alone.opinions[modality].argmax(1))


def test_the_modalities_correct_each_other_once_they_have_learned_to():
    model, batch = stirred(build()), make_batch()
    output = model(batch)
    gated = sum(2 * branch.reliability(branch.listen(e).state).sigmoid() * output.opinions[m] for (m, e), branch in parts(model, batch))
    assert not torch.allclose(output.logits, gated, atol=1e-3)


def parts(model, batch):
    return zip(model.read(batch).items(), model.branches.values(), strict=True)


def test_when_something_is_said_matters_once_attention_has_learned():
    """Statistics do not know the order of frames; the tokens have no position either, so order may not matter, but moments do."""
    model, batch = stirred(build()), make_batch(longest=dict.fromkeys(DIMS, 8))
    order = torch.randperm(batch.x[Modality.AUDIO].shape[1], generator=torch.Generator().manual_seed(1))
    mixed = FeatureBatch(
        {m: v[:, order] if m is Modality.AUDIO else v for m, v in batch.x.items()},
        {m: v[:, order] if m is Modality.AUDIO else v for m, v in batch.pad.items()},
        batch.present,
    )
    assert torch.allclose(model(batch).logits, model(mixed).logits, atol=1e-4)


def test_what_it_reads_has_the_same_size_however_long_the_sequences():
    model = build(tokens=6)
    for frames in (1, 4, 30):
        evidence = model.read(make_batch(3, longest=dict.fromkeys(DIMS, frames)))
        assert {e.x.shape[1] for e in evidence.values()} == {3 + 6}
        assert sum(e.x[0].numel() for e in evidence.values()) == model.evidence_size


def test_models_that_follow_the_length_of_sequences_say_so():
    assert fusion.create("mmmla", dims=DIMS, classes=CLASSES).evidence_size is None
    assert fusion.create("early", dims=DIMS, classes=CLASSES).evidence_size == sum(DIMS.values())
    assert fusion.create("early", dims=DIMS, classes=CLASSES, pooling="stats").evidence_size == 3 * sum(DIMS.values())
