"""One visit's live reading: pictures and sound that come in, the last findings, and the answer.

Nothing queues up: of the pictures only the newest waits, sound overwrites itself, and every list has a
longest length. The steps `read_visual`, `read_audio` and `read_text` do the work, each in a thread of its own
(see `workers`); calling them by hand does the same.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.live.arrivals import Arrivals
from mmer_core.inference.live.faces import FaceReader
from mmer_core.inference.live.findings import Findings
from mmer_core.inference.live.keeping import KeptPictures, as_file
from mmer_core.inference.live.moment import Moment, Point
from mmer_core.inference.live.settings import LiveSettings
from mmer_core.inference.live.sound import SoundRing, spoken_clip
from mmer_core.inference.live.table import SessionTable
from mmer_core.inference.observation import Observation
from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality
from mmer_core.media import speech
from mmer_core.media.yunet import Detector


class LiveReader:
    """Takes pictures and sound as they come, and predicts from the newest.

    Args:
        model: shared with everybody else; it is only called.
        settings: how often and how far back.
        clock: seconds, never going back.
        detect: another face detector than YuNet.
        transcribe, voices: other ways than `speech` to transcribe sound and to find voice activity.

    Attributes:
        people: who is in the picture, and which of them is the main person.
        table: takes every answer while it records; None for no table. It is not cleared with the reader.
    """

    def __init__(
        self,
        model: EmotionModel,
        settings: LiveSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        detect: Detector | None = None,
        transcribe: Callable[[np.ndarray], speech.Transcript] = speech.transcribe,
        voices: Callable[[np.ndarray], list[tuple[float, float]]] = speech.voices,
    ) -> None:
        self.model, self.settings, self.clock = model, settings or LiveSettings(), clock
        self.use: frozenset[Modality] = frozenset(model.modalities)
        self.baseline: Mapping[Modality, Baseline] = {}
        self.paused = False
        self.table: SessionTable | None = None
        self.picture_came = threading.Event()
        self._transcribe, self._voices = transcribe, voices
        self._faces = FaceReader(model, self.settings, detect)
        self.people = self._faces.people
        self._lock = threading.Lock()
        self._newest: tuple[float, np.ndarray] | None = None
        self._sound = SoundRing(
            max(self.settings.kept, self.settings.text_window, self.settings.audio_window) + 2
        )
        self._kept = KeptPictures(self.settings.kept, self.settings.pictures_kept)
        self._arrivals = Arrivals()
        self._points: deque[Point] = deque(maxlen=round(self.settings.history / self.settings.point_every))
        self._found = Findings()
        self._prediction: Prediction | None = None
        self._answered = -np.inf
        self._audio_end = self._text_end = -np.inf  # end of the sound that was read last

    # What comes in

    def add_picture(self, picture: np.ndarray) -> None:
        """Take a picture (H, W, 3) uint8 RGB; one that nobody has read yet is dropped for it. The array must
        not be written to afterwards.
        """
        at = self.clock()
        with self._lock:
            self._arrivals.add(at)
            if self.paused:
                return
            self._newest = at, picture
        self.picture_came.set()
        self._kept.add(picture, at)

    def add_sound(self, samples: np.ndarray) -> None:
        """Take the next (N,) float32 samples at 16 kHz, mono, in [-1, 1]."""
        if not self.paused:
            self._sound.write(samples, self.clock())

    # The steps

    def read_visual(self) -> bool:
        """Read the newest picture, if there is one that was not read. Returns whether there was."""
        with self._lock:
            newest, self._newest = self._newest, None
        encoder = self.model.encoders.get(Modality.VISUAL)
        if newest is None or encoder is None:
            return False
        at, picture = newest
        people, features, reason = self._faces.read(picture, at)
        with self._lock:
            self._found.add_visual(features, at, self.settings)
            recent = self._found.recent_visual(self.settings)
        faces = self._faces.seen(people, recent, picture.shape, at)
        with self._lock:
            self._found.absent[Modality.VISUAL] = reason
            self._found.faces, self._found.known = faces, self.people.known
            self._found.main = self.people.main
        self._answer()
        if features:
            self._found.visual_delay = self.clock() - at
        return True

    def read_audio(self) -> bool:
        """Read the last seconds of sound, if any came since the last time. Returns whether any did."""
        end = self._sound.end
        if end is None or end <= self._audio_end or Modality.AUDIO not in self.model.encoders:
            return False
        before, self._audio_end = self._audio_end, end
        window = self._sound.last(self.settings.audio_window)
        spoken = self._voices(window)
        features, reason = None, "nobody is speaking"
        if sum(b - a for a, b in spoken) >= self.settings.least_speech:
            found = self.model.observe(spoken_clip(window, spoken), use={Modality.AUDIO})
            features = found.features.get(Modality.AUDIO)
            reason = found.absent.get(Modality.AUDIO, reason)
        with self._lock:
            self._found.audio, self._found.absent[Modality.AUDIO] = features, reason
        self._answer()
        if np.isfinite(before) and features is not None:
            self._found.audio_delay = self.clock() - before
        return True

    def read_text(self) -> bool:
        """Transcribe the last seconds of sound, if somebody spoke in what is new. Returns whether somebody
        did.
        """
        end = self._sound.end
        if end is None or end <= self._text_end or Modality.TEXT not in self.model.encoders:
            return False
        window = self._sound.last(self.settings.text_window)
        new = min(end - self._text_end, len(window) / SAMPLE_RATE)
        self._text_end = end
        if not self._voices(window[-max(1, round(new * SAMPLE_RATE)) :]):
            return False
        try:
            words = self._transcribe(window).text
        except speech.SpeechUnavailable as reason:
            self._found.absent[Modality.TEXT] = str(reason)
            return False
        if not words:
            return False
        read = self.model.observe(Clip("live", "", "text", text=words), use={Modality.TEXT})
        if Modality.TEXT in read.features:
            self._found.text = end, words, read.features[Modality.TEXT]
            self._answer()
        return True

    # What comes out

    def now(self) -> Moment:
        """The state now; an old answer is made anew, since what it rests on may have passed."""
        at = self.clock()
        if at - self._answered > self.settings.point_every:
            self._answer()
        with self._lock:
            found, camera = self._found, self._arrivals.going(at, self.settings.lost)
            return Moment(
                at=at,
                prediction=self._prediction,
                faces=found.faces if camera else (),
                known=found.known,
                main=found.main,
                words=found.words(at, self.settings),
                camera=camera,
                microphone=self._microphone(at),
                pictures_per_second=self._arrivals.rate(at),
                visual_delay=found.visual_delay,
                audio_delay=found.audio_delay,
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

    def choose(self, person: int | None) -> None:
        """Let the answer be of this person from now on, or of the largest, most central one with None; a
        number that nobody has changes nothing.
        """
        with self._lock:
            if self.people.choose(person) and person is not None:
                self._found.be_of(person)
        self._answer()

    def compare(self, baseline: Mapping[Modality, Baseline]) -> None:
        """Compare with how this speaker usually is from now on, see `EmotionModel.baseline`; with the average
        training speaker where it is empty.
        """
        if baseline is not self.baseline:
            self.baseline = baseline
            self._answer()

    def keep(self) -> tuple[str, bytes] | None:
        """The last seconds as a file (name, content), MP4 or WAV; None if nothing came."""
        return as_file(self._kept.all(), self._sound.last(self.settings.kept), self._sound.end)

    def clear(self) -> None:
        """Forget everything that came in and was found."""
        self._sound.clear()
        self._kept.clear()
        with self._lock:
            self._newest, self._prediction, self._found = None, None, Findings()
            self.people.clear()
            self._points.clear()
            self._arrivals = Arrivals()
            self._audio_end = self._text_end = -np.inf

    def observation(self) -> Observation:
        """The findings that still count, for `EmotionModel.fuse`; old ones are absent with a reason."""
        at = self.clock()
        with self._lock:
            camera, microphone = self._arrivals.going(at, self.settings.lost), self._microphone(at)
            features, reasons = self._found.current(at, camera, microphone, self.settings)
            words = self._found.words(at, self.settings)
        reason = "not in a live reading"
        absent = {m: reasons.get(m, reason) for m in self.model.modalities if m not in features}
        clip = Clip("live", "", "video", text=words or None)
        found = Observation(clip, features, {**absent, **self.model.missing}, transcribed=True)
        return self.model.with_baseline(found, self.baseline)

    def _microphone(self, at: float) -> bool | None:
        """Whether sound comes; None if none ever did. While paused, what was known stands."""
        return None if self._sound.end is None else self.paused or at - self._sound.end <= self.settings.lost

    def _answer(self) -> None:
        """Fuse what is there, and add to the timeline when it is time."""
        observation = self.observation()
        prediction = self.model.fuse(observation, self.use) if observation.features else None
        at = self.clock()
        with self._lock:
            self._prediction, self._answered = prediction, at
            due = not self._points or at - self._points[-1].at >= self.settings.point_every
            if due and prediction is not None and prediction.used:
                self._points.append(Point(at, prediction.probabilities, prediction.used))
            seen = self._arrivals.going(at, self.settings.lost) and Modality.VISUAL in self.use
            faces = self._found.faces if seen else ()
        if self.table is not None and not self.paused:
            words = observation.clip.text or ""
            self.table.add(at, prediction, faces, words, self.model.unsure_below)
