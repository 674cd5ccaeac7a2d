"""BERT's encoder (Devlin et al. 2019) and MPNet's (Song et al. 2020) in plain torch, with low-rank adapters
(Hu et al. 2022).

Kept beside transformers, whose import takes 2.3 s where this module takes .04 s, so that the first answer to
a sentence would take 4.4 s instead of 2.2; a sentence then takes 9.5 ms with its BertModel and 6.8 ms here,
a batch of 64 the same (MiniLM, 18 tokens, one thread). Parameters carry the names of published checkpoints,
so their files load as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.config import JsonConfig


@dataclass(frozen=True)
class BertOptions(JsonConfig):
    """Sizes of a BERT encoder; the defaults are those of MiniLM-L6-H384.

    Attributes:
        first_position: row of the position embeddings that the first token takes.
        types: kinds of sentences the embeddings tell apart; 0 for none.
        distances: buckets of the distance between two tokens, each with a bias to the attention of every head
            (MPNet); 0 for none.
    """

    vocabulary: int = 30522
    positions: int = 512
    width: int = 384
    hidden: int = 1536
    layers: int = 6
    heads: int = 12
    epsilon: float = 1e-12
    first_position: int = 0
    types: int = 2
    distances: int = 0


def bert_tensor_name(published: str) -> str | None:
    """The name here of a tensor in a published checkpoint; None for those of heads, which are not read.

    Original BERT files have a prefix, and other names in their layer norms.
    """
    name = published.removeprefix("bert.").replace("gamma", "weight").replace("beta", "bias")
    own = name.startswith(("embeddings.", "encoder.")) and not name.endswith("position_ids")
    return name if own else None


class BertNetwork(nn.Module):
    """Tokens to contextual vectors.

    Args:
        options: the sizes.
        dropout: probability after embeddings, attention and feed-forward parts; only active in training mode.
    """

    def __init__(self, options: BertOptions, dropout: float = 0.1) -> None:
        super().__init__()
        self.options = options
        self.dropout = dropout
        rows = {"word": options.vocabulary, "position": options.positions, "token_type": options.types}
        tables = {f"{name}_embeddings": _table(count, options.width) for name, count in rows.items() if count}
        self.embeddings = nn.ModuleDict({**tables, "LayerNorm": nn.LayerNorm(options.width, options.epsilon)})
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_layer(options) for _ in range(options.layers))})
        if options.distances:
            self.encoder["relative_attention_bias"] = _table(options.distances, options.heads)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Encode B texts.

        Args:
            tokens: (B, T) int64, T at most `options.positions` - `options.first_position`.
            mask: (B, T) bool, True where there is a token and False where there is padding.

        Returns:
            (B, T, D) float32; rows of padding hold no meaning.
        """
        part: Any = self.embeddings
        position = torch.arange(tokens.shape[1], device=tokens.device)
        x = part["word_embeddings"](tokens) + part["position_embeddings"](
            position + self.options.first_position
        )
        if self.options.types:
            x = x + part["token_type_embeddings"].weight[0]
        x = self._drop(part["LayerNorm"](x))
        allowed = self._allowed(mask, position)
        layers: Any = self.encoder["layer"]
        for layer in layers:
            x = self._attend(layer["attention"], x, allowed)
            hidden = functional.gelu(layer["intermediate"]["dense"](x))
            x = layer["output"]["LayerNorm"](x + self._drop(layer["output"]["dense"](hidden)))
        return x.float()

    def _allowed(self, mask: Tensor, position: Tensor) -> Tensor:
        """The mask or bias of the attention scores: (B, 1, 1, T) bool, or (B, H, T, T) with a bias by
        distance.
        """
        allowed = mask[:, None, None, :]
        if not self.options.distances:
            return allowed
        table: Any = self.encoder["relative_attention_bias"]
        bias = table(distance_buckets(position[None, :] - position[:, None], self.options.distances)).permute(
            2, 0, 1
        )
        return torch.where(allowed, bias, float("-inf"))

    def _attend(self, part: Any, x: Tensor, allowed: Tensor) -> Tensor:
        """One residual self-attention step: (B, T, D) to (B, T, D)."""
        projections, output = part["self"], part["output"]
        batch, time, width = x.shape

        def split(name: str) -> Tensor:
            projected: Tensor = projections[name](x)
            return projected.view(batch, time, self.options.heads, -1).transpose(1, 2)

        query, key, value = split("query"), split("key"), split("value")
        bias = allowed if allowed.dtype == torch.bool else allowed.to(query.dtype)
        heads = functional.scaled_dot_product_attention(
            query, key, value, bias, dropout_p=self.dropout if self.training else 0.0
        )
        joined = heads.transpose(1, 2).reshape(batch, time, width)
        normed: Tensor = output["LayerNorm"](x + self._drop(output["dense"](joined)))
        return normed

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)


