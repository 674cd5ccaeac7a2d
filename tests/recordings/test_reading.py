"""A recording becomes a stream of utterances: bounded, resumable, and kept where the file breaks."""

from __future__ import annotations

import errno
from dataclasses import replace

import media_factory as make
import numpy as np
import pytest

from mmer_core.batch.journal import Journal
from mmer_core.clip import Clip, FaceTrack
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError
from mmer_core.recordings import answers, forget, read_recording, reading
from mmer_core.recordings.answers import NOBODY
from mmer_core.recordings.pieces import Piece
from mmer_core.recordings.recording import clock
from mmer_core.recordings.speaking import Listener, loud_spans
from mmer_core.recordings.turns import Turns
from tiny_model import make_model

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

    monkeypatch.setattr(reading, "SECONDS", 4.0)
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

    monkeypatch.setattr(reading, "read_piece", piece)
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
    monkeypatch.setattr(reading, "SECONDS", 30.0)
    whole = read_recording(wav, make_model())
    assert spans(whole) == pytest.approx(spans(recording), abs=0.06)


def test_no_piece_is_larger_than_asked(wav, monkeypatch):
    sizes = []
    original = reading.read_piece

    def counted(path, start, limits, track=0):
        piece = original(path, start, limits)
        sizes.append(len(piece.clip.waveform))
        return piece

    monkeypatch.setattr(reading, "read_piece", counted)
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


def test_a_full_disk_keeps_what_was_read(wav, tmp_path, monkeypatch):
    out, add = tmp_path / "t.csv", Journal.add

    def fill(self, key, row):
        if len(self.rows) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, key, row)

    monkeypatch.setattr(Journal, "add", fill)
    with pytest.raises(OSError, match=r"No space left on device\): free some space and start again"):
        read_recording(wav, make_model(), journal=out)
    monkeypatch.setattr(Journal, "add", add)
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
    original = reading.read_piece

    def crash(path, start, limits, track=0):
        piece = original(path, start, limits)
        if start > 2:
            return piece
        clip = replace(piece.clip, duration=2.0, waveform=piece.clip.waveform[: 2 * RATE])
        return replace(piece, damaged=True, clip=clip)

    monkeypatch.setattr(reading, "read_piece", crash)
    monkeypatch.setattr(reading, "BEYOND_DAMAGE", (4.0,))
    recording = read_recording(wav, make_model())
    assert [round(u.start) for u in recording.utterances] == [0, 6, 7]
    assert recording.notes == (
        "nothing can be read from 0:02.0 to 0:06.0; what comes before and after was used",
    )


def test_a_file_that_vanishes_keeps_what_was_read(wav):
    recording = read_recording(wav, make_model(), found=lambda u: wav.unlink() if u.start < 1 else None)
    assert len(recording.utterances) == 1
    assert "cannot be found" in recording.notes[0]


def test_silence_and_a_single_second(tmp_path):
    for seconds, spoken, count in ((5.0, [], 0), (1.0, [(0.1, 0.9)], 1)):
        path = tmp_path / f"{seconds}.wav"
        path.write_bytes(make.wav_bytes(tones(spoken, seconds)[:, None], RATE))
        recording = read_recording(path, make_model())
        assert (len(recording.utterances), recording.complete) == (count, True)


def test_speakers_are_told_apart_in_the_whole_sound(wav):
    class Turn:
        def __init__(self, start, end, speaker):
            self.start, self.end, self.speaker = start, end, speaker

    def diarise(waveform):
        assert (waveform.shape, waveform.dtype) == ((9 * RATE,), np.float32)
        assert isinstance(waveform, np.memmap)
        assert np.abs(waveform[RATE // 2 : RATE]).max() > 0.2
        return [Turn(0.4, 4.0, 0), Turn(4.6, 5.6, 1), Turn(5.6, 9.0, 0), Turn(7.5, 8.0, 1)]

    recording = read_recording(wav, make_model(), speakers=diarise)
    assert [(u.speaker, u.overlapped) for u in recording.utterances] == [
        (0, False),
        (0, False),
        (1, False),
        (0, False),
        (0, True),
    ]
    assert recording.utterances[2].end == pytest.approx(5.6, abs=0.01)


def test_faces_without_speech(tmp_path, monkeypatch):
    def seen(clip):
        """A face in all pictures but those of the first second of the file."""
        index = np.flatnonzero(clip.frames[:, 0, 0, 0] >= 0)[4:]
        return replace(
            clip,
            faces=FaceTrack(
                clip.times[index],
                index,
                np.zeros((len(index), 4), np.float32),
                np.full((len(index), 5, 2), np.nan, np.float32),
                np.ones(len(index), np.float32),
                np.zeros((len(index), 112, 112, 3), np.uint8),
                len(clip.times),
                1,
                "the only face",
            ),
        )

    monkeypatch.setattr(answers, "find_faces", seen)
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: [])
    make.write_video(tmp_path / "a.mp4", seconds=3.5)
    (utterance,) = read_recording(tmp_path / "a.mp4", make_model()).utterances
    assert (utterance.start, utterance.end) == (pytest.approx(1.0), pytest.approx(3.5, abs=0.05))
    assert (utterance.spoken, utterance.prediction.used) == (False, (Modality.VISUAL,))
    assert utterance.prediction.modalities[Modality.AUDIO].reason == NOBODY


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


def test_times_as_a_person_reads_them():
    assert [clock(t) for t in (12.34, 62.5, 3602.5)] == ["0:12.3", "1:02.5", "1:00:02.5"]
