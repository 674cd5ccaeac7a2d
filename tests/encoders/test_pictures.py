"""CLIP and ResNet-50: pictures prepared as they were trained, rows in the order of the frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mmer_core.clip import Absent, Clip
from mmer_core.encoders.clip import ClipFramesEncoder
from mmer_core.encoders.pictures import SIDE, as_squares
from mmer_core.encoders.resnet50 import ResNetEncoder
from mmer_core.labels import Modality


@pytest.mark.parametrize(("height", "width"), [(240, 320), (360, 202), (112, 112), (224, 224)])
def test_pictures_are_prepared_as_clip_was_trained(height, width, face_picture):
    from open_clip.transform import image_transform

    picture = face_picture(size=100, height=height, width=width)
    colours = ClipFramesEncoder.mean, ClipFramesEncoder.deviation
    theirs = image_transform(SIDE, is_train=False, mean=colours[0], std=colours[1])(Image.fromarray(picture))
    ours = as_squares(torch.from_numpy(picture[None]), SIDE, *colours)[0]
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
