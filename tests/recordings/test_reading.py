"""A recording becomes a stream of utterances: bounded, resumable, and kept where the file breaks."""

from __future__ import annotations

import threading
from dataclasses import replace

import media_factory as make
import numpy as np
import pytest
from face_scenes import Actor, Scene, voice, with_loudness
from full_disk import files_of_at_most
from loud_spans import loud_spans

from mmer_core.clip import Clip
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError
from mmer_core.media.speakers import Diarisation, Turn
from mmer_core.recordings import forget, read_recording, source, speakers
from mmer_core.recordings.answers import NOBODY
from mmer_core.recordings.faces import Found
from mmer_core.recordings.pieces import Piece
from mmer_core.recordings.speaking import Listener
from mmer_core.recordings.turns import Turns
from tiny_model import DIM, make_model

RATE = 16_000
SPOKEN = [(0.5, 1.5), (2.5, 3.9), (4.7, 6.6), (7.3, 8.3)]  # seconds


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Pieces of four seconds; loud is spoken, and the words say how many were heard before."""
    heard: list[str] = []

    def words(self, waveform, spans):
        texts = [f"utterance {len(heard) + i}" for i in range(len(spans))]
        heard.extend(texts)
        return texts, ""

    monkeypatch.setattr(source, "SECONDS", 4.0)
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: loud_spans(waveform))
    monkeypatch.setattr(Listener, "words", words)


def tones(spoken=SPOKEN, seconds: float = 9.0) -> np.ndarray:
    sound = np.zeros(round(seconds * RATE), np.int16)
    for start, end in spoken:
        first, last = round(start * RATE), round(end * RATE)
        sound[first:last] = 9_000 * np.sin(np.arange(last - first) / 5)
    return sound


@pytest.fixture
def wav(tmp_path, monkeypatch):
    """A file whose pieces are cut here, since starting processes takes long; `test_pieces` decodes."""
    path = tmp_path / "talk.wav"
    path.write_bytes(make.wav_bytes(tones()[:, None], RATE))
    sound = tones().astype(np.float32) / 32_768

    def piece(path, start, limits, track=0):
        if not path.exists():
            raise MediaError("talk.wav cannot be found: check the path")
        part = sound[round(start * RATE) : round((start + limits.max_seconds) * RATE)]
        absent = {Modality.VISUAL: "this is a sound file"}
        clip = Clip(
            "talk.wav", "", "audio", len(part) / RATE, waveform=part if len(part) else None, absent=absent
        )
        return Piece(start, clip, start + limits.max_seconds < 9, 9.0)

    monkeypatch.setattr(source, "read_piece", piece)
    return path


def spans(recording):
    return np.array([(u.start, u.end) for u in recording.utterances])


def test_utterances_come_as_they_are_and_do_not_depend_on_the_pieces(wav, monkeypatch):
    told, progress = [], []
    recording = read_recording(wav, make_model(), found=told.append, progress=progress.append)
    assert tuple(told) == recording.utterances
    assert recording.complete
    assert len(told) == len(SPOKEN)
    for utterance, (start, end) in zip(told, SPOKEN, strict=True):
        assert (utterance.start, utterance.end) == pytest.approx((start - 0.2, end + 0.2), abs=0.06)
        assert utterance.prediction.used == (Modality.TEXT, Modality.AUDIO)
        assert (utterance.speaker, utterance.spoken) == (None, True)
    assert progress[-1].of == pytest.approx(9.0)
    assert [p.done for p in progress] == sorted(p.done for p in progress)
    monkeypatch.setattr(source, "SECONDS", 30.0)
    whole = read_recording(wav, make_model())
    assert spans(whole) == pytest.approx(spans(recording), abs=0.06)


def test_the_next_piece_is_decoded_while_one_is_read(wav, monkeypatch):
    original, begun, order = source.read_piece, threading.Event(), []

    def counted(path, start, limits, track=0):
        order.append(("piece", start))
        if start > 0:
            begun.set()
        return original(path, start, limits)

    def found(utterance):
        if not order or order[-1][0] == "piece":
            assert begun.wait(5)  # of the first piece, before its utterances are told
        order.append(("utterance", utterance.start))

    monkeypatch.setattr(source, "read_piece", counted)
    recording = read_recording(wav, make_model(), found=found)
    assert [what for what, _ in order][:3] == ["piece", "piece", "utterance"]
    assert len({start for what, start in order if what == "piece"}) == len(
        [1 for what, _ in order if what == "piece"]
    )  # none twice
    assert len(recording.utterances) == len(SPOKEN)


def test_no_piece_is_larger_than_asked(wav, monkeypatch):
    sizes = []
    original = source.read_piece

    def counted(path, start, limits, track=0):
        piece = original(path, start, limits)
        sizes.append(len(piece.clip.waveform))
        return piece

    monkeypatch.setattr(source, "read_piece", counted)
    read_recording(wav, make_model())
    assert max(sizes) <= 4 * RATE
    assert len(sizes) >= 3


def test_a_part_of_it(wav):
    recording = read_recording(wav, make_model(), start=2.0, end=6.9)
    assert [round(u.start) for u in recording.utterances] == [2, 4]
    assert (recording.start, recording.end, recording.complete) == (2.0, pytest.approx(6.9, abs=0.11), True)
    with pytest.raises(MediaError, match=r"has nothing after 0:20\.0, it ends at 0:09\.0"):
        read_recording(wav, make_model(), start=20.0)
    with pytest.raises(ValueError, match="no stretch of time"):
        read_recording(wav, make_model(), start=3.0, end=2.0)


def test_a_second_start_goes_on(wav, tmp_path):
    out, model = tmp_path / "t.csv", make_model()
    whole = read_recording(wav, make_model())

    def interrupt(utterance):
        if utterance.start > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_recording(wav, model, journal=out, found=interrupt)
    calls = model.encoders[Modality.AUDIO].calls
    told = []
    again = read_recording(wav, model, journal=out, found=told.append)
    assert calls == 2
    assert model.encoders[Modality.AUDIO].calls == 4  # what was kept was not read again
    assert spans(again) == pytest.approx(spans(whole), abs=0.06)
    assert len(told) == 4
    read_recording(wav, model, journal=out)
    assert model.encoders[Modality.AUDIO].calls == 4
    read_recording(wav, model, journal=out, end=3.0)  # other options: from the start
    assert model.encoders[Modality.AUDIO].calls == 6 - 1 + (again.utterances[1].start < 3.0)
    forget(out)
    assert list(tmp_path.glob(".t.csv*")) == []


def test_a_stop_keeps_what_was_read(wav):
    told = []
    recording = read_recording(wav, make_model(), found=told.append, stop=lambda: len(told) >= 2)
    assert (len(recording.utterances), recording.complete) == (2, False)


def test_a_full_disk_keeps_what_was_read(wav, tmp_path):
    out = tmp_path / "t.csv"
    with files_of_at_most(3000), pytest.raises(OSError, match=r"\): free some space and start again"):
        read_recording(wav, make_model(), journal=out)
    told = []
    read_recording(wav, make_model(), journal=out, found=told.append)
    assert len(told) == 4


def test_a_file_that_breaks_off_is_read_up_to_there(tmp_path):
    path = tmp_path / "a.mkv"
    make.write_video(path, seconds=9)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    recording = read_recording(path, make_model())
    assert not recording.complete
    assert recording.utterances
    assert 3 < recording.utterances[-1].end < 7
    assert "the file breaks off after 0:0" in recording.notes[-1]


def test_a_process_that_crashes_on_the_way_costs_that_place(wav, monkeypatch):
    original = source.read_piece

    def crash(path, start, limits, track=0):
        piece = original(path, start, limits)
        if start > 2:
            return piece
        clip = replace(piece.clip, duration=2.0, waveform=piece.clip.waveform[: 2 * RATE])
        return replace(piece, damaged=True, clip=clip)

    monkeypatch.setattr(source, "read_piece", crash)
    monkeypatch.setattr(source, "BEYOND_DAMAGE", (4.0,))
    recording = read_recording(wav, make_model())
    assert [round(u.start) for u in recording.utterances] == [0, 6, 7]
    assert recording.notes == (
        "nothing can be read from 0:02.0 to 0:06.0; what comes before and after was used",
    )


def test_a_file_that_vanishes_keeps_what_was_read(wav):
    recording = read_recording(wav, make_model(), found=lambda u: wav.unlink(missing_ok=True))
    assert 1 <= len(recording.utterances) < len(SPOKEN)  # the next piece may have been decoded already
    assert "cannot be found" in recording.notes[0]


def test_silence_and_a_single_second(tmp_path):
    for seconds, spoken, count in ((5.0, [], 0), (1.0, [(0.1, 0.9)], 1)):
        path = tmp_path / f"{seconds}.wav"
        path.write_bytes(make.wav_bytes(tones(spoken, seconds)[:, None], RATE))
        recording = read_recording(path, make_model())
        assert (len(recording.utterances), recording.complete) == (count, True)


class Ears:
    """Tells apart what it was told to, as far as it has heard; at the end the second and the first person
    change places if asked.
    """

    def __init__(self, turns, swap=False):
        self.sound, self.turns, self.swap = np.zeros(0, np.float32), turns, swap

    @property
    def seconds(self):
        return len(self.sound) / RATE

    def add(self, sound):
        self.sound = np.concatenate([self.sound, sound])

    def so_far(self):
        return self._told(lambda speaker: speaker)

    def finish(self):
        return self._told(lambda speaker: 1 - speaker if self.swap else speaker)

    def _told(self, number):
        heard = [(a, min(b, self.seconds), number(s)) for a, b, s in self.turns if a < self.seconds]
        return Diarisation(tuple(Turn(*turn, False) for turn in heard), 2, self.seconds)


TURNS = [(0.4, 4.0, 0), (4.6, 5.6, 1), (5.6, 9.0, 0), (7.5, 8.0, 1)]


def test_speakers_are_told_apart_while_it_is_read(wav):
    ears, told = Ears(TURNS), []
    recording = read_recording(wav, make_model(), speakers=lambda: ears, found=told.append)
    assert ears.sound == pytest.approx(tones().astype(np.float32) / 32_768)  # each second once
    expected = [(0, False), (0, False), (1, False), (0, False), (0, True)]
    assert [(u.speaker, u.overlapped) for u in recording.utterances] == expected
    assert [(u.speaker, u.overlapped) for u in told] == expected
    assert recording.utterances[2].end == pytest.approx(5.6, abs=0.01)


def test_at_the_end_every_utterance_has_its_speaker(wav):
    told = []
    recording = read_recording(wav, make_model(), speakers=lambda: Ears(TURNS, swap=True), found=told.append)
    assert [u.speaker for u in recording.utterances] == [1 - u.speaker for u in told]
    assert [u.words for u in recording.utterances] == [u.words for u in told]


def test_a_second_start_hears_again_who_spoke_before(wav, tmp_path):
    out, again = tmp_path / "t.csv", Ears(TURNS)
    told = []
    read_recording(
        wav,
        make_model(),
        journal=out,
        speakers=lambda: Ears(TURNS),
        stop=lambda: len(told) > 1,
        found=told.append,
    )
    recording = read_recording(wav, make_model(), journal=out, speakers=lambda: again)
    assert again.seconds == pytest.approx(9.0)
    assert [u.speaker for u in recording.utterances] == [0, 0, 1, 0, 0]


def comparing_model():
    """One that compares the voice with the average speaker's unless it knows better."""
    scaling = InputScaling(np.full(DIM, 0.5, np.float32), np.ones(DIM, np.float32), 2.0)
    return make_model("early", input_scaling={Modality.AUDIO: scaling})


