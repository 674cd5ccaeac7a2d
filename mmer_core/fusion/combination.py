"""Weights of a product of experts, fitted on their answers to held-out utterances."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Weights above 1 would claim more than independence gives.
WEIGHT_RANGE = (0.05, 1.0)


@torch.enable_grad()
def combination_weights(ratios: Tensor, log_prior: Tensor, y: Tensor) -> Tensor:
    """The (K,) weights in `WEIGHT_RANGE` for which `log_prior` plus the weighted log ratios has the least
    cross-entropy.

    Args:
        ratios: (N, K, C) log posterior minus log prior of K experts.
        log_prior: (1, C).
        y: (N,) int64 class indices.
    """
    weight = torch.full((ratios.shape[1],), 0.7, device=ratios.device, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        loss = F.cross_entropy(log_prior + (weight[:, None] * ratios).sum(dim=1), y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            weight.clamp_(*WEIGHT_RANGE)
    return weight.detach()
