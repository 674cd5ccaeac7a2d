"""The report on a whole recording: what the Analyze page shows of it, in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from mmer_core.clock import clock
from ui import report
from ui.analyze.recording_charts import (
    describe_recording,
    recording_figure,
    shares_html,
    shown_emotions,
)
from ui.analyze.utterance_lines import row_of, sentences_of
from ui.figure import percent
from ui.text import CAVEAT, sentence_case
from ui.theme import emotion_colours, emotion_name

if TYPE_CHECKING:
    from mmer_core.recordings import Recording, Utterance
    from mmer_core.recordings.exports.captions import Names
    from mmer_core.recordings.summary import Summary

_STYLE = """<style>
.mmer-shares > div { display: flex; flex-wrap: wrap; align-items: center; gap: 0 0.8rem; margin: 0.35rem 0; }
.mmer-shares strong { width: 8rem; overflow-wrap: anywhere; } .mmer-shares small { flex-basis: 100%; }
.mmer-shares .bar { flex: 1 1 12rem; display: flex; height: 1rem; border-radius: 0.3rem; overflow: hidden; }
.mmer-shares .bar i, .legend i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; font-size: 0.9rem; }
.legend i { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 0.2em; margin-right: 0.35em; }
td:nth-child(1) { white-space: nowrap; }
</style>"""


def recording_report(recording: Recording, names: Names, *, record: Mapping[str, Any]) -> str:
    """One HTML file about a recording that was read; of the recording itself it holds only the words.

    Args:
        recording: as it was read.
        names: of speakers.
        record: of the model.
    """
    from mmer_core.recordings.summary import summarise

    summary = summarise(recording)
    body = [
        _STYLE,
        *_summary(recording, summary, names),
        *_over_time(recording, summary, names),
        *_moments(summary),
        *_utterances(recording, names),
        *_identity(recording, record),
        *report.limits(record),
        *report.not_for(),
    ]
    return report.document(f"Recording: {recording.name}", body)


def _summary(recording: Recording, summary: Summary, names: Names) -> Iterator[str]:
    first, *rest = sentences_of(summary, names)
    yield f"<small>{escape(recording.name)}</small><h1>The whole recording</h1>"
    yield f'<p class="lead">{escape(first)}</p>'
    if rest:
        yield report.bullets(rest)
    for note in recording.notes:
        yield report.paragraph(f"Note: {sentence_case(note)}")
    yield report.paragraph(CAVEAT, quiet=True)


def _over_time(recording: Recording, summary: Summary, names: Names) -> Iterator[str]:
    if not recording.utterances:
        return
    yield report.heading("Over time")
    yield report.figure(
        recording_figure(recording, names, report.INK), describe_recording(recording, summary)
    )
    colours = emotion_colours(recording.labels)
    yield (
        '<div class="legend">'
        + "".join(
            f'<span><i style="background:{colours[e]}"></i>{escape(emotion_name(e))}</span>'
            for e in shown_emotions(recording)
        )
        + "</div>"
    )
    yield report.paragraph("Colour is the emotion, height its probability; faint is unsure.", quiet=True)
    yield report.heading("Shares of the time")
    yield shares_html(summary, recording.labels, names)


def _moments(summary: Summary) -> Iterator[str]:
    if summary.turning_points:
        yield report.heading("Turning points")
        yield report.table(
            [[clock(t.at), emotion_name(t.before), emotion_name(t.after)] for t in summary.turning_points],
            ["Time", "From", "To"],
        )
    if summary.moments:
        yield report.heading("Most certain moments")
        yield report.table(
            [
                [f"{clock(start)} – {clock(end)}", emotion_name(label), percent(p)]
                for label, rows in summary.moments.items()
                for start, end, p in rows
            ],
            ["Time", "Emotion", "Probability"],
        )
    if summary.disagreements:
        yield report.heading("Where words, voice and face disagree")
        yield report.table(
            [
                [
                    f"{clock(d.start)} – {clock(d.end)}",
                    ", ".join(f"{title.lower()}: {label}" for title, label in d.says.items()),
                ]
                for d in summary.disagreements
            ],
            ["Time", "Emotion of each modality"],
        )


def _utterances(recording: Recording, names: Names) -> Iterator[str]:
    yield report.heading("All utterances")
    yield report.table(
        [_row(u, names) for u in recording.utterances],
        ["Time", "Who", "Emotion", "How sure", "Words", "Note"],
    )


def _row(utterance: Utterance, names: Names) -> list[object]:
    answer = utterance.prediction
    note = "spoken over" if utterance.overlapped else utterance.reason
    return [
        f"{clock(utterance.start)} – {clock(utterance.end)}",
        row_of(utterance, names),
        None if answer is None else emotion_name(answer.label),
        None if answer is None else f"{percent(answer.probability)}{', unsure' if answer.unsure else ''}",
        utterance.words,
        note,
    ]


def _identity(recording: Recording, record: Mapping[str, Any]) -> Iterator[str]:
    model = recording.model or {}
    yield report.heading("What was read, and by what")
    yield report.facts(
        {
            "Given": recording.name,
            "Read": f"{clock(recording.start)} to {clock(recording.end)}"
            + ("" if recording.complete else ", not to its end"),
            "Utterances": len(recording.utterances),
            "Model": model.get("name", record.get("name", "?")),
            "Model SHA-256": model.get("sha256", "?"),
        }
    )
