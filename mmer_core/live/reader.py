"""One visit's live reading: what comes in, what was last found in it, and the answer from both.

Nothing queues up: of the pictures only the newest waits, sound overwrites itself, and every list has a longest length. The steps `read_face`,
`read_voice` and `read_words` do the work, each in a thread of its own (see `workers`); calling them by hand does the same.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mmer_core import speech
from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.faces import Detector, find_faces
from mmer_core.labels import Modality
from mmer_core.live.following import FaceFollower
from mmer_core.live.keeping import KeptPictures, as_file
from mmer_core.live.moment import Moment, Point, SeenFace
from mmer_core.live.settings import LiveSettings
from mmer_core.live.sound import SoundRing
from mmer_core.predictor import Observation, Predictor

if TYPE_CHECKING:
    from mmer_core.prediction import Prediction


@dataclass
class _Found:
    """What the steps have found, each with the time of what it was found in."""

    face: SeenFace | None = None
    picture_read: float = -np.inf  # when the picture that was read last came
    faces: deque[tuple[float, np.ndarray]] = field(default_factory=lambda: deque(maxlen=64))  # (seen, (1, D) features)
    voice: np.ndarray | None = None  # (T, D) features
    text: tuple[float, str, np.ndarray] | None = None  # (heard, words, (T, D) features)
    absent: dict[Modality, str] = field(default_factory=dict)
    face_delay: float = float("nan")
    voice_delay: float = float("nan")


class LiveReader:
    """Takes pictures and sound as they come and answers what they show.

    Args:
        predictor: shared with everybody else; it is only called.
        settings: how often and how far back.
        clock: seconds, never going back.
        detect: another face detector than MTCNN.
        transcribe, voices: other ways than `speech` to write down sound and to say where somebody speaks.
    """

    def __init__(
        self,
        predictor: Predictor,
        settings: LiveSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        detect: Detector | None = None,
        transcribe: Callable[[np.ndarray], speech.Transcript] = speech.transcribe,
        voices: Callable[[np.ndarray], list[tuple[float, float]]] = speech.voices,
    ) -> None:
        self.predictor, self.settings, self.clock = predictor, settings or LiveSettings(), clock
        self.use: frozenset[Modality] = frozenset(predictor.modalities)
        self.paused = False
        self.picture_came = threading.Event()
        self._transcribe, self._voices = transcribe, voices
        self._follower = FaceFollower(detect, self.settings.search_every)
        self._lock = threading.Lock()
        self._newest: tuple[float, np.ndarray] | None = None
        self._sound = SoundRing(max(self.settings.kept, self.settings.words_window, self.settings.voice_window) + 2)
        self._kept = KeptPictures(self.settings.kept, self.settings.pictures_kept)
        self._arrivals: deque[float] = deque(maxlen=240)
        self._points: deque[Point] = deque(maxlen=round(self.settings.history / self.settings.point_every))
        self._found = _Found()
        self._prediction: Prediction | None = None
        self._answered = -np.inf
        self._heard_voice = self._heard_words = -np.inf  # end of the sound that the last reading had

    # What comes in

    def see(self, picture: np.ndarray) -> None:
        """Take a picture (H, W, 3) uint8 RGB; one that nobody has read yet is dropped for it. The array must not be written to afterwards."""
        at = self.clock()
        with self._lock:
            self._arrivals.append(at)
            if self.paused:
                return
            self._newest = at, picture
        self.picture_came.set()
        self._kept.add(picture, at)

    def hear(self, samples: np.ndarray) -> None:
        """Take the next (N,) float32 samples at 16 kHz, mono, in [-1, 1]."""
        if not self.paused:
            self._sound.write(samples, self.clock())

    # The steps

    def read_face(self) -> bool:
        """Read the newest picture, if there is one that was not read. Returns whether there was."""
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is None:
            return False
        at, picture = newest
        face = self._follower.find(picture, at)
        if face is None:
            with self._lock:
                self._found.face, self._found.picture_read = None, at
            self._answer()
            return True
        clip = Clip("live", "", "video", frames=picture[None], times=np.zeros(1))
        seen = self.predictor.observe(find_faces(clip, detect=lambda *_: [face]), use={Modality.VISUAL})
        features = seen.features.get(Modality.VISUAL)
        if features is not None:
            size = np.tile(np.array(picture.shape[1::-1], dtype=np.float32), 2)
            with self._lock:
                self._found.faces.append((at, features))
                self._found.face, self._found.picture_read = SeenFace(face.box / size, at), at
            self._answer()
            self._found.face_delay = self.clock() - at
        return True

    def read_voice(self) -> bool:
        """Read the last seconds of sound, if any came since the last time. Returns whether any did."""
        end = self._sound.end
        if end is None or end <= self._heard_voice:
            return False
        before, self._heard_voice = self._heard_voice, end
        window = self._sound.last(self.settings.voice_window)
        spoken = self._voices(window)
        voice, reason = None, "nobody is speaking"
        if sum(b - a for a, b in spoken) >= self.settings.least_voice:
            start, stop = spoken[0][0] - speech.MARGIN, spoken[-1][1] + speech.MARGIN
            part = window[max(0, round(start * SAMPLE_RATE)) : round(stop * SAMPLE_RATE)]
            heard = self.predictor.observe(Clip("live", "", "audio", waveform=part), use={Modality.AUDIO})
            voice = heard.features.get(Modality.AUDIO)
            reason = heard.absent.get(Modality.AUDIO, reason)
        with self._lock:
            self._found.voice = voice
            self._found.absent[Modality.AUDIO] = reason
        self._answer()
        if np.isfinite(before) and voice is not None:
            self._found.voice_delay = self.clock() - before
        return True

    def read_words(self) -> bool:
        """Write down the last seconds of sound, if somebody spoke in what is new. Returns whether somebody did."""
        end = self._sound.end
        if end is None or end <= self._heard_words:
            return False
        window = self._sound.last(self.settings.words_window)
        new = min(end - self._heard_words, len(window) / SAMPLE_RATE)
        self._heard_words = end
        if not self._voices(window[-max(1, round(new * SAMPLE_RATE)) :]):
            return False
        try:
            words = self._transcribe(window).text
        except speech.SpeechUnavailable as reason:
            with self._lock:
                self._found.absent[Modality.TEXT] = str(reason)
            return False
        if not words:
            return False
        read = self.predictor.observe(Clip("live", "", "text", text=words), use={Modality.TEXT})
        features = read.features.get(Modality.TEXT)
        if features is not None:
            with self._lock:
                self._found.text = end, words, features
            self._answer()
        return True

    # What comes out

    def now(self) -> Moment:
        """What is known; the answer is made anew where the last one is old, since what it rests on may have passed."""
        at = self.clock()
        if at - self._answered > self.settings.point_every:
            self._answer()
        with self._lock:
            found, prediction = self._found, self._prediction
            camera = self._camera(at)
            rate = sum(1 for t in self._arrivals if at - t <= 2.0) / 2.0
            return Moment(
                at=at,
                prediction=prediction,
                face=found.face if camera else None,
                people=self._follower.people,
                words=found.text[1] if found.text and at - found.text[0] <= self.settings.words_memory else "",
                camera=camera,
                microphone=self._microphone(at),
                pictures_per_second=rate,
                face_delay=found.face_delay,
                voice_delay=found.voice_delay,
            )

    def timeline(self) -> list[Point]:
        """The answers of the last minute, oldest first."""
        with self._lock:
            return list(self._points)

    def switch(self, use: Collection[Modality]) -> None:
        """Let only these modalities count, from now on."""
        if frozenset(use) != self.use:
            self.use = frozenset(use)
            self._answer()

    def keep(self) -> tuple[str, bytes] | None:
        """The last seconds as a file (name, content), MP4 or WAV; None if nothing came."""
        return as_file(self._kept.all(), self._sound.last(self.settings.kept), self._sound.end)

    def clear(self) -> None:
        """Forget everything that came in and was found."""
        self._sound.clear()
        self._kept.clear()
        with self._lock:
            self._newest, self._prediction, self._found = None, None, _Found()
            self._points.clear()
            self._arrivals.clear()
            self._heard_voice = self._heard_words = -np.inf

    def observation(self) -> Observation:
        """What is there now, as `Predictor.fuse` wants it: old faces, voices and words are gone, each with its reason."""
        at, settings = self.clock(), self.settings
        with self._lock:
            found = self._found
            features: dict[Modality, np.ndarray] = {}
            absent = dict(found.absent)
            camera, microphone = self._camera(at), self._microphone(at)
            # Not measured from now: on a busy machine the reading lags, but what it said last still stands while pictures and sound come in.
            faces = [f for seen, f in found.faces if found.picture_read - seen <= settings.face_memory] if camera else []
            voice = found.voice if microphone else None
            text = found.text if found.text and at - found.text[0] <= settings.words_memory else None
        if faces:
            features[Modality.VISUAL] = np.concatenate(faces)
        else:
            absent[Modality.VISUAL] = "no face in view" if camera else "no picture from the camera"
        if voice is not None:
            features[Modality.AUDIO] = voice
        elif not microphone:
            absent[Modality.AUDIO] = "no sound from the microphone"
        else:
            absent.setdefault(Modality.AUDIO, "nobody is speaking")
        if text:
            features[Modality.TEXT] = text[2]
        else:
            absent.setdefault(Modality.TEXT, f"no words in the last {settings.words_memory:.0f} s")
        clip = Clip("live", "", "video", text=text[1] if text else None)
        return Observation(clip, features, {m: r for m, r in absent.items() if m not in features}, heard=True)

    def _camera(self, at: float) -> bool | None:
        """Whether pictures come; None if none ever did."""
        return at - self._arrivals[-1] <= self.settings.lost if self._arrivals else None

    def _microphone(self, at: float) -> bool | None:
        """Whether sound comes; None if none ever did. While paused nothing is known, so what was known stands."""
        return None if self._sound.end is None else self.paused or at - self._sound.end <= self.settings.lost

    def _answer(self) -> None:
        """Fuse what is there, and add to the timeline when it is time."""
        observation = self.observation()
        prediction = self.predictor.fuse(observation, self.use) if observation.features else None
        at = self.clock()
        with self._lock:
            self._prediction, self._answered = prediction, at
            if prediction is not None and prediction.used and (not self._points or at - self._points[-1].at >= self.settings.point_every):
                self._points.append(Point(at, prediction.probabilities, prediction.used))
