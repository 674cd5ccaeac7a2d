"""Bring the weights of the voice detector over: `python -m recipes.voice.detector --data FILE`.

The original is `silero_vad/data/silero_vad_16k_op15.onnx` of PyPI silero-vad 6.2.1. Takes the extra `graphs`
(`pip install '.[graphs]'`).
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from mmer_core.media.voice_detector import WEIGHTS, VoiceNetwork

ORIGINAL = "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"  # its sha256
_NAMES = {
    "stft.forward_basis_buffer": "spectrum.weight",
    "decoder.rnn.": "lstm.",
    "decoder.decoder.2.": "classifier.",
    ".reparam_conv.": ".",
}


def convert(original: bytes) -> dict[str, torch.Tensor]:
    """The weights of `VoiceNetwork` from the ONNX file.

    Raises:
        ValueError: it is another file than the one that was checked.
    """
    import onnx
    from onnx import numpy_helper

    found = hashlib.sha256(original).hexdigest()
    if found != ORIGINAL:
        raise ValueError(f"the file has sha256 {found}: take that of silero-vad 6.2.1, {ORIGINAL}")
    initial = onnx.load_from_string(original).graph.initializer
    tensors = {_name(t.name): torch.from_numpy(np.array(numpy_helper.to_array(t))) for t in initial}
    network = VoiceNetwork()
    state = {
        name: tensors[name].reshape(like.shape).contiguous() for name, like in network.state_dict().items()
    }
    network.load_state_dict(state)
    return state


def _name(original: str) -> str:
    name = original.removeprefix("model.")
    for old, new in _NAMES.items():
        name = name.replace(old, new)
    return f"{name}_l0" if name.startswith("lstm.") else name


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of the conversion."""
    parser = argparse.ArgumentParser(description="Convert the weights of the voice detector.")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="silero_vad_16k_op15.onnx")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FILE", help=f"(default: {WEIGHTS})")
    args = parser.parse_args(argv)
    try:
        args.out.write_bytes(save(convert(args.data.read_bytes())))
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
