"""Who speaks among faces: mouths that move with a voice, without it, or not at all."""

import numpy as np
import pytest
from face_scenes import Actor, Scene, speech, standing, texture, voice, with_loudness

from mmer_core.media import active_speaker
from mmer_core.media.active_speaker import log_odds, movement, probabilities
from mmer_core.media.face_crops import crop_face
from mmer_core.media.faces import find_faces

COUNT = 40
LOUD = speech(COUNT, 3)


def moved(actor: Actor, count: int = COUNT):
    scene = Scene([actor], count)
    (face,) = scene.detect(scene.frames[0], 20)
    crops = [crop_face(frame, scene.detect(frame, 20)[0]) for frame in scene.frames]
    return movement(np.arange(count) / 4, np.full(count, face.sides.min()), crops)


def test_a_mouth_that_moves_with_the_voice_speaks():
    sound = voice(LOUD)
    talker = moved(Actor(1, standing(60), with_loudness(LOUD)))
    still = moved(Actor(1, standing(60)))
    other = moved(Actor(1, standing(60), with_loudness(speech(COUNT, 8))))
    odds = [log_odds(m, sound, 0.0, 10.0) for m in (talker, other, still)]
    assert odds[0] > 2
    assert odds == sorted(odds, reverse=True)
    assert odds[2] < -3


def test_head_movement_and_light_are_not_a_mouth():
    pushed = moved(Actor(1, lambda i: (60 + i % 2, 30 + i // 2 % 2)))
    assert np.nanmax(pushed.mouth) < 0.05
    crop = texture(1, 112)
    darker = np.clip(crop * 0.6 + 10, 0, 255).astype(np.uint8)
    lit = movement(np.arange(2) / 4, np.full(2, 80.0), [crop, darker])
    assert lit.mouth[1] < 0.02


def test_pictures_far_apart_and_tiny_faces_are_not_compared():
    crops = [texture(1, 112, mouth) for mouth in (0.0, 1.0, 0.0)]
    far = movement(np.array([0.0, 0.25, 2.0]), np.full(3, 80.0), crops)
    assert np.isnan(far.mouth).tolist() == [True, False, True]
    assert np.isnan(movement(np.arange(3) / 4, np.full(3, 20.0), crops).mouth).all()


def test_too_little_says_nothing():
    short = moved(Actor(1, standing(60), with_loudness(LOUD)), 4)
    assert log_odds(short, voice(LOUD), 0.0, 1.0) == 0.0
    assert log_odds(moved(Actor(1, standing(60))), None, 0.0, 10.0) == 0.0


def test_probabilities_leave_room_for_somebody_out_of_view():
    assert probabilities([0.0]) == pytest.approx([1 - active_speaker.ALONE])
    two = probabilities([0.0, 0.0])
    assert two == pytest.approx([0.4, 0.4])
    assert two.max() < active_speaker.TIED
    assert probabilities([4.0, -4.0])[0] > active_speaker.TIED
    assert probabilities([-5.0])[0] < 0.1
    assert probabilities([1.0], [0.1])[0] < probabilities([1.0])[0]
    assert probabilities([1.0, 1.0], [0.6, 0.2]).argmax() == 0
    assert probabilities([800.0, -800.0]).sum() <= 1
    assert len(probabilities([])) == 0


def test_a_clip_follows_the_face_that_speaks_and_says_so():
    actors = [
        Actor(1, standing(10, 40), with_loudness(LOUD), size=36),
        Actor(2, standing(100, 30), size=64),
    ]
    scene = Scene(actors, COUNT)
    clip = find_faces(scene.clip(voice(LOUD)), detect=scene.detect)
    assert clip.faces.boxes[0, 0] == 10
    assert clip.faces.rule == "the face that speaks was followed, of 2"
    assert [p.speaks > active_speaker.TIED for p in clip.people] == [True, False]
    silent = find_faces(scene.clip(np.zeros(160_000, np.float32)), detect=scene.detect)
    assert silent.faces.boxes[0, 0] == 100
    assert silent.faces.speaks is None
    assert "largest" in silent.faces.rule
