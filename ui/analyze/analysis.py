"""The analysis of what a person gave, kept for this visit only."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import streamlit as st

from mmer_core.checkpoint import CheckpointError
from mmer_core.clip import Clip
from mmer_core.config import Limits
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, display_name, load_clip, load_upload, text_clip
from mmer_core.runs.defects import log_defect
from ui.analyze.ordinary_voice import compared
from ui.analyze.source import Source
from ui.analyze.watcher import Relay, Watcher
from ui.in_turn import in_turn
from ui.models import ModelLoader, ModelUnavailable
from ui.text import sentence_case
from ui.upload_limit import upload_limits

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation

KEPT = 4  # analyses per visit; an observation without its frames is a few megabytes
_STRIP = 6  # frames kept for showing
_ANALYSES = "analyses"
T = TypeVar("T")
log = logging.getLogger(__name__)


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
        return self.source.digest

    @property
    def first_words(self) -> str:
        """The words that were found or given at first; "" for none."""
        return self.observation.clip.text or ""

    @property
    def main(self) -> int | None:
        """The one of `Clip.people` whom the app follows by itself; None: nobody, or somebody who is not
        among them.
        """
        clip = self.observation.clip
        return next(
            (
                i
                for i, p in enumerate(clip.people)
                if clip.faces is not None and np.array_equal(p.boxes, clip.faces.boxes)
            ),
            None,
        )

    def corrected(
        self, words: str, person: int | None, model: EmotionModel, context: tuple[str, ...] = ()
    ) -> Observation:
        """The observation with these words and the face of this one of `Clip.people`, compared with the
        ordinary voice that the person gave, if any; only what is new is encoded.

        Args:
            words: as they were edited.
            person: anything but an index into `Clip.people` is the one that the app followed by itself.
            model: that reads them.
            context: the turns before the words, oldest first.
        """
        return compared(self._with_face(self.reworded(words, model, context), person, model), model)

    def followed(self, person: int, model: EmotionModel) -> Observation:
        """The first observation with the face of this one of `Clip.people`, read once; anything but an index
        into them is the one that the app followed by itself.
        """
        if person == self.main or person not in range(len(self.observation.clip.people)):
            return self.observation
        if person not in self._followed:
            self._followed[person] = model.follow(self.observation, person)
        return self._followed[person]

    def _with_face(self, observation: Observation, person: int | None, model: EmotionModel) -> Observation:
        if person is None or person == self.main or person not in range(len(observation.clip.people)):
            return observation
        seen = self.followed(person, model)
        others = [m for m in model.modalities if m is not Modality.VISUAL]
        return replace(
            observation,
            clip=replace(observation.clip, faces=seen.clip.faces),
            features=_joined(seen.features, observation.features, others),
            absent=_joined(seen.absent, observation.absent, others),
        )

    def reworded(self, words: str, model: EmotionModel, context: tuple[str, ...] = ()) -> Observation:
        """The observation with these words after these turns; only the text encoder runs, and only when they
        are new.
        """
        if words.strip() == self.first_words.strip() and not context:
            return self.observation
        if self._reworded is None or self._reworded[0] != (words, context):
            self._reworded = ((words, context), model.reword(self.observation, words, context))
        return self._reworded[1]


def _joined(
    seen: dict[Modality, T], rest: dict[Modality, T], others: Collection[Modality]
) -> dict[Modality, T]:
    """`rest` for the other modalities, `seen` for the face."""
    return {m: v for m, v in seen.items() if m not in others} | {m: v for m, v in rest.items() if m in others}


def turns_in(text: str | None) -> tuple[str, ...]:
    """The turns of a conversation that a person typed, one a line."""
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


def latest(sha256: str | None = None) -> Analysis | None:
    """The analysis last made in this visit, by the model of this sha256 if one is given; None if none was."""
    kept = analyses()
    return next((a for (_, model), a in reversed(kept.items()) if sha256 in (None, model)), None)


def analyses() -> dict[tuple[str, str], Analysis]:
    """{(digest of a source, sha256 of a model): analysis} that this visit keeps, oldest first."""
    kept: dict[tuple[str, str], Analysis] = st.session_state.setdefault(_ANALYSES, {})
    return kept


def analyse(source: Source, loader: ModelLoader, progress: Watcher) -> Analysis:
    """Read and observe a source; the same bytes under the same model are not read twice.

    Args:
        progress: is told how it goes on.

    Raises:
        MediaError: nothing can be read from the source.
        ModelUnavailable: there is no model.
    """
    kept = analyses()
    started = time.perf_counter()
    if not loader.ready:
        progress("models")
    model = loader.wait()
    waited = time.perf_counter() - started
    key = (source.digest, model.identity["sha256"])
    if key in kept:
        kept[key] = replace(kept.pop(key), source=source)
        return kept[key]
    limits = upload_limits()
    analysis = in_turn(lambda post: _observe(source, model, limits, Relay(progress, post)), progress.waits)
    if waited > 0.05:
        analysis.seconds = {"models": waited, **analysis.seconds}
    kept[key] = analysis
    while len(kept) > KEPT:
        del kept[next(iter(kept))]
    return analysis


def attempt(source: Source, loader: ModelLoader, progress: Watcher) -> Analysis | str:
    """The analysis of a source, or one sentence that says why there is none.

    Raises:
        ModelUnavailable: there is no model.
    """
    try:
        return analyse(source, loader, progress)
    except ModelUnavailable:
        raise
    except (MediaError, CheckpointError) as error:
        return _sentence(str(error), source)
    except Exception as error:  # noqa: BLE001  told to the person and to the log
        log_defect(log, "analysis failed", error)
        return (
            f"This could not be analysed ({type(error).__name__}): try another clip; the app's log "
            "has the details."
        )


def _sentence(reason: str, source: Source) -> str:
    """The core's reason as a sentence; a file's name keeps its letters as they are."""
    named = not source.is_words and reason.startswith(display_name(source.name))
    return f"{reason.removesuffix('.')}." if named else sentence_case(reason)


def _observe(source: Source, model: EmotionModel, limits: Limits, progress: Relay) -> Analysis:
    progress("read")
    started = time.perf_counter()
    clip = _read(source, limits)
    seconds = {"read": time.perf_counter() - started}
    progress.knows(clip.duration, tuple(model.encoders))
    observation = model.observe(
        clip, progress=progress, found=lambda so_far: progress.found(model.fuse(so_far))
    )
    # Without the frames, of which only a few are kept, as copies, so that the array of all can go.
    slim = replace(observation, clip=replace(observation.clip, frames=None))
    return Analysis(source, slim, _strip(clip), {**seconds, **observation.timings})


def _strip(clip: Clip) -> list[np.ndarray]:
    """Copies of a few frames, spread over the clip."""
    if clip.frames is None:
        return []
    picked = np.linspace(0, len(clip.frames) - 1, min(_STRIP, len(clip.frames))).astype(int)
    return [clip.frames[i].copy() for i in picked]


def _read(source: Source, limits: Limits) -> Clip:
    if source.is_words:
        return text_clip(source.text or "")
    start, end = source.stretch or (None, None)
    if source.file is not None:
        clip = load_clip(
            source.file.path, name=source.name, start=start, end=end, digest=source.file.sha256, limits=limits
        )
    else:
        clip = load_upload(source.data or b"", source.name, start=start, end=end, limits=limits)
    return clip if source.text is None or source.stretch is not None else clip.with_text(source.text)
