"""The people who are heard in a recording: who speaks in each utterance, and how each of them usually sounds.

Both are known better the more was heard. So at the end every utterance is given to its speaker anew, and its
voice is compared with all that the speaker said.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.memory import give_back
from mmer_core.inference.observation import Observation
from mmer_core.labels import Modality
from mmer_core.media.speakers import Diarisation
from mmer_core.recordings.kept_features import KeptFeatures
from mmer_core.recordings.pieces import Piece
from mmer_core.recordings.turns import Turns
from mmer_core.recordings.utterances import Utterance

KNOWN = 30.0  # seconds of a speaker's voice from which on it is compared with them
log = logging.getLogger(__name__)
_SILENCE = 30 * SAMPLE_RATE  # samples that are added at once where nothing could be decoded


class Listening(Protocol):
    """Tells speakers apart while sound comes; `mmer_core.media.speakers.SpeakerStream` does."""

    @property
    def seconds(self) -> float: ...
    def add(self, sound: np.ndarray) -> None: ...
    def so_far(self) -> Diarisation: ...
    def finish(self) -> Diarisation: ...


@dataclass(frozen=True)
class _Heard:
    """What is kept of an utterance: its end, the moments of its voice, its observation without media or
    features, and the modalities that count.
    """

    end: float
    voice: Baseline
    observation: Observation
    use: tuple[Modality, ...]


class Speakers:
    """The speakers of one recording.

    Args:
        model: that answers.
        listening: to the sound from the start on.
        start: seconds of the recording at which it begins.
    """

    def __init__(self, model: EmotionModel, listening: Listening, start: float) -> None:
        self._model, self._listening, self._start = model, listening, start
        self._compares = Modality.AUDIO in model.takes_baseline
        self._heard: dict[float, _Heard] = {}  # by start of the utterance
        self._voices: dict[int, Baseline] = {}  # of each speaker, by the turns as they are now
        self._features = KeptFeatures()
        self.turns = Turns(())

    def hear(self, piece: Piece) -> None:
        """Listen to what is new in a piece; what could not be decoded before it counts as silence."""
        sound = piece.clip.waveform
        if sound is None:
            return
        new = round((self._start + self._listening.seconds - piece.start) * SAMPLE_RATE)
        for missing in range(-new, 0, -_SILENCE):
            self._listening.add(np.zeros(min(missing, _SILENCE), np.float32))
        self._listening.add(sound[max(new, 0) :])
        self._turned(self._listening.so_far())
        give_back()  # some 100 MB, before the words and the faces are read

    def _turned(self, diarisation: Diarisation) -> None:
        self.turns = Turns((t.start + self._start, t.end + self._start, t.speaker) for t in diarisation.turns)
        self._voices = {}
        for start, heard in self._heard.items():
            self._note(start, heard)

    def _note(self, start: float, heard: _Heard) -> None:
        """Add the voice of an utterance to its speaker's, unless somebody else speaks in it."""
        speaker, overlapped = self.turns.speaker(start, heard.end)
        if speaker is not None and not overlapped:
            before = self._voices.get(speaker)
            self._voices[speaker] = heard.voice if before is None else before + heard.voice

    def compared(
        self, observation: Observation, start: float, end: float, use: Collection[Modality]
    ) -> Observation:
        """The observation of an utterance, to be compared with what is known of its speaker's voice."""
        rows = observation.features.get(Modality.AUDIO)
        if not self._compares or rows is None:
            return observation
        seconds = sum(b - a for a, b in observation.clip.voices or ((0.0, end - start),))
        clip = replace(observation.clip, frames=None, waveform=None, faces=None, people=())
        seen = replace(observation, clip=clip, features={})
        self._heard[start] = heard = _Heard(end, Baseline.of([rows], seconds), seen, tuple(use))
        self._note(start, heard)
        self._keep(start, observation.features)
        return self._against(observation, self.turns.speaker(start, end)[0])

    def _keep(self, start: float, features: dict[Modality, np.ndarray]) -> None:
        """Keep the features for `told_anew`; where the disk is full, the first answer stands."""
        try:
            self._features.add(start, features)
        except OSError as error:
            log.warning("the answer at %.1f s will not be looked at again: %s", start, error)

    def _against(self, observation: Observation, speaker: int | None) -> Observation:
        """The observation, to be compared with the speaker's own voice where enough of it was heard."""
        voice = None if speaker is None else self._voices.get(speaker)
        if voice is None or voice.seconds < KNOWN:
            return observation
        return self._model.with_baseline(observation, {Modality.AUDIO: voice})

    def told_anew(self, utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
        """The utterances with their speakers as they are known at the end, and answered again where these
        have said enough.
        """
        self._turned(self._listening.finish())
        return tuple(self._anew(u) if u.spoken else u for u in utterances)

    def _anew(self, utterance: Utterance) -> Utterance:
        speaker, overlapped = self.turns.speaker(utterance.start, utterance.end)
        told = replace(utterance, speaker=speaker, overlapped=overlapped)
        heard, first = self._heard.get(utterance.start), utterance.prediction
        if heard is None or first is None or utterance.start not in self._features:
            return told
        observation = replace(heard.observation, features=self._features.get(utterance.start))
        answer = self._model.fuse(self._against(observation, speaker), heard.use)
        notes = (*(n for n in answer.notes if n not in answer.warnings), *first.warnings)
        return replace(told, prediction=replace(answer, warnings=first.warnings, notes=notes))
