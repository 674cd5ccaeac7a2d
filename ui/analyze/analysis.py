"""What a person gave and what was found in it, kept for this visit only."""

from __future__ import annotations

import hashlib
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mmer_core.clip import Clip
from mmer_core.labels import Modality
from mmer_core.media import load_upload, text_clip
from ui.models import ModelLoader

if TYPE_CHECKING:
    from mmer_core.predictor import Observation, Predictor

KEPT = 4  # analyses per visit; an observation without its frames is a few megabytes
_STRIP = 6  # frames kept to look at
_SOURCE, _ANALYSES = "source", "analyses"


@dataclass(frozen=True)
class Source:
    """One input as it was given.

    Attributes:
        name: what to call it on the page.
        data: the file's bytes; None for text.
        text: the words, for text-only input.
        origin: "upload", "recording", "live", "text" or "sample".
    """

    name: str
    data: bytes | None = None
    text: str | None = None
    origin: str = "upload"

    @property
    def mime(self) -> str:
        """The media type that the name stands for."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @cached_property
    def digest(self) -> str:
        """sha256 of what was given, as in `Clip.digest`."""
        return hashlib.sha256(self.data if self.data is not None else (self.text or "").encode()).hexdigest()


@dataclass
class Analysis:
    """A source, observed.

    Attributes:
        source: what was given; its bytes feed the player.
        observation: what was found, without the frames (83 MB for a long clip).
        strip: up to 6 frames (H, W, 3) uint8, spread over the clip.
        seconds: time of each step, reading included.
    """

    source: Source
    observation: Observation
    strip: list[np.ndarray]
    seconds: dict[str, float]
    _reworded: tuple[tuple[str, tuple[str, ...]], Observation] | None = field(default=None, repr=False)
    _followed: dict[int, Observation] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        return self.observation.clip.digest

    @property
    def heard(self) -> str:
        """The words that were found or given at first; "" for none."""
        return self.observation.clip.text or ""

    @property
    def main(self) -> int | None:
        """Whom of `Clip.people` the app follows unless told otherwise; None: nobody, or somebody who is not among them."""
        clip = self.observation.clip
        return next((i for i, p in enumerate(clip.people) if clip.faces is not None and np.array_equal(p.boxes, clip.faces.boxes)), None)

    def corrected(self, words: str, person: int | None, predictor: Predictor, before: tuple[str, ...] = ()) -> Observation:
        """The observation with these words and the face of this one of `Clip.people`; only what is new is encoded.

        Args:
            before: what was said before the words, oldest first.
            person: anything but an index into `Clip.people` is the one that the app followed by itself.
        """
        observation = self.saying(words, predictor, before)
        if person is None or person == self.main or person not in range(len(observation.clip.people)):
            return observation
        if person not in self._followed:
            self._followed[person] = predictor.follow(self.observation, person)
        seen = self._followed[person]
        others = [m for m in predictor.modalities if m is not Modality.VISUAL]
        features = {m: v for m, v in seen.features.items() if m not in others} | {m: v for m, v in observation.features.items() if m in others}
        absent = {m: r for m, r in seen.absent.items() if m not in others} | {m: r for m, r in observation.absent.items() if m in others}
        return replace(observation, clip=replace(observation.clip, faces=seen.clip.faces), features=features, absent=absent)

    def saying(self, words: str, predictor: Predictor, before: tuple[str, ...] = ()) -> Observation:
        """The observation with these words behind what was said before; only the text encoder runs, and only when they are new."""
        if words.strip() == self.heard.strip() and not before:
            return self.observation
        if self._reworded is None or self._reworded[0] != (words, before):
            self._reworded = ((words, before), predictor.reword(self.observation, words, before))
        return self._reworded[1]


def turns_in(told: str | None) -> tuple[str, ...]:
    """The turns of a conversation that a person typed, one a line."""
    return tuple(line.strip() for line in (told or "").splitlines() if line.strip())


def chosen() -> Source | None:
    """What the person chose last, or None."""
    return st.session_state.get(_SOURCE)


def choose(source: Source | None) -> None:
    """Make `source` the one to show; None clears the page."""
    st.session_state[_SOURCE] = source


def latest(model: str | None = None) -> Analysis | None:
    """The analysis last asked for in this visit; with `model`, only one made by the model of that sha256. None: there is none."""
    kept: dict[tuple[str, str], Analysis] = st.session_state.get(_ANALYSES, {})
    return next((analysis for (_, sha256), analysis in reversed(kept.items()) if model in (None, sha256)), None)


def analyse(source: Source, loader: ModelLoader, progress: Callable[[str], None]) -> Analysis:
    """Read and observe a source; the same bytes under the same model are not read twice.

    Args:
        progress: called with the name of each step (see `phrases.STEPS`) as it starts.

    Raises:
        MediaError: nothing can be read from the source.
        ModelUnavailable: there is no model.
    """
    kept: dict[tuple[str, str], Analysis] = st.session_state.setdefault(_ANALYSES, {})
    started = time.perf_counter()
    if not loader.ready:
        progress("models")
    predictor = loader.wait()
    waited = time.perf_counter() - started
    key = (source.digest, predictor.identity["sha256"])
    if key in kept:
        kept[key] = replace(kept.pop(key), source=source)
        return kept[key]
    analysis = _observe(source, predictor, progress)
    if waited > 0.05:
        analysis.seconds = {"models": waited, **analysis.seconds}
    kept[key] = analysis
    while len(kept) > KEPT:
        del kept[next(iter(kept))]
    return analysis


def _observe(source: Source, predictor: Predictor, progress: Callable[[str], None]) -> Analysis:
    progress("read")
    started = time.perf_counter()
    clip = _read(source)
    seconds = {"read": time.perf_counter() - started}
    observation = predictor.observe(clip, progress=progress)
    strip = [] if clip.frames is None else [clip.frames[i] for i in np.linspace(0, len(clip.frames) - 1, min(_STRIP, len(clip.frames))).astype(int)]
    # Copies, so that the array of all frames can go.
    slim = replace(observation, clip=replace(observation.clip, frames=None))
    return Analysis(source, slim, [frame.copy() for frame in strip], {**seconds, **observation.timings})


def _read(source: Source) -> Clip:
    if source.data is None:
        return text_clip(source.text or "")
    return load_upload(source.data, source.name)
