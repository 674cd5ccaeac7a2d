"""Networks with published weights: read from their checkpoints, refused in one sentence, run on a device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pretend_device import move, pretended_device
from safetensors.torch import save_file
from torch import nn

from mmer_core import encoders
from mmer_core.clip import Clip
from mmer_core.encoders import EncoderUnavailable, device
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.pretrained import PretrainedEncoder, TorchEncoder
from mmer_core.encoders.weights import PublishedFile, sha256_of
from mmer_core.labels import Modality
from mmer_core.options import options_of

PRETRAINED = [
    name
    for name in encoders.names()
    if "random_init" in {option.name for option in options_of(encoders.factory(name))}
]
#: Where the network's tensors lie in the published file, and a tensor of it that is not read.
LAYOUT = {
    "bert": ("bert.", "cls.predictions.bias"),
    "clip": ("visual.", "token_embedding.weight"),
    "mpnet": ("", "pooler.dense.weight"),
    "resnet50": ("", "fc.weight"),
    "vggish": ("", "pproc.pca_means"),
    "whisper": ("model.encoder.", "model.decoder.embed_tokens.weight"),
}


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Put tensors into MMER_MODELS as the published weights of an encoder whose tiny network is the published
    one.
    """

    def put(kind: type[PretrainedEncoder], tensors: dict[str, torch.Tensor]) -> str:
        path = tmp_path / "vggish.safetensors"  # the one whose name counts
        save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
        monkeypatch.setenv("MMER_MODELS", str(tmp_path))
        sha256 = sha256_of(path)
        if not isinstance(kind.weights, PublishedFile):
            monkeypatch.setattr(
                kind, "weights", replace(kind.weights, sha256=sha256, size=path.stat().st_size)
            )
        make = kind.build
        monkeypatch.setattr(kind, "build", staticmethod(lambda tiny: make(True)))
        return sha256

    return put


@pytest.mark.parametrize("name", PRETRAINED)
def test_published_weights_are_read_and_recorded(name, publish, clip_of):
    prefix, other = LAYOUT[name]
    kind = encoders.factory(name)
    tensors = {f"{prefix}{key}": t.half() for key, t in kind.load(random_init=7).state_dict().items()}
    if name == "mpnet":  # the one with names of its own, see test_mpnet
        tensors = {
            key.replace("attention.self.query", "attention.attn.q")
            .replace("attention.self.key", "attention.attn.k")
            .replace("attention.self.value", "attention.attn.v")
            .replace("attention.output.dense", "attention.attn.o")
            .replace("attention.output.LayerNorm", "attention.LayerNorm"): t
            for key, t in tensors.items()
        }
    sha256 = publish(kind, tensors | {other: torch.zeros(2, 2)})
    encoder = kind()
    assert sha256 in encoder.spec.revision
    assert encoder.spec.source == kind.source
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in encoder.network.parameters())
    drawn = kind(random_init=7)
    assert drawn.spec.revision == "random-7"
    assert drawn.spec.source == "this project"
    np.testing.assert_allclose(encoder.encode(clip_of()), drawn.encode(clip_of()), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", PRETRAINED)
@pytest.mark.parametrize("damage", ["other tensors", "no tensors at all"])
def test_weights_that_do_not_fit_are_one_sentence(name, damage, publish, tmp_path):
    kind = encoders.factory(name)
    publish(kind, {LAYOUT[name][0] + "embeddings.word_embeddings.weight": torch.zeros(2, 2)})
    if damage == "no tensors at all":
        path = tmp_path / "vggish.safetensors"
        path.write_bytes(b"no tensors")
        if not isinstance(kind.weights, PublishedFile):
            kind.weights = replace(kind.weights, sha256=sha256_of(path), size=path.stat().st_size)
    with pytest.raises(
        EncoderUnavailable, match=r"^the weights \S+ do not fit their network: download"
    ) as caught:
        kind()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PRETRAINED)
def test_on_a_device_an_encoder_gives_the_same_on_the_processor(name, clip_of, monkeypatch):
    encoder, clip = encoders.create(name, random_init=0), clip_of()
    expected = encoder.encode(clip)
    with pretended_device(monkeypatch) as away:
        encoder.device, encoder.network = away, move(encoder.network)
        features = encoder.encode(clip)
    assert isinstance(features, np.ndarray)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-5)


class Doubling(TorchEncoder):
    """Twice the waveform; remembers how much it was given at once."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())
        self.spec = EncoderSpec("doubling", Modality.AUDIO, 1, "this test", "1", "MIT", "none")
        self.sizes: list[int] = []

    def encode(self, clip: Clip) -> np.ndarray:
        return self.compute(self._twice, torch.from_numpy(clip.waveform)[:, None], size=3)

    def _twice(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        return x.double() * 2


def test_rows_are_computed_some_at_a_time_and_come_back_in_float32():
    encoder = Doubling()
    waveform = np.arange(7, dtype=np.float32)
    features = encoder.encode(Clip("a", "", "audio", waveform=waveform))
    assert encoder.sizes == [3, 3, 1]
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[:, 0], 2 * waveform)


class Rotating(nn.Module):
    """A network with a buffer that no file holds."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_buffer("angles", torch.arange(2.0), persistent=False)


class RotatingEncoder(PretrainedEncoder):
    weights = PublishedFile("rotating.safetensors", "make it")
    source = "a test"

    @staticmethod
    def build(tiny: bool) -> nn.Module:
        return Rotating()


def test_buffers_that_no_file_holds_are_computed(tmp_path, monkeypatch):
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    save_file(
        {"linear.weight": torch.ones(2, 2), "linear.bias": torch.ones(2)}, tmp_path / "rotating.safetensors"
    )
    network = RotatingEncoder.load()
    assert network.angles.tolist() == [0, 1]
    assert network.linear.weight.eq(1).all()


class TestDevice:
    def test_auto_prefers_an_accelerator(self, monkeypatch):
        monkeypatch.setattr(device, "ACCELERATORS", {"cuda": lambda: False, "mps": lambda: True})
        assert device.resolve("auto").type == "mps"
        monkeypatch.setattr(device, "ACCELERATORS", {"cuda": lambda: False})
        assert device.resolve("auto").type == "cpu"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("tpu", "unknown device 'tpu': choose one of auto, cpu, cuda, mps"),
            ("cuda", "this machine has no device cuda that PyTorch can use: choose auto or cpu"),
        ],
    )
    def test_a_device_that_is_not_there_is_one_sentence(self, name, message, monkeypatch):
        monkeypatch.setattr(device, "ACCELERATORS", dict.fromkeys(["cuda", "mps"], lambda: False))
        with pytest.raises(ValueError, match=f"^{message}$"):
            encoders.create("bert", random_init=0, device=name)
