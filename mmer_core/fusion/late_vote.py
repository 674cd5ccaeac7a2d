"""Late fusion by majority vote."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.late import LateFusion, log_mixture


@FUSION_MODELS.register("late_vote", description="one network per modality, majority vote", order=40)
class LateVote(LateFusion):
    """Each present modality votes for its first class; a tie goes to the lowest class index.

    The probability of a class is its share of the votes with half a vote added to every class (Krichevsky and
    Trofimov 1981), so that a vote of one is not a certainty. Gradients are those of the mean probability,
    since counting has none.
    """

    parts: ClassVar[str | None] = "unimodal"  # each classifier stops at its own best epoch

    def combine(self, unimodal: Tensor, shares: Tensor) -> Tensor:
        votes = F.one_hot(unimodal.argmax(2), self.classes) * (shares > 0)[..., None]
        count = votes.sum(1).to(unimodal.dtype)
        # Decides ties in favour of the lower index.
        order = torch.arange(self.classes, device=count.device) * 1e-4
        logits = ((count + 0.5) / (count.sum(1, keepdim=True) + 0.5 * self.classes)).log() - order
        mean = log_mixture(unimodal, shares)
        return logits + (mean - mean.detach())  # adds exactly 0, and its gradient
