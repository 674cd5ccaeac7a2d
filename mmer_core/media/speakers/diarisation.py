"""From sound to turns. How well it does is measured by `python -m recipes.speakers`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.speakers import embedding, segmentation
from mmer_core.media.speakers.clustering import assign, voices
from mmer_core.media.speakers.embedding import DIM, EmbeddingNetwork, embed
from mmer_core.media.speakers.pieces import LEAST, Window, cut, sample, windows
from mmer_core.media.speakers.segmentation import FRAME, Activity, SegmentationNetwork, Segmenter
from mmer_core.media.speakers.turns import Diarisation, as_diarisation, beside, painted
from mmer_core.media.voice_activity import MAX_GAIN, SILENT_LEVEL, SPEECH_LEVEL, loudest, runs
from mmer_core.media.weight_files import load_network

_PART = 30 * SAMPLE_RATE  # samples that are read at once
_OPEN = round(60 * SAMPLE_RATE / FRAME)  # frames after which speech without a pause is cut
_ONE_CHANNEL = "give one channel of finite samples at 16 kHz"
_GROWTH = 1.25  # by which there must be more to hear before the people are told apart anew


@dataclass(frozen=True)
class _Voices:
    """Pieces of speech (first frame, the one after the last), their windows and the vectors (N, 192) of
    these, and how many people speak in each frame.
    """

    pieces: list[tuple[int, int]]
    windows: list[Window]
    vectors: np.ndarray
    count: np.ndarray

    @property
    def _own(self) -> np.ndarray:
        return np.array([w.piece for w in self.windows])

    def people(self) -> np.ndarray:
        """(K, 192): the mean voice of each person."""
        if not self.windows:
            return self.vectors
        return voices(self.vectors, np.array([w.firm for w in self.windows]), self._own)

    def told(self, people: np.ndarray, seconds: float) -> Diarisation:
        """Who of these people speaks when."""
        if not self.windows:
            return Diarisation((), 0, seconds)
        labels = assign(self.vectors, people, self._own)
        speakers = painted(labels, self.windows, self.pieces, len(self.count))
        return as_diarisation(speakers, beside(speakers, self.count), seconds)


class SpeakerStream:
    """Tells who speaks when in sound that comes in parts, as far as it was heard.

    Who there is is found anew from time to time and at the end: until then a number may still become
    another one. Memory grows by about 15 MB for each hour of speech.

    Raises:
        WeightsUnavailable: the weights are missing.
    """

    def __init__(self) -> None:
        load_network(segmentation.WEIGHTS, SegmentationNetwork)
        load_network(embedding.WEIGHTS, EmbeddingNetwork)
        self._segmenter = Segmenter()
        self._sound = np.zeros(0, dtype=np.float32)  # from sample `_begins` on, raised to the level of speech
        self._begins = self._samples = 0
        self._level = -np.inf
        self._done = 0  # frames whose speech was taken
        self._taken = _Voices([], [], np.zeros((0, DIM), np.float32), np.zeros(0, np.int8))
        self._people, self._known = np.zeros((0, DIM), np.float32), 0  # and the windows they were found in

    @property
    def seconds(self) -> float:
        """What was heard so far."""
        return self._samples / SAMPLE_RATE

    def add(self, sound: np.ndarray) -> None:
        """Hear what follows.

        Args:
            sound: (N,) float32 at 16 kHz in [-1, 1].

        Raises:
            ValueError: it is no such waveform.
        """
        if sound.ndim != 1:
            raise ValueError(f"a waveform of shape {sound.shape} cannot be read: {_ONE_CHANNEL}")
        for start in range(0, len(sound), _PART):
            part = np.asarray(sound[start : start + _PART], dtype=np.float32)
            if not np.isfinite(part).all():
                raise ValueError(
                    f"a waveform with samples that are no numbers cannot be read: {_ONE_CHANNEL}"
                )
            self._hear(part)

    def _hear(self, part: np.ndarray) -> None:
        self._level = max(self._level, loudest(part))
        if self._level <= SILENT_LEVEL:
            part = np.zeros_like(part)
        else:
            gain = np.clip(SPEECH_LEVEL - self._level, 0.0, MAX_GAIN)
            part = np.clip(part * np.float32(10 ** (gain / 20)), -1.0, 1.0)
        self._samples += len(part)
        self._sound = np.concatenate([self._sound, part])
        self._segmenter.add(part)
        self._settle(self._segmenter.activity(self._done), last=False)

    def _settle(self, activity: Activity, *, last: bool) -> None:
        """Take the pieces of speech that are whole; the rest waits for more."""
        total = len(activity.count)
        whole = total if last or not total or not activity.changes[-1] else runs(activity.changes)[-1][0]
        pieces = cut(Activity(activity.count[:whole], activity.changes[:whole]))
        done = whole
        if pieces and not last and pieces[-1][1] == whole and whole - pieces[-1][0] < _OPEN:
            done = pieces.pop()[0]
        self._taken = self._with(pieces, activity.count)
        self._taken = replace(self._taken, count=self._taken.count[: self._done + done])
        self._done += done
        keep = max(sample(self._done) - LEAST, self._begins)  # short pieces are embedded with what is around
        self._sound, self._begins = self._sound[keep - self._begins :], keep

    def _with(self, pieces: list[tuple[int, int]], count: np.ndarray) -> _Voices:
        """What was taken and more pieces, in frames from `_done` on, with the people in each frame."""
        taken, first = self._taken, len(self._taken.pieces)
        more = [(a + self._done, b + self._done) for a, b in pieces]
        everywhere = np.concatenate([taken.count, count.astype(np.int8)])
        found = windows(more, everywhere, self._samples)
        spans = [(w.start - self._begins, w.end - self._begins) for w in found]
        vectors = embed(self._sound, spans) if found else np.zeros((0, DIM), np.float32)
        found = [replace(w, piece=first + w.piece) for w in found]
        return _Voices(
            [*taken.pieces, *more],
            [*taken.windows, *found],
            np.concatenate([taken.vectors, vectors]),
            everywhere,
        )

    def so_far(self) -> Diarisation:
        """Who speaks when. Who there is is found anew when there is a quarter more to go by."""
        activity = self._segmenter.activity(self._done, settled=False)
        found = self._with(cut(activity), activity.count)
        if len(found.windows) > _GROWTH * self._known:
            self._people, self._known = found.people(), len(found.windows)
        return found.told(self._people, self.seconds)

    def finish(self) -> Diarisation:
        """Who speaks when in all of it; nothing can be added afterwards."""
        if self._samples < LEAST or self._level <= SILENT_LEVEL:
            return Diarisation((), 0, self.seconds)
        self._segmenter.finish()
        self._settle(self._segmenter.activity(self._done), last=True)
        return self._taken.told(self._taken.people(), self.seconds)


def diarise(waveform: np.ndarray) -> Diarisation:
    """Tell who speaks when; always the same answer for the same sound.

    Memory grows by about 15 MB for each hour of speech beside the sound itself.

    Args:
        waveform: (N,) float32 at 16 kHz in [-1, 1], of any length.

    Raises:
        ValueError: it is no such waveform.
        WeightsUnavailable: the weights are missing.
    """
    stream = SpeakerStream()
    stream.add(waveform)
    return stream.finish()
