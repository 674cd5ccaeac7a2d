"""People as data: where their faces are at a time, what these say, and JSON."""

import json

import pytest

from mmer_core.recordings.people import FaceEmotion, Person, Sight

PERSON = Person(
    2,
    (
        Sight((1.0, 1.5, 2.0), ((0.0, 0.0, 0.2, 0.2), (0.1, 0.0, 0.3, 0.2), (0.1, 0.1, 0.3, 0.3))),
        Sight((5.0,), ((0.5, 0.5, 0.6, 0.6),)),
    ),
    (FaceEmotion(1.0, 2.0, "joy", 0.75), FaceEmotion(5.0, 5.5, "fear", 0.5)),
    1,
    0.875,
)


def test_a_box_between_two_pictures():
    assert PERSON.box(1.25) == pytest.approx((0.05, 0.0, 0.25, 0.2))
    assert PERSON.box(2.0) == (0.1, 0.1, 0.3, 0.3)
    assert PERSON.box(5.0) == (0.5, 0.5, 0.6, 0.6)
    assert [PERSON.box(t) for t in (0.9, 2.1, 4.9, 5.1)] == [None] * 4
    assert PERSON.seconds == pytest.approx(1.0)


def test_the_emotion_at_a_time():
    assert PERSON.emotion(1.5).label == "joy"
    assert PERSON.emotion(5.2).label == "fear"
    assert PERSON.emotion(0.5) is None
    assert PERSON.emotion(3.0) is None


def test_json_and_back():
    written = json.loads(json.dumps(PERSON.to_json(), allow_nan=False))
    assert Person.from_json(written) == PERSON
    assert written["seconds"] == 1.0
    assert Person.from_json(Person(0).to_json()) == Person(0)
