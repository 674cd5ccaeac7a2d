"""Small networks for words laid out as the published ones are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from safetensors.torch import save_file
from torch import Tensor

from mmer_core.checkpoint import sha256_of
from mmer_core.encoders.bert_network import BertOptions


def as_transformers_says(options: BertOptions) -> dict[str, int]:
    """The sizes of a network by the names of transformers' configurations."""
    return {
        "vocab_size": options.vocabulary,
        "hidden_size": options.width,
        "intermediate_size": options.hidden,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.heads,
        "max_position_embeddings": options.positions,
    }


def publish(tensors: Mapping[str, Tensor], folder: Path, patch: pytest.MonkeyPatch, module: ModuleType, weights: str) -> None:
    """Let `module` find these weights in MMER_MODELS and take them, of its size TINY, for the published ones that it calls `weights`."""
    path = folder / "whatever it is called.safetensors"
    save_file({k: v.contiguous() for k, v in tensors.items()}, path)
    patch.setenv("MMER_MODELS", str(folder))
    patch.setattr(module, weights, replace(getattr(module, weights), sha256=sha256_of(path), size=path.stat().st_size))
    patch.setattr(module, "BASE", module.TINY)
