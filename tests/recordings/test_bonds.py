"""Voices and faces that go together, from the utterances of a recording."""

import pytest

from mmer_core.recordings import Utterance
from mmer_core.recordings.bonds import Bonds, tied
from mmer_core.recordings.people import Person
from mmer_core.recordings.turns import Turns


def said(start, speaker, face, probability=0.9, seconds=3.0):
    return Utterance(start, start + seconds, speaker, face=face, face_probability=probability)


TURNS = Turns([(0.0, 3.0, 0), (3.0, 6.0, 1), (6.0, 9.0, 0), (9.0, 12.0, 1), (12.0, 15.0, 0)])


def test_a_voice_is_expected_of_the_face_that_it_belonged_to():
    bonds = Bonds()
    assert bonds.expected(TURNS, 12.0, 15.0, [0, 1]) == pytest.approx([0.4, 0.4])
    for utterance in (said(0, 0, 0), said(3, 1, 1), said(6, 0, 0)):
        bonds.add(utterance)
    first, second = bonds.expected(TURNS, 12.0, 15.0, [0, 1])
    assert first > 0.65
    assert second < 0.3
    (alone,) = bonds.expected(TURNS, 12.0, 15.0, [1])
    assert alone < 0.6  # that voice was somebody else's
    assert bonds.expected(None, 12.0, 15.0, [0, 1]) == pytest.approx([0.4, 0.4])


def test_speakers_may_get_other_numbers_on_the_way():
    bonds = Bonds()
    bonds.add(said(0, 0, 0))
    bonds.add(said(6, 0, 0))
    assert bonds.expected(TURNS, 12.0, 15.0, [0, 1])[0] > 0.65
    renamed = Turns([(0.0, 3.0, 4), (6.0, 9.0, 4), (12.0, 15.0, 4)])
    assert bonds.expected(renamed, 12.0, 15.0, [0, 1])[0] > 0.65


def test_a_wrong_tie_can_be_overcome():
    bonds = Bonds()
    for _ in range(100):
        bonds.add(said(0, 0, 0))
    assert bonds.expected(TURNS, 12.0, 15.0, [0, 1])[1] > 0.05


def test_people_get_their_voices_each_once():
    people = (Person(0), Person(1), Person(2))
    utterances = [said(0, 0, 0), said(3, 1, 1), said(6, 0, 0), said(9, 1, 0, 0.8), said(12, None, 2)]
    utterances += [said(15, 1, 1), said(18, 1, 1)]
    found = tied(people, utterances)
    assert [p.speaker for p in found] == [0, 1, None]
    assert found[0].speaker_probability == pytest.approx(5.4 / (5.4 + 2.4 + 2.0))
    assert found[2].speaker_probability is None
    assert tied(people, []) == people
    face_only = [Utterance(0, 5, None, spoken=False, face=0)]
    assert tied(people, face_only) == people
