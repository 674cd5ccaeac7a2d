"""Faces of pieces joined to people: over cuts, pauses and pieces, and never two at once."""

import json

import numpy as np
import pytest
from face_scenes import Actor, Scene, standing

from mmer_core.recordings.cast import BOXES, Cast
from mmer_core.recordings.faces import LOOKS, PieceFaces


def faces_of(scene: Scene, first: int = 0, last: int | None = None) -> PieceFaces:
    return PieceFaces(scene.clip(first=first, last=last), scene.found)


def people_of(*pieces: tuple[Scene, int, int, float]):
    """The people of pieces, each of the frames from one to another and until when it counts."""
    cast, numbers = Cast(), []
    for scene, first, last, until in pieces:
        faces = faces_of(scene, first, last)
        numbers.append(cast.join(faces, first / 4))
        cast.see(faces, numbers[-1], first / 4, until, {})
    return cast.people(), numbers


def test_two_people_are_numbered_from_the_left_and_keep_their_places():
    scene = Scene([Actor(5, standing(150)), Actor(3, standing(20))], 12)
    people, _ = people_of((scene, 0, 12, 3.0))
    assert [p.number for p in people] == [0, 1]
    (first,), (second,) = people[0].sights, people[1].sights
    assert first.boxes[0] == pytest.approx((20 / 240, 30 / 120, 68 / 240, 78 / 120), abs=1e-3)
    assert second.boxes[0][0] == pytest.approx(150 / 240, abs=1e-3)
    assert first.times == tuple(np.arange(12) / 4)
    assert scene.looked <= 2 * LOOKS


def test_after_a_cut_people_are_known_by_their_looks_not_by_their_places():
    swap = [
        Actor(1, lambda i: (20, 30) if i < 8 else (150, 30)),
        Actor(2, lambda i: (150, 30) if i < 8 else (20, 30)),
    ]
    scene = Scene(swap, 16, backdrop=lambda i: 40 if i < 8 else 200)
    people, _ = people_of((scene, 0, 16, 4.0))
    assert [[s.boxes[0][0] < 0.5 for s in p.sights] for p in people] == [[True, False], [False, True]]
    assert [[s.times[0] for s in p.sights] for p in people] == [[0.0, 2.0]] * 2


def test_who_comes_back_is_the_same_and_a_new_face_is_not():
    scene = Scene(
        [
            Actor(1, lambda i: (20, 30) if i < 8 or i >= 24 else None),
            Actor(2, lambda i: (20, 30) if 12 <= i < 20 else None),
        ],
        32,
    )
    people, numbers = people_of((scene, 0, 16, 4.0), (scene, 16, 32, 8.0))
    assert numbers == [[0, 1], [1, 0]]
    assert [(s.times[0], s.times[-1]) for s in people[0].sights] == [(0.0, 1.75), (6.0, 7.75)]
    assert [(s.times[0], s.times[-1]) for s in people[1].sights] == [(3.0, 4.75)]  # one sight over two pieces


def test_what_two_pieces_share_counts_once():
    scene = Scene([Actor(1, standing(20))], 32)
    (person,), _ = people_of((scene, 0, 16, 3.0), (scene, 12, 32, 8.0))
    (sight,) = person.sights
    assert sight.times == tuple(np.arange(32) / 4)


def test_two_who_look_alike_are_two_while_both_are_in_view():
    people, _ = people_of((Scene([Actor(1, standing(20)), Actor(1, standing(150))], 12), 0, 12, 3.0))
    assert len(people) == 2


def test_somebody_hardly_seen_is_nobody():
    people, numbers = people_of((Scene([Actor(1, lambda i: (20, 30) if i < 2 else None)], 12), 0, 12, 3.0))
    assert (people, numbers) == ((), [[None]])


def test_twenty_people_are_followed_with_fewer_boxes():
    crowd = [Actor(n, standing(2 + 23 * (n % 10), 4 + 60 * (n // 10)), size=21) for n in range(20)]
    scene = Scene(crowd, 40)
    people, _ = people_of((scene, 0, 40, 10.0))
    assert len(people) == 20
    boxes = sum(len(s.times) for p in people for s in p.sights)
    assert boxes <= BOXES * 10 + 2 * 20
    assert all(p.seconds == pytest.approx(9.75) for p in people)
    assert scene.looked <= 20


def test_a_restored_cast_goes_on_with_the_same_people():
    scene = Scene([Actor(1, standing(20)), Actor(2, lambda i: (150, 30) if i >= 20 else None)], 40)
    whole, cast = people_of((scene, 0, 16, 4.0), (scene, 16, 40, 10.0))[0], Cast()
    faces = faces_of(scene, 0, 16)
    row = cast.see(faces, cast.join(faces, 0.0), 0.0, 4.0, {})
    again = Cast()
    again.restore([json.loads(json.dumps(row))], 2.5)
    assert again.people()[0].sights[0].times[-1] < 2.5
    faces = faces_of(scene, 10, 40)
    again.see(faces, again.join(faces, 2.5), 2.5, 10.0, {})
    assert [p.number for p in again.people()] == [0, 1]
    assert [p.seconds for p in again.people()] == [p.seconds for p in whole]
    Cast().restore([], 0.0)
