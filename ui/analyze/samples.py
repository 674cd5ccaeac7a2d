"""The samples that come with the app, and the shipped model's answers to them, which need no model."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from mmer_core.checkpoint import CheckpointError, fingerprint
from mmer_core.inference.prediction import Prediction
from mmer_core.inference.timeline import Cue
from mmer_core.labels import Modality, subset_name
from mmer_core.media.recogniser import DEFAULT
from ui.analyze.source import Source, choose
from ui.models import chosen_folder, chosen_recogniser, record_of
from ui.page import ROOT

SAMPLES_FOLDER = ROOT / "samples"
_FRESH = "samples-read-here"  # ids of samples that the person wants read anew


@dataclass(frozen=True)
class Sample:
    """A clip or sentence that comes with the app; samples/SOURCES.md has the sources.

    Attributes:
        id: as in samples/samples.json and samples/answers.json.
        title: what to call it.
        shows: what it is an example of.
        credit: where it comes from.
        file: a name in samples/; None for a sentence.
        poster: a picture in samples/posters/; None for a sentence.
        text: the words, of a sentence or to go with the file.
    """

    id: str
    title: str
    shows: str
    credit: str
    file: str | None = None
    poster: str | None = None
    text: str | None = None

    def source(self) -> Source:
        """What a person would have given."""
        return _source(self)

    def reads(self, modality: Modality) -> bool:
        """Whether a model that reads this modality alone can do something with the sample."""
        return self.file is not None or modality is Modality.TEXT


@dataclass(frozen=True)
class ShippedAnswer:
    """The shipped model's answer to a sample.

    Attributes:
        sample: that is answered.
        subsets: {"text+audio": prediction} for every subset of what is in it, "none" for nothing.
        words: the transcript or the text; "" for none.
        changes: where the emotion changes, see `timeline.changes`.
        duration: seconds.
    """

    sample: Sample
    subsets: Mapping[str, Prediction]
    words: str
    changes: tuple[Cue, ...]
    duration: float

    @property
    def present(self) -> tuple[Modality, ...]:
        """The modalities that are in the sample."""
        return max((p.used for p in self.subsets.values()), key=len)

    @property
    def kind(self) -> str:
        """ "video", "audio" or "picture", as `Clip.kind`; of words alone it says nothing."""
        if Modality.VISUAL not in self.present:
            return "audio"
        return "video" if self.duration else "picture"

    @property
    def whole(self) -> Prediction:
        """The answer with everything switched on."""
        return self.of(self.present)

    def of(self, use: Collection[Modality]) -> Prediction:
        """The answer with these modalities switched on."""
        return self.subsets[subset_name(m for m in self.present if m in use)]


@cache
def samples() -> tuple[Sample, ...]:
    """All samples, in the order in which they are offered."""
    listed = json.loads((SAMPLES_FOLDER / "samples.json").read_text(encoding="utf-8"))
    return tuple(Sample(**entry) for entry in listed)


@cache
def _source(sample: Sample) -> Source:
    """Read once: every run of the page asks for all of them."""
    data = None if sample.file is None else (SAMPLES_FOLDER / sample.file).read_bytes()
    return Source(sample.file or sample.title, data, sample.text, origin="sample")


@cache
def _answers() -> Mapping[str, Any]:
    return dict(json.loads((SAMPLES_FOLDER / "answers.json").read_text(encoding="utf-8")))


def sample_of(source: Source) -> Sample | None:
    """The sample that a source is; None for a person's own."""
    if source.origin != "sample" or source.stretch is not None:
        return None
    return next((s for s in samples() if source.name == (s.file or s.title) and source.text == s.text), None)


def shipped_answer(source: Source) -> ShippedAnswer | None:
    """The answer that came with the app; None for a person's own clip, for a model that did not make it, and
    for a sample that is to be read anew.
    """
    sample = sample_of(source)
    if sample is None or sample.id in st.session_state.get(_FRESH, ()):
        return None
    try:
        same = fingerprint(dict(record_of(chosen_folder()))) == _answers()["model"]
        same = same and chosen_recogniser() == DEFAULT
    except CheckpointError:  # the page says why there is no model
        return None
    found = _answers()["samples"].get(sample.id) if same else None
    if found is None:
        return None
    return ShippedAnswer(
        sample,
        {name: Prediction.from_json(p) for name, p in found["subsets"].items()},
        found["words"],
        tuple(Cue(*stretch) for stretch in found["changes"]),
        found["duration"],
    )


def read_here(sample: Sample) -> None:
    """From now on this visit reads the sample with the model, instead of showing the answer that came with
    it.
    """
    st.session_state[_FRESH] = {*st.session_state.get(_FRESH, ()), sample.id}


def take_sample(sample: Sample) -> None:
    """Make a sample what is shown."""
    choose(sample.source())