def test_the_voice_is_compared_with_the_speakers_own(wav, monkeypatch):
    monkeypatch.setattr(speakers, "KNOWN", 2.5)
    model, told = comparing_model(), []
    recording = read_recording(wav, model, speakers=lambda: Ears(TURNS), found=told.append)
    first = ["" if "average" in u.prediction.baseline else u.speaker for u in told]
    assert first == ["", "", "", 0, 0]  # nothing is known at first, and of the second person never enough
    last = ["" if "average" in u.prediction.baseline else u.speaker for u in recording.utterances]
    assert last == [0, 0, "", 0, 0]
    changed = [
        a.prediction.probabilities != b.prediction.probabilities
        for a, b in zip(told, recording.utterances, strict=True)
    ]
    assert changed[:3] == [True, True, False]
    assert all(
        u.prediction.warnings == t.prediction.warnings
        for u, t in zip(recording.utterances, told, strict=True)
    )


@pytest.fixture
def film(tmp_path, monkeypatch):
    """Reads a scene as if it were a file, in pieces of ten seconds, with a detector that knows it."""

    def shoot(scene, sound):
        path = tmp_path / "scene.mp4"
        path.write_bytes(b"a scene")

        def piece(path, start, limits, track=0):
            first, last = round(start * 4), round((start + limits.max_seconds) * 4)
            clip = scene.clip(None if sound is None else sound[first * 4_000 : last * 4_000], first, last)
            return Piece(start, clip, last < scene.count, scene.count / 4)

        monkeypatch.setattr(source, "read_piece", piece)
        monkeypatch.setattr(source, "SECONDS", 10.0)
        monkeypatch.setattr(Found, "shipped", classmethod(lambda cls: scene.found))
        return path

    return shoot


