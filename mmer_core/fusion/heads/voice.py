"""The voice network: frames of a voice to the logits of its emotion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.fusion.heads import HEADS

_EPSILON = 1e-5
_FRAMES = 1  # the view that is best alone; its mean with the joint answer is better than either


def masked_moments(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over time.

    Args:
        x: (B, T, D).
        weight: (B, T), not negative; where a row is all zeros the mean is zero and the deviation tiny.

    Returns:
        Two (B, D).
    """
    share = (weight / weight.sum(dim=1, keepdim=True).clamp(min=_EPSILON)).unsqueeze(-1)
    mean = (x * share).sum(dim=1)
    variance = ((x - mean.unsqueeze(1)).square() * share).sum(dim=1)
    return mean, (variance + _EPSILON).sqrt()


class AttentionPooling(nn.Module):
    """Mean and spread of the frames, where each head decides which frames count (attentive statistics, Okabe
    et al. 2018).
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.score = nn.Sequential(nn.Linear(dim, dim // 2), nn.Tanh(), nn.Linear(dim // 2, heads))

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        """(B, T, D) and (B, T) to (B, 2 D); head h weighs the h-th part of the features."""
        share = self.score(x).float().masked_fill(pad.unsqueeze(-1), -torch.inf).softmax(dim=1)  # (B, T, H)
        parts = x.float().unflatten(-1, (self.heads, -1))  # (B, T, H, D/H)
        mean = (parts * share.unsqueeze(-1)).sum(dim=1)
        variance = ((parts - mean.unsqueeze(1)).square() * share.unsqueeze(-1)).sum(dim=1)
        return torch.cat([mean.flatten(1), (variance + _EPSILON).sqrt().flatten(1)], dim=1)


class MelNetwork(nn.Module):
    """A small convolutional network over time and frequency.

    Padded frames are zero before each convolution, as beyond the edge, and features are normalised within
    each time step, so neither padding nor the other utterances of a batch matter.
    """

    def __init__(self, mels: int, widths: Sequence[int], dim: int, heads: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip((1, *widths[:-1]), widths, strict=True)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for width in widths)
        bands = -(-mels // 2 ** len(widths))
        self.project = nn.Linear(widths[-1] * bands, dim)
        self.pool = AttentionPooling(dim, heads)

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        """(B, T, M) standardised mel spectrogram and (B, T) to (B, 2 D)."""
        x = x.unsqueeze(1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(x.masked_fill(pad[:, None, :, None], 0.0))  # (B, D, T, M)
            pad = pad[:, ::2]
            x = norm(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (len(pad), -1)).transpose(1, 2)
            x = functional.gelu(x)
        pooled: Tensor = self.pool(functional.gelu(self.project(x.transpose(1, 2).flatten(2))), pad)
        return pooled


class VoiceNetwork(nn.Module):
    """Three views of a voice, pooled over time and joined: the layers of a speech encoder, the mel
    spectrogram, prosody.

    Args:
        speech: columns of the speech encoder's layers, first in the input.
        mels: columns of the mel spectrogram in dB, after them.
        prosody: columns of prosody, last; of these `level` (dB) and `voicing` (0 to 1) tell which frames the
            statistics count.
        level: index among the prosody columns.
        voicing: index among the prosody columns.
        classes: C.
        dim: width of the projected frames.
        widths: channels of the mel branch's convolutions.
        heads: of attention pooling.
        dropout: probability, in training.
    """

    def __init__(
        self,
        *,
        speech: int = 576,
        mels: int = 64,
        prosody: int = 10,
        level: int = 0,
        voicing: int = 2,
        classes: int = 7,
        dim: int = 192,
        widths: Sequence[int] = (16, 32, 64),
        heads: int = 4,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.sizes = [speech, mels, prosody]
        self.level, self.voicing = level, voicing
        self.register_buffer("mean", torch.zeros(speech + mels + prosody))
        self.register_buffer("std", torch.ones(speech + mels + prosody))
        self.frames = nn.Sequential(nn.Dropout(dropout / 2), nn.Linear(speech, dim), nn.GELU())
        self.pool = AttentionPooling(dim, heads)
        self.mel = MelNetwork(mels, widths, dim // 2, heads)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(size), nn.Dropout(dropout), nn.Linear(size, dim), nn.GELU())
            for size in (2 * speech, 2 * dim, dim, 8 * prosody)
        )
        self.view_heads = nn.ModuleList(nn.Linear(dim, classes) for _ in self.branches)
        self.joint = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(dim * len(self.branches), dim), nn.GELU(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(dim, classes)

    mean: Tensor  # (D,) of the training frames
    std: Tensor  # (D,)

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        """Frames to class logits.

        Args:
            x: (B, T, D) float32, D = speech + mels + prosody; padded frames may hold anything finite.
            pad: (B, T) bool, True where there is only padding; at least one frame of each row is not.

        Returns:
            (B, C).
        """
        joint, views = self.views(x, pad)
        return (joint + views[:, _FRAMES]) / 2

    def views(self, x: Tensor, pad: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C) logits of all branches jointly and (B, 4, C) of each alone: speech statistics, speech
        frames, mel, prosody.
        """
        sounding, voiced = self._weights(x, pad)
        x = ((x - self.mean) / self.std).masked_fill(pad.unsqueeze(-1), 0.0)
        speech, mel, prosody = x.split(self.sizes, dim=-1)
        mel = mel - masked_moments(mel, sounding)[0].unsqueeze(1)  # takes out the colour of the microphone
        pooled = (
            torch.cat(masked_moments(speech, sounding), dim=1),
            self.pool(self.frames(speech), pad),
            self.mel(mel, pad),
            torch.cat([_movement(prosody, sounding), _movement(prosody, voiced)], dim=1),
        )
        features = [branch(part) for branch, part in zip(self.branches, pooled, strict=True)]
        views = torch.stack([head(f) for head, f in zip(self.view_heads, features, strict=True)], dim=1)
        return self.head(self.joint(torch.cat(features, dim=1))), views

    def _weights(self, x: Tensor, pad: Tensor) -> tuple[Tensor, Tensor]:
        """The degree to which each frame is sounding (within about 30 dB of the loudest) and voiced: two (B,
        T) in [0, 1], 0 where padded.
        """
        start = self.sizes[0] + self.sizes[1]
        level = x[..., start + self.level].masked_fill(pad, -torch.inf)
        sounding = torch.sigmoid((level - level.amax(dim=1, keepdim=True) + 30.0) / 3.0)
        return sounding, sounding * ((x[..., start + self.voicing] - 0.4) / 0.4).clamp(0.0, 1.0).masked_fill(
            pad, 0.0
        )


def _movement(x: Tensor, weight: Tensor) -> Tensor:
    """Moments of x (B, T, D) and of its steps from frame to frame, under weights (B, T): (B, 4 D)."""
    steps = torch.diff(x, dim=1, prepend=x[:, :1])
    both = weight * torch.cat([torch.zeros_like(weight[:, :1]), weight[:, :-1]], dim=1)
    return torch.cat([*masked_moments(x, weight), *masked_moments(steps, both)], dim=1)


@HEADS.register("voice", description="attention over speech frames, mel bands and prosody")
def voice_head(dim: int, classes: int, /, **options: Any) -> VoiceNetwork:
    """A `VoiceNetwork` for features of width `dim`; ValueError if its columns do not add up to that."""
    network = VoiceNetwork(classes=classes, **options)
    if sum(network.sizes) != dim:
        raise ValueError(
            f"the voice head reads {' + '.join(map(str, network.sizes))} columns, the encoder gives {dim}: "
            "set speech, mels and prosody to what it gives"
        )
    return network
