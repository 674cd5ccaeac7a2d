"""The ensemble of early and late fusion."""

import torch
from synthetic_features import CLASSES, DIMS, make_batch, only

from mmer_core import fusion
from mmer_core.fusion.ensemble import FrameConvolution, PresentBatchNorm
from mmer_core.fusion.layers import ModalityFeatures
from mmer_core.labels import Modality

PUBLISHED = {Modality.TEXT: 768, Modality.AUDIO: 40, Modality.VISUAL: 512}


def test_its_sizes_are_the_published_ones():
    shapes = {
        name: tuple(p.shape)
        for name, p in fusion.create("ensemble", dims=PUBLISHED, classes=7).named_parameters()
    }
    assert shapes["projections.text.weight"] == (256, 768)
    assert shapes["projections.visual.weight"] == (256, 512)
    assert shapes["convolutions.audio.first.weight"] == (64, 40, 3)
    assert shapes["convolutions.audio.second.weight"] == (128, 64, 3)
    assert shapes["projections.audio.weight"] == (256, 128)
    assert shapes["early_first.weight"] == (512, 768)
    assert shapes["early_second.weight"] == (256, 512)
    assert shapes["early_last.weight"] == (7, 256)
    assert shapes["late.text.0.weight"] == (128, 256)
    assert shapes["balance"] == (2,)


def test_the_balance_moves_the_answer_between_its_two_paths():
    torch.manual_seed(0)
    model, batch = fusion.create("ensemble", dims=DIMS, classes=CLASSES).eval(), make_batch()

    def answer(early, late):
        with torch.no_grad():
            model.balance.copy_(torch.tensor([early, late]))
        return model(batch)

    late = torch.stack(list(answer(-20.0, 20.0).unimodal.values())).mean(0)
    assert torch.allclose(answer(-20.0, 20.0).logits, late, atol=1e-5)
    early = answer(20.0, -20.0).logits
    assert torch.allclose(answer(0.0, 0.0).logits, (early + late) / 2, atol=1e-5)


def test_the_late_path_averages_only_those_present():
    model, batch = fusion.create("ensemble", dims=DIMS, classes=CLASSES).eval(), make_batch()
    with torch.no_grad():
        model.balance.copy_(torch.tensor([-20.0, 20.0]))
    output = model(only(batch, {Modality.AUDIO}))
    assert torch.allclose(output.logits, output.unimodal[Modality.AUDIO], atol=1e-5)


def test_batch_statistics_come_from_rows_that_have_something():
    norm = PresentBatchNorm(3).train()
    rows = torch.tensor([True, False, True, True])
    x = torch.randn(4, 3)
    x[1] = 1e6
    out = norm(x, rows)
    assert torch.allclose(out[rows].mean(0), torch.zeros(3), atol=1e-5)
    assert torch.equal(out[1], torch.zeros(3))
    assert torch.allclose(norm.norm.running_mean, 0.1 * x[rows].mean(0), atol=1e-5)


def test_a_batch_of_one_is_normalised_as_in_use_and_leaves_no_statistics():
    norm = PresentBatchNorm(3).train()
    x = torch.randn(1, 3)
    trained = norm(x, torch.tensor([True]))
    assert norm.norm.num_batches_tracked == 0
    assert torch.equal(trained, norm.eval()(x, torch.tensor([True])))


def test_frames_are_convolved_as_if_the_sequence_ended_at_its_padding():
    torch.manual_seed(0)
    branch, x = FrameConvolution(4), torch.randn(1, 7, 4)
    alone = branch(ModalityFeatures(x, torch.ones(1, 7, dtype=torch.bool)))
    longer = ModalityFeatures(torch.cat([x, torch.zeros(1, 6, 4)], 1), torch.arange(13)[None] < 7)
    assert torch.allclose(alone, branch(longer), atol=1e-6)
