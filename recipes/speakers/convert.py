"""Bring the weights of the speaker networks over: `python -m recipes.speakers.convert --data DIR --out DIR`.

The originals are pickles inside zip files. A restricted unpickler takes their tensors, and nothing else in
them is built: what they name beside tensors becomes an empty stand-in.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle  # nosec B403 # for TensorUnpickler, which builds nothing but tensors
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

#: {file of --data: its sha256}
ORIGINALS = {
    "pytorch_model.bin": "0b5b3216d60a2d32fc086b47ea8c67589aaeb26b7e07fcbe620d6d0b83e209ea",
    "campplus_cn_en_common.pt": "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
}
_KERNEL, _RATE, _LEAST_HERTZ = 251, 16_000, 50.0  # of the sinc filters


class _StandIn:
    """Whatever a pickle names that is no tensor; takes any arguments and state, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class TensorUnpickler(pickle.Unpickler):
    """Reads the tensors of a zip file of torch; runs no code but this module's own."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
        super().__init__(io.BytesIO(archive.read(name)))
        self._archive, self._folder = archive, name.removesuffix("data.pkl")

    def find_class(self, module: str, name: str) -> Any:
        """A plain container, the builder of tensors, or a stand-in."""
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }
        return known.get((module, name), _StandIn)

    def persistent_load(self, reference: Any) -> np.ndarray:
        """The numbers of a storage, as a flat array."""
        _, kind, key, *_ = reference
        return np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), dtype=kind)


def _tensor(storage: np.ndarray, offset: int, size: Sequence[int], stride: Sequence[int], *_: Any) -> Any:
    return torch.as_strided(torch.from_numpy(storage.copy()), tuple(size), tuple(stride), offset)


def read_tensors(file: Path) -> dict[str, torch.Tensor]:
    """{name: tensor} of a network's state, from one of the `ORIGINALS`.

    Raises:
        ValueError: the file is another than the one that was checked.
    """
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != ORIGINALS.get(file.name):
        raise ValueError(
            f"{file} has sha256 {found}, not that of a known original: see the README of weights"
        )
    with zipfile.ZipFile(file) as archive:
        state = TensorUnpickler(archive).load()
    return dict(state.get("state_dict", state))


def segmentation(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The segmentation network, the recipe of its sinc filters replaced by the filters."""
    first = "sincnet.conv1d.0.filterbank."
    kept = {n: t for n, t in state.items() if n.startswith(("sincnet.", "lstm.", "linear.", "classifier."))}
    filters = sinc_filters(kept[f"{first}low_hz_"], kept[f"{first}band_hz_"])
    kept = {n: t for n, t in kept.items() if not n.startswith(first)}
    return {n.removeprefix("sincnet."): t for n, t in kept.items()} | {"conv1d.0.weight": filters}


def sinc_filters(low: torch.Tensor, band: torch.Tensor) -> torch.Tensor:
    """(2 N, 1, 251): N even and N odd band-pass filters (Ravanelli and Bengio 2018) from their edges in Hz,
    each (N, 1).
    """
    half = _KERNEL // 2
    window = torch.from_numpy(np.hamming(_KERNEL)[:half])
    time = 2 * torch.pi * torch.arange(-half, 0, dtype=torch.float64)[None] / _RATE
    low = _LEAST_HERTZ + low.double().abs()
    high = torch.clamp(low + _LEAST_HERTZ + band.double().abs(), _LEAST_HERTZ, _RATE / 2)
    width = high - low
    even = (torch.sin(high * time) - torch.sin(low * time)) / (time / 2) * window
    odd = (torch.cos(low * time) - torch.cos(high * time)) / (time / 2) * window
    whole_even = torch.cat([even, 2 * width, even.flip(1)], dim=1)
    whole_odd = torch.cat([odd, torch.zeros_like(width), -odd.flip(1)], dim=1)
    return (torch.cat([whole_even / (2 * width), whole_odd / (2 * width)])[:, None]).float()


def embedding(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """CAM++, without the counters of training."""
    return {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}


def convert(data: Path, out: Path) -> None:
    """Write segmentation.safetensors and embedding.safetensors, matrices in half precision."""
    out.mkdir(parents=True, exist_ok=True)
    parts = {"segmentation": ("pytorch_model.bin", segmentation)}
    parts |= {"embedding": ("campplus_cn_en_common.pt", embedding)}
    for name, (file, pick) in parts.items():
        tensors = pick(read_tensors(data / file)).items()
        # vectors (biases, variances) are small and some too near 0 for half precision
        halves = {n: (t.half() if t.ndim > 1 else t.float()).contiguous() for n, t in tensors}
        (out / f"{name}.safetensors").write_bytes(save(halves))


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of the conversion."""
    parser = argparse.ArgumentParser(description="Convert the weights of the speaker networks.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds " + ", ".join(ORIGINALS))
    parser.add_argument("--out", type=Path, required=True, help="folder for the safetensors")
    args = parser.parse_args(argv)
    try:
        convert(args.data, args.out)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
