"""Live reading: the newest picture only, sliding windows of sound, bounded memory, and the last seconds to
take away.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from media_factory import tone

from mmer_core.clip import SAMPLE_RATE
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.live import LiveReader, LiveSettings, LiveWorkers
from mmer_core.inference.live.following import FaceFollower
from mmer_core.inference.live.sound import SoundFrames, SoundRing
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.faces import Detection
from mmer_core.media.loading import load_upload
from mmer_core.media.speech import SpeechUnavailable, Transcript
from tiny_model import DIM, make_model

TEXT, AUDIO, VISUAL = Modality.TEXT, Modality.AUDIO, Modality.VISUAL


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def face_at(x: float, y: float, side: float = 40, score: float = 0.99) -> Detection:
    box = np.array([x, y, x + side, y + side], dtype=np.float32)
    return Detection(box, np.full((5, 2), np.nan, dtype=np.float32), score)


def picture(shade: int = 120, width: int = 160, height: int = 120) -> np.ndarray:
    return np.full((height, width, 3), shade, dtype=np.uint8)


class Scene:
    """A reader whose surroundings the test decides: the faces in a picture, where somebody speaks, what is
    said.
    """

    def __init__(self, model=None, **settings) -> None:
        self.clock = Clock()
        self.faces = [face_at(60, 40)]
        self.voices: list[tuple[float, float]] = [(0.2, 2.0)]
        self.words = "what a day"
        self.searched: list[np.ndarray] = []
        self.written: list[int] = []  # samples of each transcription
        self.reader = LiveReader(
            model or make_model(),
            LiveSettings(**settings),
            clock=self.clock,
            detect=self._detect,
            transcribe=self._transcribe,
            voices=lambda waveform: self.voices,
        )

    def _detect(self, frame, smallest):
        if frame.shape[0] == frame.shape[1]:
            return []  # the surroundings of the last face: the whole picture is searched then
        self.searched.append(frame)
        return self.faces

    def _transcribe(self, waveform):
        self.written.append(len(waveform))
        return Transcript(self.words, (), 0.0)

    def show(self, shade: int = 120) -> None:
        self.reader.add_picture(picture(shade))
        self.reader.read_visual()

    def play(self, seconds: float = 3.0) -> None:
        self.clock.at += seconds
        self.reader.add_sound(tone(seconds))

    def present(self) -> set[Modality]:
        return set(self.reader.observation().features)

    def reason(self, modality: Modality) -> str:
        return self.reader.observation().absent[modality]


@pytest.fixture
def scene() -> Scene:
    return Scene()


# What comes in


def test_of_many_pictures_only_the_newest_is_read(scene):
    for shade in (10, 20, 30):
        scene.reader.add_picture(picture(shade))
    assert scene.reader.read_visual()
    assert [int(p.max()) for p in scene.searched] == [30]
    assert not scene.reader.read_visual(), "there is no new picture"


def test_memory_stays_bounded_however_much_comes_in():
    scene = Scene(kept=2.0, pictures_kept=5.0, history=4.0)
    for i in range(400):
        scene.clock.at += 0.1
        scene.show(i % 250)
        scene.reader.add_sound(tone(0.1))
        scene.reader.read_audio()
    kept = scene.reader._kept.all()
    assert len(kept) <= 10
    assert kept[-1][0] - kept[0][0] <= 2.0
    assert len(scene.reader.timeline()) <= 8
    assert set(scene.reader._found.visual) == {1}
    assert len(scene.reader._found.visual[1]) <= 64
    assert len(scene.reader._arrivals.times) <= 240


def test_nothing_is_taken_in_while_paused(scene):
    scene.reader.paused = True
    scene.show()
    scene.play()
    assert not scene.reader.read_audio()
    assert scene.searched == []
    assert scene.reader.keep() is None


def test_clearing_forgets_everything(scene):
    scene.show()
    scene.play()
    scene.reader.read_audio()
    scene.reader.read_text()
    scene.reader.clear()
    moment = scene.reader.now()
    assert (moment.prediction, moment.faces, moment.words, moment.camera, moment.microphone) == (
        None,
        (),
        "",
        None,
        None,
    )
    assert scene.reader.keep() is None
    assert scene.reader.timeline() == []


# What is found in it


def test_a_face_gives_an_answer_and_its_place_as_shares_of_the_picture(scene):
    scene.show()
    moment = scene.reader.now()
    assert moment.prediction.used == (VISUAL,)
    assert moment.prediction.label in EMOTIONS
    assert moment.face.box == pytest.approx([60 / 160, 40 / 120, 100 / 160, 80 / 120])
    assert [face.person for face in moment.faces] == [1]
    assert moment.face.probabilities == pytest.approx(moment.prediction.probabilities)
    assert moment.visual_delay >= 0


def test_the_answer_follows_the_picture(scene):
    scene.show(0)
    before = scene.reader.now().prediction.probabilities
    scene.clock.at += 5
    scene.show(255)
    assert scene.reader.now().prediction.probabilities != before


def test_no_face_in_view_and_no_picture_are_told_apart(scene):
    assert scene.reason(VISUAL) == "no picture from the camera"
    scene.faces = []
    scene.show()
    assert scene.reason(VISUAL) == "no face in view"
    assert scene.reader.now().face is None
    scene.clock.at += 10
    assert scene.reason(VISUAL) == "no picture from the camera"
    assert scene.reader.now().camera is False


def test_a_face_that_leaves_takes_its_opinion_with_it(scene):
    scene.show()
    assert VISUAL in scene.present()
    scene.faces = []
    scene.clock.at += 2
    scene.show()
    assert VISUAL not in scene.present()


def test_a_voice_counts_only_while_somebody_speaks(scene):
    assert scene.reason(AUDIO) == "no sound from the microphone"
    scene.play()
    assert scene.reader.read_audio()
    assert AUDIO in scene.present()
    scene.voices = []
    scene.play(1)
    assert scene.reader.read_audio()
    assert scene.reason(AUDIO) == "nobody is speaking"


def test_the_voice_is_not_read_twice_without_new_sound(scene):
    scene.play()
    assert scene.reader.read_audio()
    assert not scene.reader.read_audio()


def test_a_voice_fades_when_the_microphone_is_gone(scene):
    scene.play()
    scene.reader.read_audio()
    scene.clock.at += 4
    assert AUDIO not in scene.present()
    assert scene.reader.now().microphone is False


def test_words_are_written_down_from_a_longer_window_and_fade(scene):
    scene.play(9)
    assert scene.reader.read_text()
    assert scene.written == [6 * SAMPLE_RATE]
    assert scene.reader.now().words == "what a day"
    assert TEXT in scene.present()
    scene.clock.at += 9
    assert scene.reader.now().words == ""
    assert scene.reason(TEXT) == "no words in the last 8 s"


def test_nothing_is_written_down_while_nobody_speaks(scene):
    scene.voices = []
    scene.play()
    assert not scene.reader.read_text()
    assert scene.written == []


def test_missing_speech_recognition_is_a_reason_not_a_failure(scene):
    def broken(waveform):
        raise SpeechUnavailable("speech recognition is not installed")

    scene.reader._transcribe = broken
    scene.play()
    assert not scene.reader.read_text()
    assert scene.reason(TEXT) == "speech recognition is not installed"


def test_all_together_fuse_as_the_model_does(scene):
    scene.show()
    scene.play()
    scene.show()
    scene.reader.read_audio()
    scene.reader.read_text()
    moment = scene.reader.now()
    assert moment.prediction.used == (TEXT, AUDIO, VISUAL)
    assert (
        moment.prediction.probabilities == scene.reader.model.fuse(scene.reader.observation()).probabilities
    )


def test_a_switch_changes_the_answer_at_once(scene):
    scene.play()
    scene.show()
    scene.reader.read_audio()
    everything = scene.reader.now().prediction
    scene.reader.switch({VISUAL})
    alone = scene.reader.now().prediction
    assert alone.used == (VISUAL,)
    assert alone.modalities[AUDIO].reason == "switched off"
    assert alone.probabilities != everything.probabilities
    scene.reader.switch({TEXT, AUDIO, VISUAL})
    assert scene.reader.now().prediction.probabilities == everything.probabilities


def test_a_voice_is_compared_with_how_the_speaker_usually_sounds_from_now_on():
    scaling = InputScaling(np.full(DIM, 0.1, np.float32), np.full(DIM, 0.2, np.float32), 2.0)
    model = make_model("early", input_scaling={AUDIO: scaling})
    scene = Scene(model)
    scene.play()
    scene.reader.read_audio()
    before = scene.reader.now().prediction
    assert before.baseline == "the average training speaker"
    usual = {AUDIO: Baseline(20, np.full(DIM, -0.3), np.full(DIM, 0.01), 10.0)}
    scene.reader.compare(usual)
    after = scene.reader.now().prediction
    assert after.baseline == "10 s of the speaker's own voice"
    expected = model.fuse(model.with_baseline(scene.reader.observation(), usual))
    assert after.probabilities == expected.probabilities != before.probabilities
    scene.reader.clear()
    assert scene.reader.baseline is usual
    scene.reader.compare({})
    scene.play()
    scene.reader.read_audio()
    assert scene.reader.now().prediction.probabilities == before.probabilities


def test_the_timeline_has_a_point_for_every_half_second(scene):
    for _ in range(20):
        scene.clock.at += 0.1
        scene.show()
    points = scene.reader.timeline()
    assert 3 <= len(points) <= 5
    assert all(b.at - a.at >= 0.5 - 1e-6 for a, b in pairwise(points))
    assert all(sum(p.probabilities.values()) == pytest.approx(1) and p.used == (VISUAL,) for p in points)


# Following a face


def test_between_two_searches_only_the_surroundings_of_the_face_are_searched():
    seen = []

    def detect(frame, smallest):
        seen.append(frame.shape[:2])
        return [face_at(0.3 * frame.shape[1], 0.3 * frame.shape[0], side=0.4 * min(frame.shape[:2]))]

    follower = FaceFollower(detect, every=1.0)
    large = picture(width=640, height=480)
    follower.find(large, 0.0)
    follower.find(large, 0.1)
    follower.find(large, 1.2)
    assert seen[0] == seen[2] == (480, 640)
    assert max(seen[1]) <= 160


def test_a_place_found_nearby_is_given_in_the_whole_picture():
    whole = face_at(300, 200, side=100)

    def detect(frame, smallest):
        if frame.shape[:2] == (480, 640):
            return [whole]
        return [
            face_at(40, 40, side=80)
        ]  # the surroundings are twice the box, scaled to 160 pixels: the face has not moved

    follower = FaceFollower(detect)
    follower.find(picture(width=640, height=480), 0.0)
    (again,) = follower.find(picture(width=640, height=480), 0.1)
    assert again.box == pytest.approx(whole.box, abs=1.5)


def test_while_there_are_several_faces_the_whole_picture_is_searched_every_time():
    seen = []

    def detect(frame, smallest):
        seen.append(frame.shape[:2])
        return [face_at(40, 40), face_at(400, 40)]

    follower = FaceFollower(detect)
    assert [len(follower.find(picture(width=640, height=480), at)) for at in (0.0, 0.1)] == [2, 2]
    assert seen == [(480, 640)] * 2


def test_a_face_lost_nearby_is_searched_everywhere_at_once():
    calls = []

    def detect(frame, smallest):
        calls.append(frame.shape[:2])
        return [face_at(300, 200, side=100)] if frame.shape[:2] == (480, 640) else []

    follower = FaceFollower(detect)
    follower.find(picture(width=640, height=480), 0.0)
    assert follower.find(picture(width=640, height=480), 0.1) != []
    assert [c == (480, 640) for c in calls] == [True, False, True]


@pytest.mark.parametrize("face", [face_at(10, 10, score=0.5), face_at(float("nan"), 10)])
def test_unsure_and_senseless_detections_do_not_count(face):
    assert FaceFollower(lambda frame, smallest: [face]).find(picture(), 0.0) == []


# Sound


def test_the_ring_holds_the_newest_sound():
    ring = SoundRing(1.0)
    assert len(ring.last(1.0)) == 0
    for i in range(5):
        ring.write(np.full(SAMPLE_RATE // 2, i, dtype=np.float32), float(i))
    assert ring.end == 4.0
    assert set(ring.last(0.5)) == {4.0}
    assert ring.last(9.0).tolist() == [3.0] * 8000 + [4.0] * 8000
    ring.write(np.arange(3 * SAMPLE_RATE, dtype=np.float32), 9.0)
    assert ring.last(1.0)[-1] == 3 * SAMPLE_RATE - 1


def sound_frame(samples: np.ndarray, at: int) -> av.AudioFrame:
    """20 ms of stereo at 48 kHz, as a browser sends it; `at` in samples."""
    interleaved = np.repeat((samples * 32767).astype("<i2"), 2)[None]
    frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
    return frame


def samples_of(starts: list[int]) -> np.ndarray:
    frames, sound = SoundFrames(), np.full(960, 0.5)
    return np.concatenate([frames.samples(sound_frame(sound, at)) for at in starts])


def test_frames_become_16_khz_mono():
    samples = samples_of([960 * i for i in range(50)])
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=100)
    assert samples.dtype == np.float32
    assert np.median(samples) == pytest.approx(0.5, abs=0.01)


def test_lost_frames_become_silence_of_the_same_length():
    samples = samples_of([0, 960, 48_000 + 960, 48_000 + 1920])
    assert (samples == 0).sum() == pytest.approx(SAMPLE_RATE * (48_000 - 960) / 48_000, abs=50)


def test_a_new_start_of_the_clock_is_no_gap():
    assert (samples_of([0, 960, 10**9, 10**9 + 960]) == 0).sum() < 50
    assert (samples_of([10**9, 10**9 + 960, 0, 960]) == 0).sum() < 50


# What is kept


def test_the_last_seconds_are_a_clip_whose_sound_fits_its_picture(scene):
    """After two seconds of black and silence, white and a tone begin together."""
    for i in range(40):
        scene.clock.at += 0.1
        scene.reader.add_picture(picture(0 if i < 20 else 255, 161, 121))  # odd sides, as some cameras have
        scene.reader.add_sound(tone(0.1) if i >= 20 else np.zeros(1600, np.float32))
    name, content = scene.reader.keep()
    clip = load_upload(content, name)
    assert name.endswith(".mp4")
    assert clip.duration == pytest.approx(4.0, abs=0.3)
    bright = clip.times[np.argmax(clip.frames.mean(axis=(1, 2, 3)) > 128)]
    loud = np.argmax(np.abs(clip.waveform) > 0.1) / SAMPLE_RATE
    assert bright == pytest.approx(1.9, abs=0.3)
    assert loud == pytest.approx(bright, abs=0.3)


def test_kept_pictures_may_change_their_size(scene):
    for i in range(10):
        scene.clock.at += 0.1
        scene.reader.add_picture(picture(i * 20, *((160, 120) if i < 5 else (120, 160))))
    clip = load_upload(scene.reader.keep()[1], "live.mp4")
    assert clip.frames is not None
    assert clip.waveform is None


def test_sound_alone_is_kept_as_sound(scene):
    scene.play(2)
    name, content = scene.reader.keep()
    clip = load_upload(content, name)
    assert clip.kind == "audio"
    assert clip.duration == pytest.approx(2, abs=0.1)


# At work


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "nothing happened within half a minute"
        time.sleep(0.01)


@pytest.fixture
def live():
    """A reader at work on a clock that runs, let go at the end."""
    scene = Scene()
    reader = LiveReader(
        make_model(),
        LiveSettings(idle=0.4, audio_every=0.05, text_every=0.05, faces_per_second=100.0),
        detect=scene._detect,
        transcribe=scene._transcribe,
        voices=lambda waveform: scene.voices,
    )
    workers = LiveWorkers(reader)
    yield workers
    workers.stop()


def test_work_begins_with_the_first_picture_and_reaches_every_modality(live):
    assert not live.running
    live.add_picture(picture())
    assert live.running
    live.add_sound(tone(1.0))
    wait_for(lambda: (p := live.now().prediction) is not None and p.used == (TEXT, AUDIO, VISUAL))


def test_work_ends_by_itself_and_lets_everything_go_when_the_page_was_left(live):
    live.add_picture(picture())
    live.add_sound(tone(1.0))
    wait_for(lambda: not [t for t in threading.enumerate() if t.name.startswith("live-")])
    assert not live.running
    assert live.reader.keep() is None
    live.add_picture(picture())
    assert live.running, "and begins again with the next picture"


def test_looking_keeps_what_came_in_alive(live):
    live.add_picture(picture())
    until = time.monotonic() + 1.0  # longer than `idle`
    while time.monotonic() < until:
        live.now()
        time.sleep(0.02)
    assert live.reader.keep() is not None


def test_one_failing_step_does_not_end_the_work(live, caplog):
    fails = [True]

    def detect(frame, smallest):
        if fails:
            fails.pop()
            raise RuntimeError("a picture nobody can read")
        return [face_at(60, 40)]

    live.reader._faces._follower = FaceFollower(detect)
    live.add_picture(picture())
    wait_for(lambda: "a step of the live reading failed" in caplog.text)
    live.add_picture(picture())
    wait_for(lambda: live.now().prediction is not None)


class TestOtherModels:
    """Models that read less than the shipped one, or otherwise."""

    def test_a_model_of_the_voice_alone_reads_nothing_else(self):
        scene = Scene(make_model("unimodal", modalities=(AUDIO,), labels=("calm", "angry")))
        scene.show()
        scene.play()
        assert scene.reader.read_audio()
        assert not scene.reader.read_visual()
        assert not scene.reader.read_text()
        assert (scene.searched, scene.written) == ([], [])
        moment = scene.reader.now()
        assert moment.prediction.used == (AUDIO,)
        assert set(moment.prediction.probabilities) == {"calm", "angry"}
        assert set(scene.reader.timeline()[-1].probabilities) == {"calm", "angry"}

    def test_given_features_are_absent_with_their_reason(self):
        model = make_model("early", without_encoder=[VISUAL])
        scene = Scene(model)
        scene.show()
        scene.play()
        assert scene.reader.read_audio()
        assert scene.reason(VISUAL) == model.missing[VISUAL]
        assert scene.reader.now().prediction.used == (AUDIO,)

    def test_an_encoder_of_whole_pictures_needs_no_face(self):
        model = make_model("early")
        encoder = model.encoders[VISUAL]
        encoder.spec = replace(encoder.spec, needs_faces=False, timing="frames")
        encoder.encode = lambda clip: np.full((len(clip.frames), DIM), 0.5, np.float32)
        scene = Scene(model)
        scene.faces = []
        scene.show()
        assert scene.present() == {VISUAL}
        assert scene.reader.now().face is None
        encoder.spec = replace(encoder.spec, needs_faces=True)
        scene.clock.at += 10
        scene.show()
        assert scene.reason(VISUAL) == "no face in view"