def distance_buckets(distance: Tensor, buckets: int, farthest: int = 128) -> Tensor:
    """Which bucket a distance between two tokens falls into (T5, Raffel et al. 2020; MPNet takes the same):
    int64, [0, `buckets`).

    Half of the buckets are for tokens that come later. The near ones hold one distance each; the others widen
    as a logarithm up to `farthest`.
    """
    half, near = buckets // 2, buckets // 4
    steps = distance.abs()
    far = near + (torch.log(steps.clamp(min=1) / near) / math.log(farthest / near) * (half - near)).long()
    return torch.where(distance > 0, half, 0) + torch.where(steps < near, steps, far.clamp(max=half - 1))


def _table(rows: int, width: int) -> nn.Embedding:
    """An embedding. On the meta device nothing is drawn: torch would import its compiler for it, which takes
    longer than loading the network.
    """
    weight = torch.empty(rows, width)
    if not weight.is_meta:
        nn.init.normal_(weight)
    return nn.Embedding.from_pretrained(weight, freeze=False)


def _layer(options: BertOptions) -> nn.ModuleDict:
    """The parts of one transformer layer under their published names."""
    width, hidden = options.width, options.hidden

    def with_norm(inputs: int) -> nn.ModuleDict:
        return nn.ModuleDict(
            {"dense": nn.Linear(inputs, width), "LayerNorm": nn.LayerNorm(width, options.epsilon)}
        )

    projections = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict({"self": projections, "output": with_norm(width)}),
            "intermediate": nn.ModuleDict({"dense": nn.Linear(width, hidden)}),
            "output": with_norm(hidden),
        }
    )


def pool(states: Tensor, mask: Tensor) -> Tensor:
    """The mean of the real tokens, scaled to length 1: (B, T, D), (B, T) bool to (B, D)."""
    weight = mask.unsqueeze(-1).to(states.dtype)
    return functional.normalize((states * weight).sum(1) / weight.sum(1).clamp(min=1.0), dim=-1)


class LowRankLinear(nn.Module):
    """A frozen linear map plus a trainable one of low rank: y = W x + b + up(down(x)). Starts equal to the
    frozen map.
    """

    def __init__(self, frozen: nn.Linear, rank: int) -> None:
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, frozen.in_features) / frozen.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(frozen.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.frozen(x) + functional.linear(functional.linear(x, self.down), self.up)


def add_adapters(network: BertNetwork, rank: int) -> list[nn.Parameter]:
    """Freeze the network and put an adapter of the given rank on every linear map of its layers; returns what
    is to be trained.
    """
    network.requires_grad_(False)
    for name, module in list(network.encoder.named_modules()):
        if isinstance(module, nn.Linear):
            parent, _, last = name.rpartition(".")
            setattr(network.encoder.get_submodule(parent), last, LowRankLinear(module, rank))
    return [p for p in network.parameters() if p.requires_grad]


def adapters(network: BertNetwork) -> dict[str, Tensor]:
    """The trained factors of `add_adapters`, {"<linear map>.down" or ".up": tensor}, ready to be saved."""
    return {name: p.detach() for name, p in network.named_parameters() if name.endswith((".down", ".up"))}


def merge_adapters(network: BertNetwork, factors: Mapping[str, Tensor]) -> None:
    """Add saved factors to the weights of a network without adapters, so that they cost nothing at run time.

    Raises:
        ValueError: a factor without its partner, or one that fits no linear map of this network.
    """
    weights = {
        name: module.weight for name, module in network.named_modules() if isinstance(module, nn.Linear)
    }
    for name in sorted({key.rpartition(".")[0] for key in factors}):
        up, down = factors.get(f"{name}.up"), factors.get(f"{name}.down")
        weight = weights.get(name)
        if (
            up is None
            or down is None
            or weight is None
            or (up.shape[0], down.shape[1]) != tuple(weight.shape)
            or up.shape[1] != down.shape[0]
        ):
            raise ValueError(
                f"the adapter {name!r} does not fit this text encoder: use the file that was trained with it"
            )
        with torch.no_grad():
            weight += up.float() @ down.float()