def test_faces_without_speech(film, monkeypatch):
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: [])
    scene = Scene([Actor(1, lambda i: (20, 30) if i >= 4 else None)], 14)  # in view from the second second on
    (utterance,) = read_recording(film(scene, None), make_model()).utterances
    assert (utterance.start, utterance.end) == (pytest.approx(1.0), pytest.approx(3.5, abs=0.05))
    assert (utterance.spoken, utterance.prediction.used) == (False, (Modality.VISUAL,))
    assert utterance.prediction.modalities[Modality.AUDIO].reason == NOBODY
    assert (utterance.face, utterance.face_probability) == (0, None)


def talk() -> tuple[Scene, np.ndarray]:
    """Sixteen seconds: one speaks, another listens, and after a cut the listener is alone, then in turn."""
    rhythm = np.resize([0.9, 0.6, 0.0, 0.8, 1.0, 0.5, 0.0, 0.7], 24)
    loud = np.concatenate([rhythm, np.zeros(4), rhythm[:20], np.zeros(16)])
    first = np.where(np.arange(64) < 28, loud, 0)
    second = np.where(np.arange(64) >= 28, loud, 0)
    talker = Actor(1, lambda i: (20, 30) if i < 28 else None, with_loudness(first))
    listener = Actor(2, lambda i: (150, 30) if i < 28 else (40, 40), with_loudness(second))
    return Scene([talker, listener], 64, backdrop=lambda i: 40 if i < 28 else 200), voice(loud)


