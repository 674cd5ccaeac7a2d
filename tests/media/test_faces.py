"""The main face: found, followed and framed. The detector is a stand-in here; YuNet itself meets a real face
in test_upright.py and a real clip in the tests of the shipped sample.
"""

import threading
import time

import numpy as np
import pytest

from mmer_core.clip import Clip
from mmer_core.config import ROOT
from mmer_core.labels import Modality
from mmer_core.media.face_crops import CROP_SIDE, FRAME_PER_BOX, TEMPLATE, Detection, crop_face
from mmer_core.media.face_tracks import overlap
from mmer_core.media.faces import find_faces
from mmer_core.media.loading import load_clip
from mmer_core.media.yunet import yunet

H, W = 120, 200
UNKNOWN = np.full((5, 2), np.nan, dtype=np.float32)


def face(x, y=30, size=40, score=0.99, landmarks=None):
    """A face whose box has its upper left corner at (x, y); landmarks where FER2013 would have them."""
    box = np.array([x, y, x + size, y + size], dtype=np.float32)
    return Detection(
        box, (TEMPLATE * size + (x, y)).astype(np.float32) if landmarks is None else landmarks, score
    )


def video(n, kind="video"):
    frames = np.random.default_rng(0).integers(0, 256, (n, H, W, 3), dtype=np.uint8)
    return Clip("clip", "", kind, frames=frames, times=np.arange(n) / 4)


def scripted(frames):
    """A detector that gives, call by call, what the script says, and nothing when it is asked again."""
    calls = iter(frames)
    return lambda frame, smallest: next(calls, [])


def follow(frames, **options):
    return find_faces(video(len(frames)), detect=scripted(frames), **options).faces


def test_one_row_for_each_frame_with_the_face():
    faces = follow([[face(10)], [], [face(12)], [face(14)], [], [face(16)]])
    assert faces.frames.tolist() == [0, 2, 3, 5]
    assert faces.times.tolist() == [0, 0.5, 0.75, 1.25]
    assert (faces.frames_seen, faces.people, len(faces)) == (6, 1, 4)
    assert faces.boxes.shape == (4, 4)
    assert faces.landmarks.shape == (4, 5, 2)
    assert faces.scores.dtype == faces.boxes.dtype == np.float32
    assert faces.crops.shape == (4, CROP_SIDE, CROP_SIDE, 3)
    assert faces.crops.dtype == np.uint8


def test_no_face_is_said_and_nothing_raised():
    clip = find_faces(video(31), detect=scripted([[]] * 31))
    assert clip.faces is None
    assert clip.absent[Modality.VISUAL] == "no face in 31 of 31 frames"
    assert (
        find_faces(video(1, "picture"), detect=lambda f, s: []).absent[Modality.VISUAL]
        == "no face in this picture"
    )


def test_a_clip_without_frames_keeps_its_reason():
    assert find_faces(Clip("a", "", "audio")).absent[Modality.VISUAL]
    assert (
        find_faces(Clip("a", "", "audio", absent={Modality.VISUAL: "sound only"})).absent[Modality.VISUAL]
        == "sound only"
    )


def test_the_given_clip_is_not_changed():
    clip = video(3)
    find_faces(clip, detect=scripted([[]] * 3))
    assert clip.absent == {}


def test_uncertain_and_tiny_faces_do_not_count():
    faces = follow([[face(10), face(100, score=0.6), face(150, size=6)]] * 3)
    assert faces.people == 1


def test_a_pattern_seen_for_a_moment_is_not_a_face():
    script = [[] for _ in range(10)]
    script[4] = [face(10, score=0.85)]
    assert follow(script) is None
    script[4] = [face(10, score=0.95)]
    assert len(follow(script)) == 1
    assert len(follow([[face(10, score=0.93)]])) == 1  # a picture has no second frame


def test_the_largest_most_central_face_is_followed_whatever_the_order():
    small, large = face(20, size=30), face(80, size=50)
    faces = follow([[small, large], [large, small], [small, large]])
    assert faces.people == 2
    assert (faces.boxes[:, 0] == 80).all()
    assert "largest" in faces.rule
    edge, middle = face(0, 0, size=42), face(80, 40, size=40)
    assert follow([[edge, middle]] * 3).boxes[0, 0] == 80


def test_a_moving_face_stays_the_same_person():
    other = face(150, size=30)
    faces = follow([[face(x, size=40), other] for x in (0, 25, 50, 75, 100)])
    assert faces.boxes[:, 0].tolist() == [0, 25, 50, 75, 100]


