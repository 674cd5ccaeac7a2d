"""The expert on words, on random vectors."""

import torch

from mmer_core.fusion.heads.words import WordsNetwork


def test_windows_are_averaged_and_padding_may_hold_anything():
    torch.manual_seed(0)
    network = WordsNetwork(dim=8, classes=7, hidden=5).eval()
    x = torch.randn(2, 3, 8)
    pad = torch.tensor([[False, False, True], [False, True, True]])
    x[pad] = torch.nan
    logits = network(x, pad)
    assert logits.shape == (2, 7)
    none = torch.zeros(1, 1, dtype=torch.bool)
    assert torch.allclose(
        logits[0], (network(x[:1, :1], none)[0] + network(x[:1, 1:2], none)[0]) / 2, atol=1e-6
    )
    assert torch.allclose(logits[1], network(x[1:, :1], none)[0], atol=1e-6)


def test_padding_gives_no_gradient_and_windows_do():
    network = WordsNetwork(dim=8, classes=7).eval()
    x = torch.randn(1, 3, 8, requires_grad=True)
    network(x, torch.tensor([[False, False, True]])).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad[0, 2], torch.zeros(8))
    assert x.grad[0, :2].abs().min() > 0


def test_nothing_but_padding_is_finite():
    assert (
        WordsNetwork(dim=8, classes=7)(torch.full((1, 2, 8), torch.nan), torch.ones(1, 2, dtype=torch.bool))
        .isfinite()
        .all()
    )
