"""Late fusion with learned weights."""

import torch
from synthetic_features import CLASSES, DIMS, make_batch, only, separable_batch

from mmer_core import fusion
from mmer_core.labels import Modality


def build(**options):
    torch.manual_seed(0)
    return fusion.create("late_weighted", dims=DIMS, classes=CLASSES, **options).eval()


def test_learned_weights_are_shared_out_among_those_present():
    model, batch = build(), make_batch()
    with torch.no_grad():
        model.preference.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]).log())
    assert torch.allclose(model(batch).weights[0], torch.tensor([0.1, 0.2, 0.3, 0.4]))
    assert torch.allclose(
        model(only(batch, {Modality.TEXT, Modality.VISUAL})).weights[0], torch.tensor([0.25, 0.0, 0.75, 0.0])
    )


def test_the_weight_goes_to_the_modality_that_knows():
    """Three of four modalities are noise: training must find the fourth."""
    torch.manual_seed(0)
    batch = separable_batch()
    for modality in (Modality.TEXT, Modality.AUDIO, Modality.METADATA):
        batch.x[modality].normal_()
    model = build(hidden=()).train()
    model.fit_scaling(batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(model(batch), batch.y).backward()
        optimizer.step()
    assert model(batch).weights[0].argmax().item() == 2
