"""The model that reads clips: `observe` is slow and kept, `fuse` takes milliseconds for every toggle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from mmer_core.checkpoint import CheckpointError
from mmer_core.clip import Clip
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.encoders import ModalityEncoder
from mmer_core.inference import hearing, storage
from mmer_core.inference import observation as observations
from mmer_core.inference import record as records
from mmer_core.inference.answer import answer
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.memory import give_back
from mmer_core.inference.observation import Observation, Progress
from mmer_core.inference.prediction import Prediction
from mmer_core.inference.record import GIVEN, Calibration, why_missing
from mmer_core.inference.scoring import InputScaling, Scores, SubsetScorer, with_rows
from mmer_core.inference.speaker import speaker_baseline
from mmer_core.labels import Modality, in_order, subsets
from mmer_core.media.recogniser import words_from
from mmer_core.training import device as devices
from mmer_core.training.multitask import Network
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector

Modalities = Collection[Modality] | None  # None: all that there are


class EmotionModel:
    """A fusion network with its encoders, its own classes, calibration, detectors of unusual inputs and card.

    `load` reads one from a folder; nothing is fetched from a network.

    Args:
        network: trained; moved to `device` and put in evaluation mode.
        encoders: {modality: encoder} of what can be computed from a clip.
        record: see `record.model_record`.
        detectors: {modality: detector} fitted on the encoders' features of the training data.
        input_scaling: {modality: that of the average training speaker} where features are standardised by it.
        folder: where the encoders' files named in the record lie.
        device: of the network.

    Attributes:
        name: of the model.
        labels: its C classes.
        modalities: what its network reads.
        missing: {modality: one sentence} for those whose features cannot be computed from a clip.
        calibration: temperatures, prior and threshold.
        scorer: calibrated probabilities of any samples with any subset of the modalities switched on.
        record: as in model.json.
        words_from: name of the recogniser of speech, at first that of `MMER_WORDS_FROM`.
    """

    def __init__(
        self,
        network: Network,
        encoders: Mapping[Modality, ModalityEncoder],
        record: Mapping[str, Any],
        *,
        detectors: Mapping[Modality, MahalanobisDetector] | None = None,
        input_scaling: Mapping[Modality, InputScaling] | None = None,
        folder: Path | None = None,
        device: str = "cpu",
    ) -> None:
        self.network = network.to(devices.resolve(device)).eval()
        self.modalities: tuple[Modality, ...] = network.modalities
        self.encoders = {m: encoders[m] for m in self.modalities if m in encoders}
        self.record, self.folder = dict(record), folder
        self.name: str = record["name"]
        self.labels: tuple[str, ...] = tuple(record["labels"])
        self.calibration = Calibration.from_json(record["calibration"])
        self.detectors = dict(detectors or {})
        self.input_scaling = with_rows(input_scaling or {}, self.encoders)
        self.scorer = SubsetScorer(
            self.network, self.labels, self.calibration, self.detectors, self.input_scaling
        )
        entries = {m: record["modalities"][m.value] for m in self.modalities}
        self.missing = {m: why_missing(m, e) for m, e in entries.items() if e["encoder"] == GIVEN}
        self.words_from = words_from()
        self._answers: WeakKeyDictionary[Observation, Scores] = WeakKeyDictionary()

    @classmethod
    def load(
        cls, folder: str | Path = DEFAULT_CHECKPOINT, device: str = "auto", wanted: Modalities = None
    ) -> EmotionModel:
        """Read a model.

        Args:
            folder: of the model, or of a run, whose model it then is.
            device: "auto", "cpu", "cuda" or "mps".
            wanted: modalities to read from clips, by default all; encoders of others are not loaded.

        Raises:
            CheckpointError: the folder is missing, unfinished, changed, older, or of parts unknown here.
            EncoderUnavailable: pretrained weights cannot be had; the message says how.
            ValueError: an unknown device.
        """
        place = str(devices.resolve(device))
        folder = records.model_folder(Path(folder).expanduser())
        return cls(**storage.read(folder, records.read(folder), place, wanted), folder=folder, device=place)

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder, which is created: model.json last, README.md from its card.

        Raises:
            OSError: the folder cannot be written.
        """
        storage.write(self, Path(folder))

    @property
    def reads_dialogue(self) -> bool:
        """Whether the turns before the words count."""
        return any(encoder.spec.reads_dialogue for encoder in self.encoders.values())

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of those whose words are read, "en" among them; empty where every word is read."""
        entry = self.record["modalities"].get(Modality.TEXT.value, {})
        return tuple(entry.get("languages") or filter(None, [entry.get("language")]))

    @property
    def unsure_below(self) -> float:
        """The probability below which an answer is called unsure; 0 if the model states none."""
        return self.calibration.unsure_below

    @property
    def coverage(self) -> float:
        """Share of held-out answers that reach `unsure_below`; 0 if the model does not say."""
        return self.calibration.coverage

    @cached_property
    def identity(self) -> dict[str, str]:
        """Name and sha256, as in JSON; see `hearing.identity`."""
        return hearing.identity(self.record, self.words_from)

    def warm_up(self) -> None:
        """Run every encoder once, so that the first answer does not pay for lazy loading."""
        self.observe(observations.tone_and_grey())
        give_back()

    def predict(
        self,
        clip: Clip | str | Path | None = None,
        use: Modalities = None,
        *,
        text: str | None = None,
        baseline: Mapping[Modality, Baseline] | None = None,
    ) -> Prediction:
        """The answer to one clip.

        Args:
            clip: decoded, or a file; None for `text` alone.
            use: modalities that count; all by default.
            text: the words, instead of a transcript.
            baseline: how the speaker usually is, see `baseline`.

        Raises:
            MediaError: nothing can be read from the file.
            CheckpointError: none of the model's modalities can be computed from a clip.
            ValueError: neither a clip nor a text, or a baseline of another model.
        """
        observation = self.observe(observations.as_clip(clip, text), use=use)
        return self.fuse(self.with_baseline(observation, baseline or {}), use)

    def observe(
        self,
        clip: Clip,
        *,
        progress: Progress | None = None,
        use: Modalities = None,
        found: Callable[[Observation], None] | None = None,
    ) -> Observation:
        """Find faces and words, and run every encoder; what has nothing is absent with its reason.

        Args:
            clip: decoded input; its own text, if any, is used instead of speech recognition.
            progress: called with the name of each step as it starts: "speech", "faces" and the modalities.
            use: modalities to spend time on; the others are absent as switched off.
            found: called with what has been read so far, after each modality but the last.

        Raises:
            CheckpointError: none of the model's modalities can be computed from a clip.
        """
        if not self.encoders:
            raise CheckpointError(f"{self.name} reads no clips: {records.why_nothing(self.record)}")
        wanted, known = self.modalities if use is None else use, self.languages
        seen = observations.observe(
            clip, self.encoders, wanted, progress, languages=known, found=found, words_from=self.words_from
        )
        return replace(seen, absent={**seen.absent, **self.missing})

    def reword(
        self, observation: Observation, text: str, context: Sequence[str] | None = None
    ) -> Observation:
        """The same observation with other words (an edited transcript); only the text encoder runs, and with
        another context those that read the dialogue.

        Args:
            context: the turns before them, oldest first; by default those of the observation.
        """
        return observations.reword(observation, self.encoders, text, context, languages=self.languages)

    def follow(self, observation: Observation, person: int) -> Observation:
        """The same observation with the face of another person, counted from 0 at the left in `Clip.people`;
        only the face encoder runs.

        Raises:
            ValueError: there is no such person.
        """
        return observations.follow(observation, self.encoders.get(Modality.VISUAL), person)

    @property
    def takes_baseline(self) -> tuple[Modality, ...]:
        """The modalities that are compared with how the speaker usually is, where that is known."""
        return tuple(m for m in self.encoders if m in self.input_scaling)

    def baseline(
        self, clips: Iterable[Clip | str | Path] | Clip | str | Path, ordinary: bool = True
    ) -> dict[Modality, Baseline]:
        """How a speaker usually is, from clips (or files) of theirs; these are encoded.

        Args:
            clips: one or several.
            ordinary: they speak ordinarily in them, without much emotion; False for clips of any kind.

        Raises:
            MediaError: nobody is heard in them, or for less than 2 s, or a file cannot be read.
            ValueError: the model compares with no baseline.
        """
        if not self.takes_baseline:
            raise ValueError(f"{self.name} compares nobody with how they usually sound: give no baseline")
        taking = {m: self.encoders[m] for m in self.takes_baseline}
        return speaker_baseline(clips, taking, languages=self.languages, ordinary=ordinary)

    def with_baseline(self, observation: Observation, baseline: Mapping[Modality, Baseline]) -> Observation:
        """The same observation, to compare with this baseline; ValueError for another model's."""
        fitting = {m: baseline[m] for m in self.takes_baseline if m in baseline}
        for modality, own in fitting.items():
            self.input_scaling[modality].towards(own)
        return replace(observation, baseline=fitting)

    def subset_probabilities(
        self, observation: Observation, chosen: Sequence[Collection[Modality]]
    ) -> np.ndarray:
        """(S, C) float64: the answer with each of S subsets switched on; of nothing, the class prior."""
        scores = self._scores(observation)
        rows = [scores.of(in_order(m for m in s if m in observation.features)) for s in chosen]
        return np.array(rows).reshape(-1, len(self.labels))

    def _scores(self, observation: Observation) -> Scores:
        """Answers for all subsets of what is present, computed once for each observation."""
        found = self._answers.get(observation)
        if found is None:
            present = [m for m in self.modalities if m in observation.features]
            found = self.scorer.scores(observation.features, [(), *subsets(present)], observation.baseline)
            self._answers[observation] = found
        return found

    def fuse(self, observation: Observation, use: Modalities = None) -> Prediction:
        """The answer from the modalities in `use` (default: all) that are present. Milliseconds."""
        return answer(self, observation, self._scores(observation), self.modalities if use is None else use)
