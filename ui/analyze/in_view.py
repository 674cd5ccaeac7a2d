"""Who is in view in the playing video: in the whole recording where that was read, else in the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mmer_core.inference.timeline import Timeline
from mmer_core.labels import Modality
from ui.analyze.analysis import Analysis
from ui.analyze.clip_people import as_recording, emotion_alone, emotions_over_time, people_of, spoken
from ui.analyze.film_offer import offer_film
from ui.analyze.people import choice_key, chosen_person, show_people
from ui.analyze.person_view import show_person
from ui.analyze.player import WHOLE
from ui.analyze.recording import recording_of
from ui.analyze.recording_view import given_names
from ui.analyze.timeline import clip_window, timeline_of
from ui.analyze.window import go_to, window_of

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.recordings.people import FaceEmotion, Person


class InView:
    """The people of one answer.

    Args:
        analysis: of the clip.
        model: that answers.
        timeline: of the clip with the face that the answer follows; None for a very short one.
        followed: whose face that is, as in `Analysis.corrected`.
    """

    def __init__(
        self, analysis: Analysis, model: EmotionModel, timeline: Timeline | None, followed: int | None
    ) -> None:
        self._analysis, self._model, self._timeline = analysis, model, timeline
        whole = recording_of(analysis, model)
        self._whole = whole if whole is not None and whole[0].people else None
        self._key = choice_key(analysis.source, whole=self._whole is not None)
        self._people: tuple[Person, ...] = ()
        if self._whole is None:
            self._people = people_of(analysis, self._emotions(followed))

    def show_on_player(self) -> None:
        """Boxes and captions over the player, and the people to choose from below it."""
        from mmer_core.recordings.exports.captions import captions_of
        from mmer_core.recordings.exports.film import names_of

        source = self._analysis.source
        if self._analysis.observation.clip.kind != "video":
            return
        if self._whole is not None:
            recording, reading = self._whole
            names = given_names(recording, reading)
            called = names_of(recording.people, names)
            said = captions_of(recording.utterances, names, called)
            show_people(recording.people, called, said, self._key, window_of(source) or WHOLE)
            return
        said = captions_of(spoken(self._phrases))
        show_people(self._people, self._names, said, self._key, clip_window(self._analysis))

    def show_chosen(self) -> None:
        """What the face of the clip that was chosen says over time; a recording shows that itself."""
        person = chosen_person(self._people, self._key)
        if person is None:
            return
        clip = self._analysis.observation.clip
        span = (0.0, clip.duration)
        name = self._names[person.number]
        window = clip_window(self._analysis)
        go_to(
            self._analysis.source,
            show_person(person, name, labels=self._model.labels, span=span, key=self._key, window=window),
            clip.start,
        )

    def offer_film(self) -> None:
        """The clip as a video with boxes and captions; a whole recording offers that itself."""
        clip = self._analysis.observation.clip
        if self._whole is None and self._people:
            offer_film(
                self._analysis.source,
                lambda: as_recording(self._analysis, self._people, self._phrases),
                clip.duration,
                ({}, self._names),
                self._key,
            )

    @property
    def _names(self) -> dict[int, str]:
        alone = len(self._people) == 1
        return {p.number: "Face" if alone else f"Face {p.number + 1}" for p in self._people}

    @property
    def _phrases(self):  # type: ignore[no-untyped-def]
        return () if self._timeline is None else self._timeline.phrases

    def _emotions(self, followed: int | None) -> dict[int, list[FaceEmotion]]:
        """{person: what the face says}, of the one whom the answer follows, the one that was chosen, and all
        where the person asked for that.
        """
        analysis, model = self._analysis, self._model
        clip = analysis.observation.clip
        if Modality.VISUAL not in analysis.observation.features:
            return {}
        if not clip.people:
            return {0: self._read(0, self._timeline)}
        own = analysis.main if followed is None else followed
        every = st.session_state.get(f"every-face-{analysis.digest}", False)
        picked = st.session_state.get(self._key)
        found = {}
        for number in range(len(clip.people)):
            if number == own:
                found[number] = self._read(number, self._timeline)
            elif every or number == picked:
                seen = analysis.followed(number, model)
                found[number] = self._read(number, timeline_of(seen, model, {Modality.VISUAL}, number))
        return found

    def _read(self, number: int, timeline: Timeline | None) -> list[FaceEmotion]:
        if timeline is None:
            return emotion_alone(self._analysis, number, self._model)
        return emotions_over_time(timeline)