def test_faces_side_by_side_are_not_swapped():
    script = [
        [face(20, size=50), face(75, size=40)],
        [face(72, size=40), face(22, size=50)],
        [face(74, size=40), face(24, size=50)],
    ]
    assert follow(script, choose=0).boxes[:, 0].tolist() == [20, 22, 24]
    assert follow(script, choose=1).boxes[:, 0].tolist() == [75, 72, 74]


def test_two_people_one_after_the_other_are_counted_in_frames():
    assert follow([[face(10)], [face(10)], [face(150)], [face(150)], [face(150)]]).people == 1


def test_the_only_person_in_view_is_followed_over_a_pause():
    script = [[face(10)]] * 3 + [[]] * 12 + [[face(120)]] * 3
    faces = follow(script)
    assert faces.frames.tolist() == [0, 1, 2, 15, 16, 17]
    assert "only face" in faces.rule


def test_a_person_can_be_chosen_from_left_to_right():
    script = [[face(150, size=30)]] + [[face(80, size=50), face(10, size=30), face(150, size=30)]] * 3
    assert [follow(script, choose=n).boxes[-1, 0] for n in range(3)] == [10, 80, 150]
    assert len(follow(script, choose=2)) == 4
    assert "2 of 3" in follow(script, choose=1).rule
    with pytest.raises(ValueError, match="3 can be followed"):
        follow(script, choose=3)


def test_everybody_in_view_is_kept_to_be_chosen_later():
    script = [[face(80, size=50), face(10, size=30), face(150, size=30)]] * 3
    clip = find_faces(video(3), detect=scripted(script))
    assert [person.boxes[0, 0] for person in clip.people] == [10, 80, 150]
    assert (clip.faces.boxes == clip.people[1].boxes).all()
    assert [f"face {n} of 3" in person.rule for n, person in enumerate(clip.people, start=1)] == [True] * 3
    assert find_faces(video(3), detect=scripted([[face(10)]] * 3)).people == ()


@pytest.mark.parametrize("found", [[], [face(2, 2, size=40)]])
@pytest.mark.parametrize(("height", "width"), [(48, 48), (60, 60), (48, 90)])
def test_a_small_picture_without_more_than_a_face_is_a_face_already(height, width, found):
    picture = np.random.default_rng(1).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    clip = find_faces(
        Clip("p", "", "picture", frames=picture, times=np.zeros(1)),
        detect=lambda f, s: found,
    )
    assert clip.faces.crops.shape == (1, CROP_SIDE, CROP_SIDE, 3)
    assert clip.notes == (f"picture of {width}×{height} pixels taken as a cropped face",)
    x0, y0, x1, y1 = clip.faces.boxes[0]
    assert x1 - x0 == y1 - y0 == min(height, width)
    assert np.isnan(clip.faces.landmarks).all()


def test_a_small_picture_with_shoulders_is_searched_for_the_face():
    picture = np.zeros((1, 96, 90, 3), dtype=np.uint8)
    clip = Clip("p", "", "picture", frames=picture, times=np.zeros(1))
    faces = find_faces(clip, detect=lambda f, s: [face(30, 20, size=42)]).faces
    assert faces.boxes[0].tolist() == [30, 20, 72, 62]


@pytest.mark.parametrize("size", [50, 22])
def test_small_faces_are_looked_for_where_there_are_no_others(size):
    """Asked for faces down to some size, this detector finds the one that is there if it is as large."""
    there = face(300, 200, size=size, score=0.95)

    def detect(frame, smallest):
        return [there] if smallest <= size else []

    picture = np.zeros((1, 1500, 2000, 3), dtype=np.uint8)
    clip = Clip("p", "", "picture", frames=picture, times=np.zeros(1))
    assert find_faces(clip, detect=detect).faces.boxes[0, 2] == 300 + size
    film = Clip("v", "", "video", frames=np.zeros((5, 720, 1280, 3), np.uint8), times=np.arange(5) / 4)
    assert len(find_faces(film, detect=detect).faces) == 5


def test_a_close_up_is_searched_again_with_a_border():
    def detect(frame, smallest):
        return [] if sorted(frame.shape[:2]) == [H, W] else [face(70, 60, size=100)]

    faces = find_faces(video(1, "picture"), detect=detect).faces
    border = round(0.25 * W)
    assert faces.boxes[0, 0] == 70 - border
    assert faces.landmarks[0, 0] == pytest.approx(TEMPLATE[0] * 100 + (70, 60) - border, abs=1e-3)


