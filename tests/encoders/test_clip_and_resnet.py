"""CLIP and ResNet-50: pictures prepared as they were trained, rows in the order of the frames, published checkpoints read."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mmer_core.clip import Absent, Clip
from mmer_core.encoders import EncoderUnavailable, clip_frames, resnet
from mmer_core.encoders.clip_frames import MEAN, SD, ClipFramesEncoder, tiny_tower
from mmer_core.encoders.pictures import as_squares
from mmer_core.encoders.resnet import ResNetEncoder, small_resnet
from mmer_core.encoders.weights import HubFile, sha256_of
from mmer_core.labels import Modality


def as_published(tensors, folder, monkeypatch):
    """A checkpoint in MMER_MODELS and the record that knows it."""
    path = folder / "renamed.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    monkeypatch.setenv("MMER_MODELS", str(folder))
    return HubFile("owner/name", "0" * 40, "model.safetensors", sha256_of(path), path.stat().st_size)


@pytest.mark.parametrize(("height", "width"), [(240, 320), (360, 202), (112, 112), (224, 224)])
def test_pictures_are_prepared_as_clip_was_trained(height, width, face_picture):
    from open_clip.transform import image_transform

    picture = face_picture(size=100, height=height, width=width)
    theirs = image_transform(224, is_train=False, mean=MEAN, std=SD)(Image.fromarray(picture))
    ours = as_squares(picture[None], 224, MEAN, SD)[0]
    assert ours.shape == (3, 224, 224)
    assert (ours - theirs).abs().mean() < 0.01


@pytest.mark.parametrize("make", [ClipFramesEncoder, ResNetEncoder])
class TestBoth:
    def test_one_row_per_frame_or_per_face(self, make, clip_of):
        clip = clip_of()
        assert len(make(random_init=0, look="frames").encode(clip)) == len(clip.frames) == 3
        assert len(make(random_init=0, look="face").encode(clip)) == len(clip.faces) == 2

    def test_only_faces_need_face_detection(self, make):
        assert make(random_init=0, look="face").spec.needs_faces
        assert not make(random_init=0, look="frames").spec.needs_faces

    def test_a_row_depends_on_its_own_frame_alone(self, make, clip_of):
        clip = clip_of()
        many = replace(clip, frames=np.concatenate([clip.frames] * 4))  # more than are computed at once
        encoder = make(random_init=0, look="frames")
        np.testing.assert_allclose(encoder.encode(many), np.tile(encoder.encode(clip), (4, 1)), atol=1e-4)

    def test_whole_frames_are_read_where_no_face_was_found(self, make, clip_of):
        clip = replace(clip_of(), faces=None, absent={Modality.VISUAL: "no face in 3 of 3 frames"})
        assert len(make(random_init=0, look="frames").encode(clip)) == 3
        with pytest.raises(Absent, match="no face in 3 of 3 frames"):
            make(random_init=0, look="face").encode(clip)

    def test_frames_that_were_not_searched_have_no_face(self, make, clip_of):
        with pytest.raises(Absent, match="no face was found"):
            make(random_init=0, look="face").encode(replace(clip_of(), faces=None))
        with pytest.raises(Absent, match="the clip has no picture"):
            make(random_init=0, look="face").encode(Clip("a", "", "audio"))


def test_clips_picture_tower_is_read_from_the_whole_checkpoint(tmp_path, monkeypatch, clip_of):
    tower = tiny_tower(7)
    tensors = {f"visual.{k}": v for k, v in tower.state_dict().items()} | {"token_embedding.weight": torch.zeros(4, 4)}
    monkeypatch.setattr(clip_frames, "CLIP_WEIGHTS", as_published(tensors, tmp_path, monkeypatch))
    monkeypatch.setattr(clip_frames, "_TOWER", clip_frames._TINY)
    encoder = ClipFramesEncoder()
    np.testing.assert_array_equal(encoder.encode(clip_of()), ClipFramesEncoder(random_init=7).encode(clip_of()))
    assert clip_frames.CLIP_WEIGHTS.sha256 in encoder.spec.revision
    assert encoder.spec.dim == 512


def test_resnets_classifier_is_left_out(tmp_path, monkeypatch, clip_of):
    import timm

    tensors = small_resnet(7).state_dict() | {"fc.weight": torch.zeros(1000, 32), "fc.bias": torch.zeros(1000)}
    monkeypatch.setattr(resnet, "RESNET_WEIGHTS", as_published(tensors, tmp_path, monkeypatch))
    monkeypatch.setattr(timm, "create_model", lambda name, **options: small_resnet(9))
    np.testing.assert_array_equal(ResNetEncoder().encode(clip_of()), ResNetEncoder(random_init=7).encode(clip_of()))


def test_weights_of_another_network_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(clip_frames, "CLIP_WEIGHTS", as_published({"visual.proj": torch.zeros(2, 2)}, tmp_path, monkeypatch))
    monkeypatch.setattr(clip_frames, "_TOWER", clip_frames._TINY)
    with pytest.raises(EncoderUnavailable, match="do not fit its network"):
        ClipFramesEncoder()
