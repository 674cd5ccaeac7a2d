"""What the voice network promises: length, padding and neighbours in a batch do not matter, every branch
learns.
"""

from __future__ import annotations

import pytest
import torch

from mmer_core.fusion.heads.voice import AttentionPooling, VoiceNetwork, masked_moments

OPTIONS = {
    "speech": 12,
    "mels": 16,
    "prosody": 5,
    "level": 0,
    "voicing": 2,
    "classes": 7,
    "dim": 16,
    "widths": (4, 8),
    "heads": 2,
}
DIM = 12 + 16 + 5


@pytest.fixture
def network() -> VoiceNetwork:
    torch.manual_seed(0)
    network = VoiceNetwork(**OPTIONS).eval()
    network.mean.normal_()
    network.std.uniform_(0.5, 2.0)
    return network


def frames(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    """Random frames with a plausible level (dB) and voicing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, length, DIM, generator=generator)
    x[..., 28] = -30 + 10 * x[..., 28]
    x[..., 30] = torch.rand(batch, length, generator=generator)
    return x


def no_pad(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(x.shape[:2], dtype=torch.bool)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 100])
def test_any_length_gives_finite_logits(network: VoiceNetwork, length: int) -> None:
    x = frames(2, length)
    logits = network(x, no_pad(x))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("length", [1, 2, 5, 16])
@pytest.mark.parametrize("extra", [1, 2, 3, 50])
def test_padding_does_not_matter(network: VoiceNetwork, length: int, extra: int) -> None:
    x = frames(1, length)
    padded = torch.cat([x, torch.full((1, extra, DIM), 1e4)], dim=1)
    pad = torch.cat([no_pad(x), torch.ones(1, extra, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(network(padded, pad), network(x, no_pad(x)), rtol=1e-4, atol=1e-5)


def test_neighbours_in_the_batch_do_not_matter(network: VoiceNetwork) -> None:
    x = frames(4, 20)
    together = network(x, no_pad(x))
    for i in range(4):
        torch.testing.assert_close(network(x[i : i + 1], no_pad(x)[:1])[0], together[i], rtol=1e-4, atol=1e-5)


def test_the_same_input_gives_the_same_logits(network: VoiceNetwork) -> None:
    x = frames(2, 30)
    torch.testing.assert_close(network(x, no_pad(x)), network(x, no_pad(x)), rtol=0, atol=0)


def test_the_colour_of_the_microphone_does_not_reach_the_mel_branch(network: VoiceNetwork) -> None:
    x = frames(2, 40)
    coloured = x.clone()
    coloured[..., 12:28] += torch.linspace(-20, 20, 16)  # a fixed filter adds a constant to each band
    torch.testing.assert_close(network(coloured, no_pad(x)), network(x, no_pad(x)), rtol=1e-3, atol=1e-4)


def test_gradients_reach_every_parameter(network: VoiceNetwork) -> None:
    x = frames(3, 25)
    joint, views = network.train().views(x, no_pad(x))
    # squares, because the biases of some layers cancel in plain sums
    (joint.square().sum() + views.square().sum()).backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not still


@pytest.mark.parametrize("branch", ["speech", "mel", "prosody"])
def test_every_part_of_the_input_has_a_say(network: VoiceNetwork, branch: str) -> None:
    x = frames(1, 25).requires_grad_()
    network(x, no_pad(x)).square().sum().backward()
    start, stop = {"speech": (0, 12), "mel": (12, 28), "prosody": (28, 33)}[branch]
    assert x.grad is not None
    assert (x.grad[0, :, start:stop].abs().sum(dim=0) > 0).all()


def test_gradients_stay_finite_for_one_frame(network: VoiceNetwork) -> None:
    x = frames(2, 1)
    network(x, no_pad(x)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_the_full_size_is_small() -> None:
    network = VoiceNetwork()
    assert sum(p.numel() for p in network.parameters()) <= 3_000_000
    assert network(torch.zeros(1, 9, 650), torch.zeros(1, 9, dtype=torch.bool)).shape == (1, 7)


def test_options_from_json_build_the_same_network() -> None:
    as_json = {k: list(v) if isinstance(v, tuple) else v for k, v in OPTIONS.items()}
    first, second = VoiceNetwork(**OPTIONS), VoiceNetwork(**as_json)
    assert {k: v.shape for k, v in first.state_dict().items()} == {
        k: v.shape for k, v in second.state_dict().items()
    }


def test_moments_count_frames_by_their_weight() -> None:
    x = torch.tensor([[[1.0], [3.0], [100.0]]])
    mean, deviation = masked_moments(x, torch.tensor([[1.0, 1.0, 0.0]]))
    assert mean.item() == pytest.approx(2.0)
    assert deviation.item() == pytest.approx(1.0, abs=1e-4)
    nothing = masked_moments(x, torch.zeros(1, 3))
    assert nothing[0].item() == 0.0
    assert torch.isfinite(nothing[1]).all()


def test_attention_never_looks_at_padding() -> None:
    torch.manual_seed(0)
    pool = AttentionPooling(8, 2)
    x = torch.randn(1, 6, 8)
    pad = torch.tensor([[False, False, False, True, True, True]])
    other = x.masked_fill(pad.unsqueeze(-1), 1e3)
    torch.testing.assert_close(pool(other, pad), pool(x[:, :3], pad[:, :3]))
