"""A recording that was read: over time, each speaker's shares, its moments, and the files to take away."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core.clock import clock
from ui.analyze.film_offer import offer_film
from ui.analyze.people import choice_key, chosen_person
from ui.analyze.person_view import show_person, utterances_of
from ui.analyze.player import WHOLE, Moment, moments, scrubber
from ui.analyze.recording_charts import describe_recording, recording_figure, shares_html, shown_emotions
from ui.analyze.recording_report import recording_report
from ui.analyze.source import Source
from ui.analyze.timeline_charts import LEFT, RIGHT
from ui.analyze.utterance_lines import line_of, sentences_of, utterance_table
from ui.analyze.window import go_to, window_of
from ui.export import offer_file
from ui.figure import CONFIG, percent
from ui.forgetting import counted, keeper
from ui.page import ink
from ui.plot import show_figure
from ui.text import plain, sentence_case
from ui.theme import emotion_colours, emotion_name

if TYPE_CHECKING:
    from mmer_core.recordings import Recording
    from mmer_core.recordings.exports.captions import Names
    from mmer_core.recordings.summary import Summary

_FIGURE, _NAME = "whole-timeline", "name-"
_FORMATS = {
    ".csv": "CSV",
    ".parquet": "Parquet",
    ".json": "JSON",
    ".srt": "Subtitles (SRT)",
    ".vtt": "Subtitles (WebVTT)",
    ".eaf": "ELAN",
    ".TextGrid": "Praat",
}
SAID, TURNS, SUREST, APART, TABLE = "All of it", "Turning points", "Most certain", "Disagreements", "Table"


def show_recording(recording: Recording, source: Source, key: str, record: Mapping[str, Any]) -> None:
    """Everything about a recording with utterances.

    Args:
        recording: as it was read.
        source: that was read; the player holds it, or a part.
        key: of the reading.
        record: of the model.
    """
    from mmer_core.recordings.exports.film import names_of
    from mmer_core.recordings.summary import summarise

    for note in recording.notes:
        st.info(plain(sentence_case(note)), icon=":material/info:")
    summary = summarise(recording)
    place = st.container()
    names = _speaker_names(recording, key)
    with place:
        st.markdown(plain(sentences_of(summary, names)[0]))
        _show_over_time(recording, summary, source, names)
        st.html(shares_html(summary, recording.labels, names))
    chosen = _show_chosen(recording, source, names)
    _show_moments(chosen, summary if chosen is recording else summarise(chosen), source, names)
    _offer_formats(recording, names, record)
    if recording.people:
        length = recording.end - recording.start
        called = names_of(recording.people, names)
        offer_film(source, lambda: recording, length, (names, called), choice_key(source, whole=True))


def _show_chosen(recording: Recording, source: Source, names: Names) -> Recording:
    """What the face of the person says who was chosen, and the recording with their utterances alone; all of
    it as long as nobody is.
    """
    from mmer_core.recordings.exports.film import names_of

    key = choice_key(source, whole=True)
    person = chosen_person(recording.people, key)
    if person is None:
        return recording
    name = names_of(recording.people, names)[person.number]
    span, window = (recording.start, recording.end), window_of(source) or WHOLE
    go_to(source, show_person(person, name, labels=recording.labels, span=span, key=key, window=window))
    return replace(recording, utterances=utterances_of(person, recording.utterances))


def _show_over_time(recording: Recording, summary: Summary, source: Source, names: Names) -> None:
    figure = recording_figure(recording, names, ink())
    show_figure(figure, config=CONFIG, key=_FIGURE, alt=describe_recording(recording, summary))
    now = [Moment(u.start, u.end, line_of(u, names)) for u in recording.utterances]
    asked = scrubber(
        _FIGURE,
        recording.end - recording.start,
        (LEFT, RIGHT),
        now,
        start=recording.start,
        window=window_of(source) or WHOLE,
        track=False,
    )
    go_to(source, asked)
    colours = emotion_colours(recording.labels)
    entries = [
        f'<span><i style="background:{colours[e]}"></i>{escape(emotion_name(e))}</span>'
        for e in shown_emotions(recording)
    ]
    st.html(
        f'<div class="mmer-legend">{"".join(entries)}<span>Taller = more likely; faint = unsure</span></div>'
    )


def given_names(recording: Recording, key: str) -> dict[int, str]:
    """{speaker: the name that the person gave}, before the boxes that ask for them are drawn."""
    given = {u.speaker: st.session_state.get(f"{_NAME}{u.speaker}-{key}", "") for u in recording.utterances}
    return {speaker: name.strip() for speaker, name in given.items() if speaker is not None and name.strip()}


@keeper
def _forget_names() -> Sequence[str]:
    given = [key for key in st.session_state if str(key).startswith(_NAME) and st.session_state[key]]
    return (
        [f"the {'name' if len(given) == 1 else 'names'} of {counted(len(given), 'speaker')}"] if given else []
    )


def _speaker_names(recording: Recording, key: str) -> dict[int, str]:
    """{speaker: the name that the person gave}, asked for where speakers are known."""
    known = sorted({u.speaker for u in recording.utterances if u.speaker is not None})
    if not known:
        return {}
    with st.expander("Name the speakers", icon=":material/badge:"), st.container(horizontal=True):
        found = {
            speaker: st.text_input(
                f"Speaker {speaker + 1}", key=f"{_NAME}{speaker}-{key}", max_chars=40, persist_state="session"
            ).strip()
            for speaker in known
        }
    return {speaker: name for speaker, name in found.items() if name}


def moments_of(recording: Recording, summary: Summary, names: Names) -> dict[str, list[Moment]]:
    """{title: moments to go to}: every utterance, turning points, the most certain ones, disagreements."""
    turns = [
        Moment(t.at, t.at, f"{emotion_name(t.before)} → {emotion_name(t.after)}")
        for t in summary.turning_points
    ]
    surest = [
        Moment(start, end, f"{emotion_name(label)} {percent(p)}")
        for label, rows in summary.moments.items()
        for start, end, p in rows
    ]
    apart = [
        Moment(d.start, d.end, ", ".join(f"{title.lower()}: {label}" for title, label in d.says.items()))
        for d in summary.disagreements
    ]
    found = {
        SAID: [Moment(u.start, u.end, line_of(u, names)) for u in recording.utterances],
        TURNS: turns,
        SUREST: surest,
        APART: apart,
    }
    return {title: listed for title, listed in found.items() if listed}


def _show_moments(recording: Recording, summary: Summary, source: Source, names: Names) -> None:
    """One list at a time; a line moves the player."""
    found = moments_of(recording, summary, names)
    titles = [*found, TABLE]
    title = st.segmented_control(
        "What to list",
        titles,
        default=titles[0],
        required=True,
        key=f"moments-{source.digest[:12]}",
        label_visibility="collapsed",
        help="Press a line of the list: the player goes there.",
    )
    if title == TABLE:
        table = utterance_table(recording.utterances, names)
        st.dataframe(table, hide_index=True, alt="The utterances, each with its answer")
    elif title is not None:
        go_to(source, moments(f"moments-{title}", found[title], window_of(source) or WHOLE))


def _offer_formats(recording: Recording, names: Names, record: Mapping[str, Any]) -> None:
    """The report, and the utterances in the formats of other programs, each made when it is asked for."""
    stem = (
        f"recording-{clock(recording.start, tenths=False)}".replace(":", ".")
        if recording.start
        else "recording"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="whole-files"):
        offer_file(
            "Report on all of it",
            lambda: recording_report(recording, names, record=record),
            f"{stem}.html",
            key="whole-report",
            icon=":material/description:",
            help="Emotion over time, shares, moments and all utterances as one HTML file (5 MB) that opens "
            "offline and prints on A4.",
        )
        for suffix, title in _FORMATS.items():
            offer_file(
                title,
                partial(_written, recording, names, suffix),
                f"utterances{suffix}",
                key=f"whole{suffix}",
                icon=":material/download:",
                quiet=True,
                help=f"The utterances with speakers and emotions as {title}.",
            )


def _written(recording: Recording, names: Names, suffix: str) -> bytes:
    from mmer_core.recordings.exports import write

    with tempfile.TemporaryDirectory(prefix="mmer-") as folder:
        out = Path(folder) / f"utterances{suffix}"
        write(recording, out, names=names)
        return out.read_bytes()
