"""Small networks laid out as the published ones are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import save_file
from torch import Tensor

from mmer_core.checkpoint import sha256_of
from mmer_core.encoders.backends.bert_network import BertOptions
from mmer_core.encoders.pretrained import PretrainedEncoder


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


def publish(
    tensors: Mapping[str, Tensor], folder: Path, patch: pytest.MonkeyPatch, encoder: type[PretrainedEncoder]
) -> None:
    """Let an encoder find these weights, of its tiny size, in MMER_MODELS and take them for the published
    ones.
    """
    path = folder / "whatever it is called.safetensors"
    save_file({k: v.contiguous() for k, v in tensors.items()}, path)
    patch.setenv("MMER_MODELS", str(folder))
    known = replace(encoder.weights, sha256=sha256_of(path), size=path.stat().st_size)
    patch.setattr(encoder, "weights", known)
    make = encoder.build
    patch.setattr(encoder, "build", staticmethod(lambda tiny: make(True)))