def test_progress_is_told():
    seen = []
    follow([[face(10)]] * 3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def spots(points, size=1):
    """A dark frame with a bright square at each point."""
    frame = np.zeros((300, 300, 3), dtype=np.uint8)
    for x, y in points:
        frame[round(y) - size : round(y) + size + 1, round(x) - size : round(x) + size + 1] = 255
    return frame


def brightest(crop, near, reach=8):
    """Centre of mass of the brightness around a place of the crop."""
    x, y = np.round(near).astype(int)
    part = crop[y - reach : y + reach + 1, x - reach : x + reach + 1, 0].astype(float)
    rows, columns = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return np.array([(columns * part).sum(), (rows * part).sum()]) / part.sum()


@pytest.mark.parametrize("degrees", [0, 20, -35])
@pytest.mark.parametrize("size", [60, 110, 180])
def test_crops_put_the_landmarks_where_fer2013_has_them(degrees, size):
    turn = np.exp(1j * np.deg2rad(degrees))
    place = [150 + 150j + turn * complex(x - 0.5, y - 0.5) * size for x, y in TEMPLATE.astype(float)]
    points = np.array([(p.real, p.imag) for p in place], dtype=np.float32).round()
    half = size / 2 / FRAME_PER_BOX
    box = np.array([150 - half, 150 - half, 150 + half, 150 + half], dtype=np.float32)
    crop = crop_face(spots(points), Detection(box, points, 1.0))
    for x, y in TEMPLATE * CROP_SIDE - 0.5:
        assert brightest(crop, (x, y)) == pytest.approx(
            (x, y), abs=2
        )  # less than a pixel of the network's picture


def test_unknown_landmarks_leave_the_box():
    frame = spots([(150, 150)], size=20)
    crop = crop_face(frame, Detection(np.array([110, 110, 190, 190], dtype=np.float32), UNKNOWN, 1.0))
    assert crop.shape == (CROP_SIDE, CROP_SIDE, 3)
    assert crop[56, 56].tolist() == [255, 255, 255]
    assert crop[2, 2].tolist() == [0, 0, 0]
    faces = follow([[face(10, landmarks=UNKNOWN)]] * 3)
    assert np.isnan(faces.landmarks).all()


def test_landmarks_in_one_point_or_a_profile_do_not_blow_up_the_crop():
    frame = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    box = np.array([100, 100, 180, 200], dtype=np.float32)
    profile = np.array([(140, 140), (142, 140), (120, 155), (138, 178), (140, 178)], dtype=np.float32)
    for points in (np.full((5, 2), 140, dtype=np.float32), profile):
        assert crop_face(frame, Detection(box, points, 1.0)).shape == (CROP_SIDE, CROP_SIDE, 3)


def test_a_face_at_the_edge_repeats_the_edge():
    crop = crop_face(np.full((100, 100, 3), 200, dtype=np.uint8), face(-20, -20, size=60))
    assert (crop == 200).all()


def test_overlap_of_boxes():
    box = np.array([0, 0, 10, 10], dtype=np.float32)
    assert overlap(box, box) == pytest.approx(1)
    assert overlap(box, box + 40) == 0
    assert overlap(box, box + np.array([10, 0, 10, 0])) > 0.1  # moved by its width
    assert overlap(box, box * 0) == pytest.approx(0, abs=0.05)


def test_several_frames_at_a_time_give_the_same_faces(monkeypatch):
    clip = load_clip(ROOT / "samples" / "speech.mp4")
    found = {}
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        seen = []
        faces = find_faces(clip, progress=lambda done, total, seen=seen: seen.append((done, total))).faces
        assert seen == [(i + 1, len(clip.frames)) for i in range(len(clip.frames))]
        found[threads] = faces.boxes, faces.crops, faces.scores
    assert all(np.array_equal(a, b) for a, b in zip(*found.values(), strict=True))


def test_a_search_that_is_broken_off_ends_at_once(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    looked = []

    def detect(frame, smallest):
        looked.append(threading.current_thread())
        time.sleep(0.01)
        return []

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_faces(video(200), detect=detect, progress=stop)
    assert len(looked) < 20
    assert not any(thread.is_alive() for thread in looked)


def test_finding_is_deterministic():
    script = [[face(10), face(90)], [face(92), face(11)]]
    assert (follow(script).crops == follow(script).crops).all()


@pytest.mark.parametrize("shape", [(1, 1), (10, 300), (120, 97), (64, 640)])
def test_the_real_detector_survives_any_frame(shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for found in (yunet()(noise, 20), yunet()(np.zeros_like(noise), 20)):
        assert isinstance(found, list)
