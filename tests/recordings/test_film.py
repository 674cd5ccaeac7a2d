"""A film of a recording is read back by PyAV: its length and size, what is drawn where and when, sound."""

from __future__ import annotations

import struct

import av
import numpy as np
import pytest
from media_factory import pitch, turn_mp4, write_sound, write_video

from mmer_core.media import film as making
from mmer_core.media.colours import PERSON_COLOURS, ink_on, rgb
from mmer_core.media.file_checks import MediaError
from mmer_core.recordings import Recording, Utterance
from mmer_core.recordings.exports import check_target, write
from mmer_core.recordings.exports.captions import LETTERS, captions_of
from mmer_core.recordings.exports.film import face_says, name_of, names_of
from mmer_core.recordings.people import FaceEmotion, Person, Sight

BOX = (0.25, 0.25, 0.5, 0.75)
ANN = Person(0, (Sight((0.0, 1.0), (BOX, BOX)),), (FaceEmotion(0.0, 1.0, "joy", 0.62),), 0, 0.9)


def talk(end: float = 2.0, start: float = 0.0, people=(ANN,), utterances=()) -> Recording:
    return Recording("talk.mp4", start, end, tuple(utterances), people=tuple(people))


def read(path) -> tuple[np.ndarray, list[float], np.ndarray]:
    """(T, H, W, 3) pictures, their times, and samples."""
    with av.open(str(path)) as container:
        frames = [(f.to_ndarray(format="rgb24"), f.time) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        heard = [f.to_ndarray()[0] for f in container.decode(audio=0)] if container.streams.audio else []
    pictures, times = zip(*frames, strict=True)
    return np.stack(pictures), list(times), np.concatenate(heard) if heard else np.zeros(0)


def drawn(picture: np.ndarray, colour: str, box=BOX) -> bool:
    """Whether the left side of a box is in a colour."""
    height, width = picture.shape[:2]
    x, y = round(box[0] * width), round((box[1] + box[3]) / 2 * height)
    return bool(np.abs(picture[y, x : x + 3].astype(int) - rgb(colour)).max(axis=1).min() < 60)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "talk.mp4"
    write_video(path, seconds=2.0, rate=10, size=(640, 360))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_has_the_length_the_size_the_sound_and_the_boxes(tmp_path, source, suffix):
    out = tmp_path / f"out{suffix}"
    done = []
    assert write(talk(), out, source=source, progress=done.append) == ()
    pictures, times, sound = read(out)
    assert pictures.shape[1:3] == (360, 640)
    assert times == pytest.approx(np.arange(20) / 10, abs=0.002)
    assert pitch(sound, 48_000) == pytest.approx(440, abs=3)
    assert len(sound) / 48_000 == pytest.approx(2.0, abs=0.1)
    assert [drawn(p, PERSON_COLOURS[0]) for p in pictures] == [t <= 1.0 for t in times]
    assert all(0 <= seconds <= 2 for seconds in done)


def test_the_label_and_the_caption_are_drawn_while_they_hold(tmp_path, source):
    said = Utterance(1.0, 2.0, 0, words="over here")
    write(talk(utterances=[said]), tmp_path / "said.mp4", source=source)
    write(talk(people=()), tmp_path / "bare.mp4", source=source)
    differs = (
        np.abs(read(tmp_path / "said.mp4")[0].astype(int) - read(tmp_path / "bare.mp4")[0]).max(axis=-1) > 60
    )
    label, caption = differs[:, 64:88, 160:300], differs[:, 315:350, 250:390]
    assert label.mean(axis=(1, 2))[:9].min() > 0.3
    assert label[11:].mean() < 0.01
    assert caption[11:].mean(axis=(1, 2)).min() > 0.1
    assert caption[:9].mean() < 0.01


def test_only_the_stretch_that_was_read_is_in_it(tmp_path, source):
    moving = Person(0, (Sight((0.0, 2.0), ((0.0, 0.25, 0.25, 0.75), (0.5, 0.25, 0.75, 0.75))),))
    write(talk(start=0.5, end=1.5, people=[moving]), tmp_path / "out.mp4", source=source)
    pictures, times, sound = read(tmp_path / "out.mp4")
    assert times == pytest.approx(np.arange(10) / 10, abs=0.002)
    assert len(sound) / 48_000 == pytest.approx(1.0, abs=0.1)
    assert drawn(pictures[5], PERSON_COLOURS[0], BOX), "the box is where the face is at 1 s, half way"


def test_a_turned_and_a_small_video_are_upright_and_large_enough_for_letters(tmp_path):
    write_video(tmp_path / "t.mp4", seconds=0.5, sound=False)
    turn_mp4(tmp_path / "t.mp4", (0, 1, -1, 0))
    notes = write(talk(end=0.5), tmp_path / "out.mp4", source=tmp_path / "t.mp4")
    assert notes == ("the film has no sound",)
    pictures = read(tmp_path / "out.mp4")[0]
    assert pictures.shape[1:3] == (640, 480)
    assert drawn(pictures[2], PERSON_COLOURS[0])


def test_what_no_film_can_be_made_of_is_refused_before_it_is_read(tmp_path, source):
    write_sound(tmp_path / "voice.wav")
    with pytest.raises(MediaError, match=r"voice.wav because it has no pictures: choose captions"):
        check_target(tmp_path / "out.mp4", source=tmp_path / "voice.wav")
    with pytest.raises(MediaError, match="it has no pictures"):
        write(talk(end=1.0), tmp_path / "out.mp4", source=tmp_path / "voice.wav")
    (tmp_path / "out.mp4").write_text("mine")
    with pytest.raises(ValueError, match="add --overwrite"):
        check_target(tmp_path / "out.mp4", source=source)
    with pytest.raises(ValueError, match="is the recording itself"):
        check_target(source, overwrite=True, source=source)
    with pytest.raises(ValueError, match="give it as source"):
        write(talk(), tmp_path / "other.mp4")
    assert (tmp_path / "out.mp4").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "voice.wav"]


