"""Several people in a running picture: who keeps which number, who is the main person, and who is read; and
the table of a session.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import numpy as np
import pytest

from mmer_core.inference.live import LiveReader, LiveSettings, SeenFace, SessionTable
from mmer_core.inference.live.people import PeopleTracker
from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.faces import Detection
from tiny_model import make_model

SHAPE = (480, 640)
VISUAL = Modality.VISUAL


def face(x: float, y: float = 200, side: float = 80, score: float = 0.99) -> Detection:
    box = np.array([x, y, x + side, y + side], dtype=np.float32)
    return Detection(box, np.full((5, 2), np.nan, dtype=np.float32), score)


def numbers(tracker: PeopleTracker, faces: list[Detection], at: float) -> list[int]:
    """The person of each face, in the order of the faces."""
    people = {float(p.face.box[0]): p.number for p in tracker.follow(faces, at, SHAPE)}
    return [people[float(f.box[0])] for f in faces]


# Who is who


def test_people_keep_their_numbers_while_they_move():
    tracker = PeopleTracker()
    for step in range(20):
        found = [face(50 + 10 * step), face(500 - 10 * step, y=20)]
        assert numbers(tracker, found, 0.1 * step) == [1, 2]
        assert numbers(tracker, found[::-1], 0.1 * step + 0.05) == [2, 1]


def test_who_looks_away_for_two_seconds_keeps_the_number():
    tracker = PeopleTracker()
    numbers(tracker, [face(100), face(400)], 0.0)
    for step in range(1, 21):
        assert numbers(tracker, [face(400)], 0.1 * step) == [2]
    assert numbers(tracker, [face(120), face(400)], 2.1) == [1, 2]


def test_who_was_away_for_long_gets_a_new_number_and_no_number_is_given_twice():
    tracker = PeopleTracker(away=3.0)
    numbers(tracker, [face(100), face(400)], 0.0)
    for step in range(1, 40):
        numbers(tracker, [face(400)], 0.1 * step)
    assert numbers(tracker, [face(100), face(400)], 4.0) == [3, 2]
    assert tracker.known == (2, 3)


def test_while_nothing_is_read_nobody_goes():
    tracker = PeopleTracker(away=3.0)
    numbers(tracker, [face(100), face(400)], 0.0)
    assert numbers(tracker, [face(100), face(400)], 60.0) == [1, 2]


def test_who_is_alone_is_followed_wherever_they_are():
    tracker = PeopleTracker()
    assert numbers(tracker, [face(10)], 0.0) == [1]
    assert numbers(tracker, [face(500)], 0.1) == [1]


def test_a_pattern_that_resembles_a_face_for_a_moment_is_nobody():
    tracker = PeopleTracker()
    assert tracker.follow([face(100, score=0.8)], 0.0, SHAPE) == []
    assert tracker.follow([], 0.1, SHAPE) == []
    assert tracker.follow([face(100, score=0.8)], 0.2, SHAPE) == []
    assert [p.number for p in tracker.follow([face(102, score=0.8)], 0.3, SHAPE)] == [1]


def test_memory_stays_bounded_in_a_crowd_that_changes():
    tracker = PeopleTracker()
    rng = np.random.default_rng(0)
    for step in range(200):
        tracker.follow([face(*rng.uniform(0, 4000, 2), side=30) for _ in range(80)], 0.1 * step, (4000, 4000))
    assert len(tracker.known) <= 50


# The main person


def test_the_largest_most_central_face_is_the_main_one_and_stays_it():
    tracker = PeopleTracker()
    tracker.follow([face(280, side=80), face(120, side=80)], 0.0, SHAPE)
    assert tracker.main == 1
    for step in range(1, 30):  # now the other is a little larger, now the first
        sides = (80, 100) if step % 2 else (90, 80)
        tracker.follow([face(280, side=sides[0]), face(120, side=sides[1])], 0.1 * step, SHAPE)
        assert tracker.main == 1
    tracker.follow([face(280, side=60), face(100, y=150, side=170)], 3.0, SHAPE)
    assert tracker.main == 2


def test_the_main_person_may_look_away_without_another_taking_their_place():
    tracker = PeopleTracker(away=3.0)
    tracker.follow([face(280, side=120), face(20)], 0.0, SHAPE)
    for step in range(1, 30):
        tracker.follow([face(20)], 0.1 * step, SHAPE)
        assert tracker.main == 1
    for step in range(30, 45):
        tracker.follow([face(20)], 0.1 * step, SHAPE)
    assert tracker.main == 2


def test_a_chosen_person_is_the_main_one_until_they_have_gone():
    tracker = PeopleTracker(away=1.0)
    tracker.follow([face(280, side=120), face(20)], 0.0, SHAPE)
    assert tracker.choose(2)
    tracker.follow([face(280, side=200), face(20)], 0.1, SHAPE)
    assert (tracker.main, tracker.chosen) == (2, 2)
    assert not tracker.choose(9)
    assert tracker.main == 2
    for step in range(2, 20):
        tracker.follow([face(280, side=200)], 0.1 * step, SHAPE)
    assert (tracker.main, tracker.chosen) == (1, None)


def test_at_most_six_faces_are_read_the_main_one_among_them_and_the_same_each_time():
    tracker = PeopleTracker()
    crowd = [face(70 * i, side=50 + i) for i in range(9)] + [face(300, y=400, side=15)]
    first = {p.number for p in tracker.follow(crowd, 0.0, SHAPE) if p.read}
    assert len(first) == 6
    tracker.choose(1)
    second = {p.number for p in tracker.follow(crowd, 0.1, SHAPE) if p.read}
    assert 1 in second
    assert len(second) == 6
    assert len(first & second) >= 5
    assert 10 not in first | second, "too small to be read"


# The reader


class Faces:
    """A live reader whose pictures show the faces that the test puts there."""

    def __init__(self, model=None) -> None:
        self.at, self.faces = 0.0, [face(280, side=120), face(20), face(520)]
        self.reader = LiveReader(
            model or make_model(), LiveSettings(), clock=lambda: self.at, detect=self._detect
        )

    def _detect(self, frame, smallest):
        return [] if frame.shape[0] == frame.shape[1] else self.faces

    def show(self) -> None:
        self.at += 0.1
        rng = np.random.default_rng(1)
        self.reader.add_picture(rng.integers(0, 255, (*SHAPE, 3), dtype=np.uint8))
        self.reader.read_visual()


def test_the_faces_of_a_picture_are_read_in_one_batch_and_each_has_its_own_answer():
    shown = Faces()
    shown.show()
    assert shown.reader.model.encoders[VISUAL].calls == 1
    moment = shown.reader.now()
    assert [f.person for f in moment.faces] == [1, 2, 3]
    assert [f.main for f in moment.faces] == [True, False, False]
    assert len({tuple(f.probabilities.values()) for f in moment.faces}) == 3
    assert moment.prediction.probabilities == pytest.approx(moment.face.probabilities)
    assert moment.main == 1


def test_the_answer_is_of_the_person_who_was_chosen_at_once():
    shown = Faces()
    shown.show()
    shown.reader.choose(3)
    moment = shown.reader.now()
    assert moment.main == moment.face.person == 3
    assert moment.prediction.probabilities == pytest.approx(moment.face.probabilities)
    shown.show()
    assert shown.reader.now().main == shown.reader.people.chosen == 3
    shown.reader.choose(8)
    assert shown.reader.people.chosen == 3
    shown.reader.choose(None)
    assert shown.reader.people.chosen is None


def test_a_main_person_out_of_sight_takes_their_opinion_with_them_and_the_others_stay_boxed():
    shown = Faces()
    shown.show()
    del shown.faces[0]
    for _ in range(15):
        shown.show()
    moment = shown.reader.now()
    assert [f.person for f in moment.faces] == [2, 3]
    assert moment.face is None
    assert shown.reader.observation().absent[VISUAL] == "person 1 is out of sight"


def test_an_encoder_without_a_row_for_each_face_reads_them_one_after_the_other():
    model = make_model()
    encoder = model.encoders[VISUAL]
    encoder.spec = type(encoder.spec)(**{**vars(encoder.spec), "timing": "clip"})
    shown = Faces(model)
    shown.show()
    assert encoder.calls == 3
    assert all(f.probabilities for f in shown.reader.now().faces)


# The table of a session

JOY = {e: 0.7 if e == "joy" else 0.05 for e in EMOTIONS}
ANSWER = Prediction("joy", 0.7, JOY, {VISUAL: UnimodalPrediction(True, probabilities=JOY)}, {}, {})


def table(**options) -> SessionTable:
    kept = SessionTable(lambda: datetime(2024, 5, 1, 12, 0, tzinfo=UTC), **options)
    kept.recording = True
    return kept


def rows(kept: SessionTable) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(kept.csv().decode())))


def seen(person: int, *, main: bool = False) -> SeenFace:
    return SeenFace(np.zeros(4, np.float32), 0.0, person, main, JOY)


def test_nothing_is_kept_unless_somebody_asks():
    kept = SessionTable()
    kept.add(0.0, ANSWER, [seen(1, main=True)], "", 0.3)
    assert kept.rows == 0
    assert rows(kept) == []


def test_a_row_holds_when_who_and_what():
    kept = table()
    kept.add(50.0, ANSWER, [seen(1, main=True), seen(2)], "", 0.8)
    kept.add(51.5, ANSWER, [seen(1, main=True)], "", 0.8)
    first, other, later = rows(kept)
    assert (first["seconds"], first["time"]) == ("0.00", "2024-05-01T12:00:00.000+00:00")
    assert (first["person"], first["label"], first["probability"], first["unsure"]) == (
        "1",
        "joy",
        "0.7000",
        "no",
    )
    assert (first["visual_label"], first["audio_label"], first["words"]) == ("joy", "", "")
    assert (other["person"], other["visual_label"], other["unsure"]) == ("2", "joy", "yes")
    assert later["seconds"] == "1.50"


def test_words_are_kept_with_the_answer_that_they_count_in_and_are_no_formulas():
    own = UnimodalPrediction(True, probabilities=JOY)
    said = Prediction("joy", 0.7, JOY, {Modality.TEXT: own}, {}, {})
    kept = table()
    kept.add(0.0, said, [], "=1+1, she said", 0.3)
    kept.add(1.0, ANSWER, [], "not heard", 0.3)
    assert [r["words"] for r in rows(kept)] == ["'=1+1, she said", ""]
    assert rows(kept)[0]["person"] == ""


def test_four_answers_a_second_at_most_and_no_more_than_it_holds():
    kept = table(most=10)
    for step in range(100):
        kept.add(step * 0.1, ANSWER, [], "", 0.3)
    assert kept.rows == 10
    assert kept.full
    assert float(rows(kept)[-1]["seconds"]) >= 9 / 4
    kept.clear()
    assert not kept.full
    kept.add(99.0, ANSWER, [], "", 0.3)
    assert rows(kept)[0]["seconds"] == "0.00"


def test_the_reader_fills_the_table_but_not_while_paused_and_does_not_clear_it():
    shown = Faces()
    shown.reader.table = table()
    shown.show()
    assert {r["person"] for r in rows(shown.reader.table)} == {"1", "2", "3"}
    shown.reader.paused = True
    shown.at += 1
    shown.reader.now()
    shown.reader.clear()
    assert shown.reader.table.rows == 3
