"""Devices are named in one way, and bfloat16 is used where the hardware has it and nowhere else."""

import pytest
import torch

from mmer_core.encoders import device as encoders_device
from mmer_core.training import device


@pytest.mark.parametrize(
    ("there", "expected"), [((), "cpu"), (("mps",), "mps"), (("cuda", "mps"), "cuda")], ids=str
)
def test_auto_takes_an_accelerator_where_there_is_one(monkeypatch, there, expected):
    monkeypatch.setattr(
        encoders_device, "ACCELERATORS", {name: lambda name=name: name in there for name in ("cuda", "mps")}
    )
    assert device.resolve("auto") == torch.device(expected)
    assert device.resolve("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", device.ACCELERATORS)
def test_an_accelerator_that_is_not_there_is_refused_in_one_sentence(monkeypatch, name):
    monkeypatch.setitem(device.ACCELERATORS, name, lambda: False)
    with pytest.raises(ValueError, match=f"no device {name} that PyTorch can use: choose auto or cpu"):
        device.resolve(name)


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="unknown device 'tpu': choose one of auto, cpu, cuda, mps"):
        device.resolve("tpu")


@pytest.mark.parametrize(("has_it", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_products_run_in_bfloat16_where_the_device_has_it(monkeypatch, has_it, expected):
    monkeypatch.setattr(device, "multiplies_bfloat16", lambda device: has_it)
    with device.fastest():
        product = torch.ones(2, 3) @ torch.ones(3, 2)
    assert product.dtype == expected
    assert product.tolist() == [[3, 3], [3, 3]]


def test_hardware_that_cannot_say_or_is_not_there_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not any(device.multiplies_bfloat16(name) for name in ("cpu", "cuda", "mps"))
