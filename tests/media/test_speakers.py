"""Who speaks when: the answer's form, its parts on made vectors, and the whole on two real voices."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.loading import load_clip
from mmer_core.media.speakers import Diarisation, SpeakerStream, Turn, clustering, diarise, turns
from mmer_core.media.speakers.clustering import assign, cluster, joined_neighbours
from mmer_core.media.speakers.pieces import HOP, LEAST, WINDOW, cut, frame, runs, sample, windows
from mmer_core.media.speakers.segmentation import Activity

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def voice(name: str) -> np.ndarray:
    waveform = load_clip(SAMPLES / name).waveform
    assert waveform is not None
    return waveform / np.sqrt(np.mean(np.square(waveform))) * np.float32(0.05)


@pytest.fixture(scope="module")
def man() -> np.ndarray:
    return voice("speech.mp4")


@pytest.fixture(scope="module")
def reader() -> np.ndarray:
    return voice("novel.mp3")


@pytest.fixture(scope="module")
def talk(man: np.ndarray, reader: np.ndarray) -> np.ndarray:
    """Two voices, three seconds and a half at a time, in turns."""
    n = 7 * SAMPLE_RATE // 2
    return np.concatenate([man[:n], reader[:n], man[n : 2 * n], reader[n : 2 * n]])


def people(rng: np.random.Generator, sizes: list[int], spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of length 1 around one direction for each size, and whose each is."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    vectors = np.eye(192)[owner * 7] + spread * rng.standard_normal((len(owner), 192)) / np.sqrt(192)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), owner


def same(labels: np.ndarray, owner: np.ndarray) -> bool:
    """Whether two labellings are the same but for the names."""
    return (
        len(set(zip(labels.tolist(), owner.tolist(), strict=True)))
        == len(set(owner.tolist()))
        == len(set(labels.tolist()))
    )


@pytest.mark.parametrize("sizes", [[30], [20, 20], [40, 9, 5], [12, 12, 12, 12, 12, 12]])
def test_vectors_of_one_person_are_one_group(sizes: list[int]) -> None:
    vectors, owner = people(np.random.default_rng(0), sizes, 0.7)
    assert same(cluster(vectors, np.ones(len(vectors), bool), np.arange(len(vectors))), owner)


def test_windows_without_a_say_make_no_person_and_get_the_nearest() -> None:
    vectors, owner = people(np.random.default_rng(0), [20, 20, 5], 0.5)
    labels = cluster(vectors, owner < 2, np.arange(len(vectors)))
    assert set(labels[:40]) == set(labels)
    assert same(labels[:40], owner[:40])


def test_a_lone_window_is_a_person() -> None:
    vectors, _ = people(np.random.default_rng(0), [1], 0.5)
    assert cluster(vectors, np.array([False]), np.array([0])).tolist() == [0]


def test_of_many_windows_a_sample_is_clustered(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, owner = people(np.random.default_rng(0), [150, 120, 90], 0.7)
    order = np.random.default_rng(1).permutation(len(owner))
    firm = np.ones(len(owner), bool)
    whole = cluster(vectors[order], firm, np.arange(len(owner)))
    monkeypatch.setattr(clustering, "MOST", 60)
    assert same(cluster(vectors[order], firm, np.arange(len(owner))), owner[order])
    assert same(whole, owner[order])


def test_neighbours_are_joined_inside_their_piece_only() -> None:
    vectors, owner = people(np.random.default_rng(0), [6, 6], 0.6)
    pieces = np.array([0] * 9 + [1] * 3)
    groups = joined_neighbours(vectors, pieces, 0.5)
    assert groups[0] == 0
    assert set(np.diff(groups)) <= {0, 1}
    assert groups[5] < groups[6]  # somebody else
    assert groups[8] < groups[9]  # another piece
    assert len(set(groups)) == 3
    assert owner[groups == 1].tolist() == [1, 1, 1]


def test_a_change_of_speaker_inside_a_piece_has_its_price() -> None:
    voices = np.eye(2, 192)
    odd = np.array([[0.50, 0.55, *[0.0] * 190]])
    vectors = np.concatenate([voices[:1], odd, voices[:1]])
    assert assign(vectors, voices, np.zeros(3, int)).tolist() == [0, 0, 0]
    assert assign(np.concatenate([voices, voices]), voices, np.zeros(4, int)).tolist() == [0, 1, 0, 1]


def test_speech_is_cut_at_pauses_and_hand_overs() -> None:
    count = np.array([0, 1, 1, 1, 1, 1, 1, 0, 2, 1, 0])
    changes = np.zeros(11, bool)
    changes[3:6] = True
    assert cut(Activity(count, changes)) == [(1, 4), (4, 7), (8, 10)]
    assert cut(Activity(np.zeros(5, int), np.zeros(5, bool))) == []
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]


def test_windows_cover_their_piece_and_stay_inside_the_sound() -> None:
    samples = 20 * SAMPLE_RATE
    last = frame(samples) + 1
    pieces = [(0, 5), (100, 120), (200, 250), (300, 800), (last - 4, last)]
    found = windows(pieces, np.ones(last + 1, int), samples)
    assert all(0 <= w.start < w.end <= samples and LEAST <= w.end - w.start <= WINDOW for w in found)
    long = [w for w in found if w.piece == 3]
    assert (long[0].start, long[-1].end) == (sample(300), sample(800))
    assert max(b.start - a.start for a, b in pairwise(long)) <= HOP
    assert [w.firm for w in found if w.piece in (0, 2)] == [False, True]


def test_windows_that_are_spoken_over_have_no_say() -> None:
    found = windows([(0, 300)], np.r_[np.ones(150, int), np.full(151, 2)], 6 * SAMPLE_RATE)
    assert found[0].firm
    assert not found[-1].firm


def test_where_two_speak_the_nearest_other_is_the_second() -> None:
    speakers = np.array([0] * 10 + [1] * 10 + [2] * 300 + [-1] * 5)
    count = np.ones(325, int)
    count[[2, 15, 12, 310]] = 2
    second = turns.beside(speakers, count)
    assert second[[2, 12, 15, 310]].tolist() == [1, 0, 2, -1]  # the last has nobody else within three seconds
    assert (second >= 0).sum() == 3


def test_frames_without_a_window_are_nobodys() -> None:
    found = windows([(10, 40), (60, 200)], np.ones(220, int), 4 * SAMPLE_RATE)
    labels = np.array([5, *([7] * (len(found) - 1))])
    painted = turns.painted(labels, found, [(10, 40), (60, 200)], 220)
    assert painted[[0, 50, 210]].tolist() == [-1, -1, -1]
    assert set(painted[10:40]) == {5}
    assert set(painted[60:200]) == {7}


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(0, np.float32),
        np.zeros(100, np.float32),
        np.zeros(10 * SAMPLE_RATE, np.float32),
        np.full(3 * SAMPLE_RATE, 1e-5, np.float32),
        (0.01 * np.random.default_rng(0).standard_normal(6 * SAMPLE_RATE)).astype(np.float32),
    ],
    ids=["empty", "short", "silent", "nearly silent", "noise"],
)
def test_where_nobody_speaks_there_are_no_turns(waveform: np.ndarray) -> None:
    assert diarise(waveform) == Diarisation((), 0, len(waveform) / SAMPLE_RATE)


@pytest.mark.parametrize(
    "waveform", [np.zeros((2, 16_000)), np.full(16_000, np.nan), np.zeros(())], ids=["2-D", "NaN", "0-D"]
)
def test_what_is_no_waveform_is_refused(waveform: np.ndarray) -> None:
    with pytest.raises(ValueError, match="give one channel of finite samples"):
        diarise(waveform)


@pytest.mark.parametrize("name", ["man", "reader"])
def test_one_voice_is_one_speaker(name: str, request: pytest.FixtureRequest) -> None:
    found = diarise(request.getfixturevalue(name))
    assert found.speakers == 1
    assert not any(turn.overlapped for turn in found.turns)
    assert sum(turn.end - turn.start for turn in found.turns) > 5


def test_two_voices_are_two_speakers_in_their_turns(talk: np.ndarray) -> None:
    found = diarise(talk)
    assert found.speakers == 2
    assert [found.spoken(t, t + 1).speaker for t in (1.0, 4.5, 8.0, 11.5)] == [0, 1, 0, 1]
    assert diarise(talk) == found


def test_sound_in_parts_is_told_like_the_whole(talk: np.ndarray) -> None:
    sound = np.concatenate([talk, np.zeros(SAMPLE_RATE, np.float32), talk])
    stream = SpeakerStream()
    for part in np.array_split(sound, 7):
        stream.add(part)
        told = stream.so_far()
        last = told.turns[-1].end if told.turns else 0.0
        assert last <= stream.seconds
        assert last > stream.seconds - 4 or stream.seconds < 5  # a window of the network
    assert told.spoken(1.0, 2.0).speaker != told.spoken(4.5, 5.5).speaker
    assert stream.finish() == diarise(sound)


def test_turns_are_in_order_and_a_speaker_never_overlaps_oneself(talk: np.ndarray) -> None:
    found = diarise(np.tile(talk, 2))
    starts = [turn.start for turn in found.turns]
    assert starts == sorted(starts)
    assert found.turns[0].speaker == 0
    for speaker in range(found.speakers):
        own = [turn for turn in found.turns if turn.speaker == speaker]
        assert own
        assert all(a.end < b.start for a, b in pairwise(own))
    assert all(0 <= turn.start < turn.end <= found.duration for turn in found.turns)


def test_two_at_once_are_flagged(man: np.ndarray, reader: np.ndarray) -> None:
    n = 5 * SAMPLE_RATE
    both = np.concatenate([man[:n], np.zeros(2 * SAMPLE_RATE, np.float32), reader])
    both[3 * SAMPLE_RATE : 3 * SAMPLE_RATE + n] += reader[:n]
    found = diarise(both)
    assert any(turn.overlapped for turn in found.turns)
    assert found.spoken(3.2, 4.8).overlap > found.spoken(0.5, 2.5).overlap


def test_a_stretch_tells_who_speaks_and_how_much_is_spoken_over() -> None:
    turns = (Turn(0, 4, 0, False), Turn(5, 9, 1, True), Turn(8, 10, 0, True))
    found = Diarisation(turns, 2, 12.0)
    spoken = found.spoken(3, 9)
    assert (spoken.speaker, spoken.share, spoken.overlap) == (1, pytest.approx(4 / 6), pytest.approx(1 / 6))
    assert found.spoken(4.2, 4.8).speaker is None
    assert found.spoken(10, 30).share == 0
    with pytest.raises(ValueError, match="give an end after the start"):
        found.spoken(3, 3)


def test_an_answer_becomes_json() -> None:
    assert Diarisation((Turn(0.5, 1.5, 0, False),), 1, 2.0).to_json() == {
        "turns": [{"start": 0.5, "end": 1.5, "speaker": 0, "overlapped": False}],
        "speakers": 1,
        "duration": 2.0,
    }
