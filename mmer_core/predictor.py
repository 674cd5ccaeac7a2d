"""Clip -> Prediction, in two parts: `observe` is slow and worth caching, `fuse` takes milliseconds and answers every toggle."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmer_core import checkpoint, encoders, familiarity, remarks
from mmer_core.attribution import shapley_values
from mmer_core.clip import Absent, Clip
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.encoders import EncoderUnavailable, ModalityEncoder
from mmer_core.encoders.text import SentenceEncoder
from mmer_core.faces import find_faces
from mmer_core.familiarity import Familiarity
from mmer_core.features.batch import collate
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import Modality, in_order, subset_name, subsets
from mmer_core.prediction import Opinion, Prediction, as_probabilities
from mmer_core.speech import Segment, SpeechUnavailable, Transcript, transcribe

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Observation:
    """A clip with everything that was found in it; `Predictor.fuse` needs nothing else.

    Attributes:
        clip: with faces and transcript filled in.
        features: {modality: (T, D) float32} of what is present.
        absent: {modality: reason} for the rest.
        timings: {step: seconds}.
        heard: the words come from speech recognition, not from a person.
        spoken: the stretches of speech that were recognised, with their times; they stay when a person corrects the words.
    """

    clip: Clip
    features: dict[Modality, np.ndarray]
    absent: dict[Modality, str]
    timings: dict[str, float] = field(default_factory=dict)
    heard: bool = False
    spoken: tuple[Segment, ...] = ()


class Predictor:
    """A model with its encoders. `load` reads a checkpoint; nothing is fetched from a network."""

    def __init__(
        self,
        model: ProductOfExperts,
        encoders: Mapping[Modality, ModalityEncoder],
        record: Mapping[str, Any],
        known: Mapping[Modality, Familiarity] | None = None,
    ) -> None:
        self.model = model.eval()
        self.encoders = dict(encoders)
        self.record = dict(record)
        self.known = dict(known or {})

    @classmethod
    def load(cls, folder: Path = DEFAULT_CHECKPOINT) -> Predictor:
        """Read a checkpoint folder.

        Raises:
            CheckpointError: the folder is missing, unfinished or changed.
            EncoderUnavailable: the pretrained weights an encoder builds on cannot be had; the message says how.
        """
        from mmer_core.fusion.experts import build_product

        record = checkpoint.read_record(folder)
        parts = {}
        for name, entry in record["modalities"].items():
            paths = {k: checkpoint.find_file(folder, record, v) for k, v in entry["encoder_options"].items() if k in checkpoint.FILE_OPTIONS}
            options = {**entry["encoder_options"], **paths}
            parts[Modality(name)] = encoders.create(entry["encoder"], **options)
        model = build_product(record["modalities"], len(record["labels"]))
        model.load_state_dict(checkpoint.load_tensors(folder / "fusion.safetensors"))
        base = checkpoint.base_of(folder, record)
        return cls(model, parts, record, (familiarity.load(base) if base else {}) | familiarity.load(folder))

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return self.model.modalities

    @property
    def reads_dialogue(self) -> bool:
        """Whether what was said before the words counts."""
        encoder = self.encoders.get(Modality.TEXT)
        return isinstance(encoder, SentenceEncoder) and encoder.context > 0

    @property
    def unsure_below(self) -> float:
        """The probability below which an answer is called unsure; 0 if the model states none."""
        return float(self.record.get("fusion", {}).get("unsure_below", 0.0))

    @property
    def identity(self) -> dict[str, str]:
        """Name and sha256, as in JSON."""
        return {"name": self.record["name"], "sha256": checkpoint.fingerprint(self.record)}

    def warm_up(self) -> None:
        """Run every encoder once on nothing in particular, so that the first answer does not pay for lazy loading."""
        tone = (0.1 * np.sin(np.arange(16_000) * 0.05)).astype(np.float32)
        frames = np.full((1, 360, 640, 3), 127, dtype=np.uint8)
        self.observe(Clip("warm-up", "", "video", 1.0, frames=frames, times=np.zeros(1), waveform=tone))

    def observe(self, clip: Clip, *, progress: Progress | None = None, use: Collection[Modality] | None = None) -> Observation:
        """Find faces, recognise speech, and run every encoder; a modality that has nothing is absent with its reason.

        Args:
            clip: decoded input; its own text, if any, is used instead of speech recognition.
            progress: called with the name of each step as it starts: "faces", "speech", "text", "audio", "visual".
            use: modalities to spend time on; the rest are absent as "switched off".
        """
        wanted = set(self.modalities if use is None else use)
        watch = _Stopwatch(progress)
        absent = {m: "switched off" for m in self.modalities if m not in wanted}
        if Modality.VISUAL in wanted and clip.frames is not None and clip.faces is None:
            with watch.step("faces"):
                clip = find_faces(clip)
        heard, spoken = False, tuple[Segment, ...]()
        if Modality.TEXT in wanted and clip.text is None and clip.waveform is not None:
            with watch.step("speech"):
                clip, transcript = _with_transcript(clip)
                heard, spoken = bool(transcript.text.strip()), transcript.segments
        features: dict[Modality, np.ndarray] = {}
        for modality in self.modalities:
            if modality in wanted:
                with watch.step(modality.value):
                    self._encode(modality, clip, features, absent)
        return Observation(clip, features, absent, watch.seconds, heard, spoken)

    def reword(self, observation: Observation, text: str, before: Sequence[str] | None = None) -> Observation:
        """The same observation with other words (an edited transcript); only the text encoder runs.

        Args:
            before: what was said before them, oldest first; as it was by default.
        """
        clip = observation.clip.with_text(text)
        clip = clip if before is None else clip.after(before)
        heard = observation.heard and clip.text == observation.clip.text
        return replace(self._again(observation, Modality.TEXT, clip), heard=heard)

    def follow(self, observation: Observation, person: int) -> Observation:
        """The same observation with the face of another person, counted from 0 at the left in `Clip.people`; only the face encoder runs.

        Raises:
            ValueError: there is no such person.
        """
        people = observation.clip.people
        if not 0 <= person < len(people):
            raise ValueError(f"there is no face number {person + 1}: {len(people)} can be chosen, counted from the left")
        return self._again(observation, Modality.VISUAL, replace(observation.clip, faces=people[person]))

    def _again(self, observation: Observation, modality: Modality, clip: Clip) -> Observation:
        """The observation with a clip that differs in one modality; only that modality's encoder runs."""
        features = {m: x for m, x in observation.features.items() if m != modality}
        absent = {m: reason for m, reason in observation.absent.items() if m != modality}
        if modality in self.modalities:
            self._encode(modality, clip, features, absent)
        return replace(observation, clip=clip, features=features, absent=absent)

    def _encode(self, modality: Modality, clip: Clip, features: dict[Modality, np.ndarray], absent: dict[Modality, str]) -> None:
        """Put the modality's features, or the reason why there are none, into the dictionary given."""
        try:
            features[modality] = self.encoders[modality].encode(clip)
        except (Absent, EncoderUnavailable) as reason:
            absent[modality] = str(reason)

    @torch.inference_mode()
    def opinions(self, features: Sequence[Mapping[Modality, np.ndarray]]) -> dict[Modality, torch.Tensor]:
        """Logits {modality: (B, C)} of each expert on B samples {modality: (T, D)}, softened where an input is unlike its training data; NaN where
        a modality is absent."""
        raw = self.model.opinions(collate(features, {m: self.encoders[m].spec.dim for m in self.modalities}))
        return {m: logits / torch.tensor([self._softening(m, sample) for sample in features])[:, None] for m, logits in raw.items()}

    def _softening(self, modality: Modality, features: Mapping[Modality, np.ndarray]) -> float:
        """What the expert's logits are divided by: 1 where the modality is absent or nothing is known of its training data."""
        known = self.known.get(modality)
        return known.softening(features[modality]) if known and modality in features else 1.0

    @torch.inference_mode()
    def subset_probabilities(self, observation: Observation, chosen: list[tuple[Modality, ...]]) -> np.ndarray:
        """(len(chosen), C) float64: what each subset of the modalities answers; absent ones are left out of each."""
        opinions = {m: v.expand(len(chosen), -1) for m, v in self.opinions([observation.features]).items()}
        rows = [[m in s and m in observation.features for m in self.modalities] for s in chosen]
        present = torch.tensor(rows, dtype=torch.bool).view(len(chosen), len(self.modalities))
        logits, _ = self.model.combine(opinions, present)
        return logits.double().softmax(dim=-1).numpy()

    def fuse(self, observation: Observation, use: Collection[Modality] | None = None) -> Prediction:
        """The answer from the modalities in `use` (default: all) that are present. Milliseconds."""
        started = time.perf_counter()
        switched_on = set(self.modalities if use is None else use)
        present = tuple(m for m in self.modalities if m in observation.features and m in switched_on)
        chosen: list[tuple[Modality, ...]] = [(), *subsets(present)]
        answers = dict(zip(chosen, self.subset_probabilities(observation, chosen), strict=True))
        final = answers[present]
        winner = int(final.argmax())
        shares = shapley_values(present, lambda s: float(answers[in_order(s)][winner]))
        label = self.record["labels"][winner]
        heeded = {m: observation.features[m] for m in present}
        warnings = tuple(remarks.warnings(observation.clip, heeded, self.known, self.encoders.get(Modality.TEXT)))
        return Prediction(
            label=label,
            probability=float(final[winner]),
            probabilities=as_probabilities(final.tolist()),
            modalities=self._opinions_of(observation, present, answers, switched_on),
            subsets={subset_name(s): as_probabilities(p.tolist()) for s, p in answers.items() if s},
            contributions={m: shares.get(m, 0.0) for m in self.modalities},
            notes=(*observation.clip.notes, *remarks.basis(present), *warnings),
            timings={**observation.timings, "fuse": time.perf_counter() - started},
            model=self.identity,
            unsure_below=self.unsure_below,
            coverage=float(self.record.get("fusion", {}).get("coverage", 0.0)),
            warnings=warnings,
        )

    def _opinions_of(
        self, observation: Observation, present: tuple[Modality, ...], answers: Mapping[tuple[Modality, ...], np.ndarray], switched_on: set[Modality]
    ) -> dict[Modality, Opinion]:
        weights = self.model.weight[self.model.mask_of(present)]
        total = sum(float(weights[self.modalities.index(m)]) for m in present) or 1.0
        result = {}
        for i, modality in enumerate(self.modalities):
            if modality in present:
                alone, softened = as_probabilities(answers[(modality,)].tolist()), self._softening(modality, observation.features)
                result[modality] = Opinion(True, None, alone, float(weights[i]) / total, softened)
            else:
                reason = observation.absent.get(modality, "switched off") if modality in switched_on else "switched off"
                result[modality] = Opinion(False, reason)
        return result


def _with_transcript(clip: Clip) -> tuple[Clip, Transcript]:
    """The clip with what was said in it, and the transcript; an empty one, with the reason in the clip, without speech recognition."""
    assert clip.waveform is not None
    try:
        transcript = transcribe(clip.waveform)
    except SpeechUnavailable as reason:
        return replace(clip, absent={**clip.absent, Modality.TEXT: str(reason)}), Transcript("", (), 0.0)
    return clip.with_text(transcript.text), transcript


class _Stopwatch:
    """Seconds per step, telling `progress` when a step starts."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        if self._progress is not None:
            self._progress(name)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - started