def test_each_utterance_has_the_face_that_speaks(film):
    recording = read_recording(film(*talk()), make_model())
    spoken = [u for u in recording.utterances if u.spoken and u.seconds > 1.5]
    assert {u.face for u in spoken if u.end < 6.5} == {0}
    assert {u.face for u in spoken if u.start > 6.5} == {1}
    assert all(Modality.VISUAL in u.prediction.used and u.face_probability > 0.6 for u in spoken)
    first, second = recording.people
    assert (first.number, second.number) == (0, 1)
    assert first.sights[-1].times[-1] == pytest.approx(6.75, abs=0.1)
    assert [s.times[0] for s in second.sights] == pytest.approx([0.0, 7.0], abs=0.1)
    assert second.emotion(15.0) is not None
    assert recording.to_json()["people"][1]["number"] == 1


def test_a_second_start_knows_the_same_people(film, tmp_path):
    path, out = film(*talk()), tmp_path / "t.csv"
    whole = read_recording(path, make_model())

    def interrupt(utterance):
        if utterance.start > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_recording(path, make_model(), journal=out, found=interrupt)
    again = read_recording(path, make_model(), journal=out)
    assert [u.face for u in again.utterances] == [u.face for u in whole.utterances]
    for now, before in zip(again.people, whole.people, strict=True):
        assert now.number == before.number
        assert now.seconds == pytest.approx(before.seconds, abs=0.6)
        assert now.sights[0].times[0] == before.sights[0].times[0]
        assert now.sights[-1].times[-1] == pytest.approx(before.sights[-1].times[-1], abs=0.2)


def test_without_the_face_nobody_is_looked_for(film):
    scene, sound = talk()
    recording = read_recording(film(scene, sound), make_model(), use=[Modality.AUDIO, Modality.TEXT])
    assert (recording.people, scene.detected) == ((), 0)


def test_the_turns_before_are_the_context(wav):
    model = make_model()
    encoder = model.encoders[Modality.TEXT]
    encoder.spec = replace(encoder.spec, reads_dialogue=True)
    read_recording(wav, model)
    assert encoder.clip.dialogue.previous == ("utterance 0", "utterance 1", "utterance 2")


def test_turns():
    turns = Turns([(0.0, 2.0, 0), (1.8, 4.0, 1), (5.0, 6.0, 1), (6.5, 7.0, 0)])
    assert turns.changes(0, 10) == [pytest.approx(1.9), 6.5]
    assert turns.speaker(0.0, 1.0) == (0, False)
    assert turns.speaker(1.5, 2.3) == (0, True) or turns.speaker(1.5, 2.3)[1]
    assert turns.speaker(4.1, 4.9) == (None, False)


def test_a_cancelled_reading_does_not_wait_for_the_piece_in_hand(wav, monkeypatch):
    """What was read is kept; the decoding ends by itself later."""
    told, late, gave_up = [], threading.Event(), []
    real = source.read_piece

    def slow(path, start, *arguments):
        if start > 0 and not late.wait(30):
            gave_up.append(start)
        return real(path, start, *arguments)

    monkeypatch.setattr(source, "read_piece", slow)
    recording = read_recording(wav, make_model(), found=told.append, cancel=lambda: len(told) > 0)
    late.set()
    assert not gave_up, "the reading waited for what nobody wants"
    assert not recording.complete
    assert list(recording.utterances) == told


def test_a_cancelled_reading_ends_between_the_steps_of_a_piece(wav, monkeypatch):
    heard = []
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: heard.append("voices") or [(0.0, 1.0)])
    monkeypatch.setattr(Listener, "words", lambda *_: pytest.fail("nobody waits for the words"))
    recording = read_recording(wav, make_model(), cancel=lambda: bool(heard))
    assert (recording.utterances, recording.complete) == ((), False)
