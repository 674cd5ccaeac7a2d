"""Whose face speaks in a stretch of a recording, what is left out, and what each face says over time."""

import numpy as np
import pytest
from face_scenes import Actor, Scene, speech, standing, voice, with_loudness

from mmer_core.labels import EMOTIONS, Modality
from mmer_core.recordings import Utterance
from mmer_core.recordings.face_emotions import CROWD, PICTURES, WIDTH
from mmer_core.recordings.face_reader import NOT_SEEN, FaceReader
from mmer_core.recordings.pieces import Piece
from mmer_core.recordings.turns import Turns
from tiny_model import make_model

COUNT = 40
LOUD = speech(COUNT, 3)
SOUND = voice(LOUD)
TALKER = Actor(1, standing(20), with_loudness(LOUD))
LISTENER = Actor(2, standing(150))


def reader_of(scene: Scene, start: float = 0.0) -> tuple[FaceReader, object]:
    model = make_model()
    reader = FaceReader(model, scene.found)
    reader.begin(Piece(start, scene.clip(SOUND), False, COUNT / 4))
    return reader, model


def speaking(actors, **options):
    scene = Scene(actors, COUNT)
    reader, _ = reader_of(scene)
    return reader.speaking(scene.clip(SOUND), (0.0, 10.0), SOUND, options.get("turns"))


def test_the_face_that_speaks_is_the_one_that_counts():
    seen = speaking([LISTENER, TALKER])
    assert seen.face == 0
    assert seen.probability > 0.9
    assert (seen.clip.faces.boxes[:, 0] == 20).all()
    assert seen.clip.faces.people == 2
    assert seen.clip.faces.rule == "the face that speaks was followed, of 2"
    assert len(seen.places) == len(seen.clip.faces) == COUNT


def test_a_silent_face_is_never_the_speakers():
    for actors in ([LISTENER], [LISTENER, Actor(3, standing(20))]):
        seen = speaking(actors)
        assert (seen.face, seen.probability, seen.clip.faces) == (None, None, None)
        assert seen.clip.absent[Modality.VISUAL] == NOT_SEEN
        assert seen.clip.frames is None  # so that no other face is looked for


def test_a_single_face_is_the_speakers_unless_its_mouth_is_still():
    scene = Scene([Actor(1, standing(20), with_loudness(LOUD))], 4)  # too short to tell
    reader, _ = reader_of(scene)
    seen = reader.speaking(scene.clip(SOUND), (0.0, 1.0), SOUND, None)
    assert (seen.face, seen.probability) == (0, pytest.approx(0.85))
    assert "only face" in seen.clip.faces.rule


def test_a_face_seen_for_a_moment_is_not_taken_for_the_speakers():
    passing = Actor(1, lambda i: (20, 30) if i < 5 else None, with_loudness(LOUD))
    assert speaking([passing]).face is None


def test_nobody_in_view():
    seen = speaking([Actor(1, lambda i: None)])
    assert seen.clip.absent[Modality.VISUAL] == "no face in 40 of 40 frames"


def test_whose_voice_it_was_before_decides_where_mouths_do_not():
    unclear = [Actor(n, standing(20 + 110 * n), lambda i: 0.0, size=30) for n in (0, 1)]  # too small to tell
    scene = Scene(unclear, COUNT)
    reader, _ = reader_of(scene)
    turns = Turns([(0.0, 40.0, 0)])
    assert reader.speaking(scene.clip(SOUND), (0.0, 10.0), SOUND, turns).face is None
    for k in range(8):
        reader.told(Utterance(10.0 + 3 * k, 13.0 + 3 * k, face=1, face_probability=0.95))
    assert reader.speaking(scene.clip(SOUND), (0.0, 10.0), SOUND, turns).face == 1


def test_where_nobody_speaks_the_main_face_counts():
    scene = Scene([Actor(1, standing(5), size=30), Actor(2, standing(120), size=60)], COUNT)
    reader, _ = reader_of(scene)
    seen = reader.silent(scene.clip(), (2.0, 6.0))
    assert (seen.face, seen.probability, len(seen.clip.faces)) == (1, None, 16)
    assert seen.clip.faces.times[0] == 0.0
    assert seen.clip.faces.frames.tolist() == list(range(16))


def test_every_face_has_its_own_emotion_over_time():
    scene = Scene([TALKER, LISTENER], COUNT)
    reader, _ = reader_of(scene, start=30.0)
    row = reader.row(40.0, read=True)
    people = reader.people()
    for person in people:
        assert [round(e.start, 2) for e in person.emotions] == [30, 32, 34, 36, 38]
        assert all(0.5 <= e.end - e.start <= WIDTH and e.label in EMOTIONS for e in person.emotions)
    assert [p["number"] for p in row["people"]] == [0, 1]


def test_what_was_read_for_an_utterance_is_not_read_again():
    scene = Scene([TALKER, LISTENER], COUNT)
    reader, model = reader_of(scene)
    seen = reader.speaking(scene.clip(SOUND), (0.0, 10.0), SOUND, None)
    reader.remember(seen, model.observe(seen.clip, use=[Modality.VISUAL]))
    encoder = model.encoders[Modality.VISUAL]
    read: list[int] = []
    encode = encoder.encode
    encoder.encode = lambda clip: read.append(len(clip.faces)) or encode(clip)
    reader.row(10.0, read=True)
    assert sum(read) == PICTURES * 5  # those of the listener alone


def test_a_crowd_costs_no_more_than_its_share():
    crowd = [Actor(n, standing(2 + 23 * (n % 10), 4 + 60 * (n // 10)), size=21) for n in range(20)]
    scene = Scene(crowd, COUNT)
    reader, model = reader_of(scene)
    encoder = model.encoders[Modality.VISUAL]
    read: list[int] = []
    encode = encoder.encode
    encoder.encode = lambda clip: read.append(len(clip.faces)) or encode(clip)
    reader.row(10.0, read=True)
    windows = int(np.ceil(10 / (WIDTH * np.ceil(20 / CROWD))))
    assert sum(read) <= 20 * PICTURES * windows
    assert all(p.emotions for p in reader.people())


def test_a_piece_without_pictures():
    reader = FaceReader(make_model())
    assert reader.row(3.0, read=True) is None
    assert reader.people() == ()