def test_of_a_broken_recording_there_is_what_could_be_read(tmp_path, source):
    write_video(tmp_path / "whole.mkv", seconds=4.0, rate=10, size=(640, 360))
    content = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "broken.mkv").write_bytes(content[: len(content) // 2])
    (note,) = write(talk(end=4.0), tmp_path / "out.mp4", source=tmp_path / "broken.mkv")
    assert note.startswith("the film's pictures end at 0:0")
    assert 0.5 < read(tmp_path / "out.mp4")[1][-1] < 3.5


def test_a_film_that_is_stopped_leaves_nothing(tmp_path, source):
    script = making.Script(0.0, 2.0, (), ())
    with pytest.raises(making.Stopped):
        making.make_film(source, tmp_path / "out.mp4", script, making.Limits(), stop=lambda: True)


def test_letters_that_no_font_has_are_told(tmp_path, source):
    strange = Utterance(0.0, 0.3, None, words="a \U0001f9ff\U00012345")
    (note,) = write(talk(end=0.3, utterances=[strange]), tmp_path / "out.mp4", source=source)
    assert note.startswith("2 letters are drawn as empty boxes")


def test_long_utterances_are_split_and_names_are_told_apart():
    words = " ".join(["word"] * 60)
    rows = captions_of([Utterance(2.0, 8.0, 1, words=words), Utterance(0.0, 1.0, spoken=False)], {1: "Ann"})
    assert [row[0] for row in rows[1:]] == [row[1] for row in rows[:-1]]
    assert (rows[0][0], rows[-1][1]) == (2.0, 8.0)
    assert all(text.startswith("Ann: ") and len(text) <= LETTERS + 5 for _, _, text in rows)
    assert " ".join(text.removeprefix("Ann: ") for _, _, text in rows) == words
    seen = Utterance(0.0, 1.0, words="hello", face=2)
    assert captions_of([seen], called={2: "Face 3"}) == ((0.0, 1.0, "Face 3: hello"),)
    assert captions_of([seen]) == ((0.0, 1.0, "hello"),)
    assert name_of(ANN, {0: "Ann\n<b>"}) == "Ann <b>"
    assert names_of([ANN, Person(2, speaker=1)], {0: "Ann", 1: "Ann"}) == {0: "Ann (1)", 2: "Ann (3)"}
    assert names_of([ANN, Person(2)]) == {0: "Face 1", 2: "Face 3"}
    assert face_says(ANN.emotions[0]) == "joy 62%"
    assert face_says(FaceEmotion(0, 1, "joy", 0.3)) == "unsure, perhaps joy 30%"


def simulated(colour: str, matrix) -> np.ndarray:
    linear = np.array(
        [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.array(rgb(colour)) / 255]
    )
    x, y, z = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ (np.array(matrix) @ linear).clip(0, 1)
        / [0.9505, 1.0, 1.089]
    )
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    ],
    ids=["usual", "protan", "deutan", "tritan"],
)
def test_people_are_told_apart_whatever_colours_somebody_sees(matrix):
    """Distances in CIE Lab after the simulation of Machado et al. (2009)."""
    seen = [simulated(colour, matrix) for colour in PERSON_COLOURS]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[i + 1 :]]
    assert min(distances) > 20
    assert min(np.linalg.norm(a - b) for i, a in enumerate(seen[:3]) for b in seen[i + 1 : 3]) > 40


@pytest.mark.parametrize("colour", PERSON_COLOURS)
def test_a_label_is_legible(colour):
    def luminance(of: str) -> float:
        parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.array(rgb(of)) / 255]
        return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))

    dark, light = sorted((luminance(colour), luminance(ink_on(colour))))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_it_can_be_played_when_the_process_ends_on_the_way(tmp_path, source):
    """The film is written in fragments, each with what is needed to play it, until it is whole."""
    write(talk(), tmp_path / "out.mp4", source=source)
    content = (tmp_path / "out.mp4").read_bytes()
    boxes, at = [], 0
    while at < len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        boxes.append(name)
        at += size or len(content)
    assert boxes[0] == b"ftyp"
    assert boxes[-1] == b"moov", "an ordinary file in the end"
