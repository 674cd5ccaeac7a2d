"""The report on one clip: everything that the Analyze page shows, in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from mmer_core.clock import clock
from mmer_core.inference.prediction import Prediction
from mmer_core.inference.timeline import Cue, Timeline, changes, disagreements
from mmer_core.labels import MODALITY_TITLES, Modality
from ui import report
from ui.analyze.charts import contribution_steps, describe, emotion_bars
from ui.analyze.nothing import nothing_html
from ui.analyze.source import Source
from ui.analyze.timeline_charts import describe_timeline, stretch_sentence, timeline_figure
from ui.figure import points
from ui.headline import NOT_CLEAR, headline
from ui.text import CAVEAT, OVER_TIME_CAVEAT, contribution_sentence, seconds, sentence_case
from ui.theme import emotion_colour, emotion_name, emotion_title

if TYPE_CHECKING:
    from mmer_core.explanation import Explanation
    from mmer_core.inference.observation import Observation


def clip_report(
    source: Source,
    observation: Observation,
    prediction: Prediction,
    timeline: Timeline | None,
    *,
    record: Mapping[str, Any],
    frames: tuple[np.ndarray, ...] = (),
    why: tuple[Explanation, list[Modality]] | None = None,
) -> str:
    """One HTML file about a clip; of the clip itself it holds only the words, and the frames that are given.

    Args:
        source: what was given; its bytes are not used.
        observation: what was found, with the words as they were last edited.
        prediction: the answer with the modalities that are switched on.
        timeline: the same over time; None for a short clip.
        record: of the model.
        frames: (H, W, 3) uint8 pictures to show; none by default, and then no map of the face either.
        why: the explanation of the answer, and the modalities whose parts are shown.
    """
    name = "A sentence" if source.is_words else source.shown
    found = bool(observation.features)
    changing = changes(timeline) if timeline is not None else ()
    body = [
        *(_answer(prediction, changing, name) if found else _nothing(prediction, observation, name)),
        *(_modalities(prediction) if found else ()),
        *_why(why, observation, prediction, faces=bool(frames)),
        *_over_time(timeline),
        *_words(observation, timeline),
        *([report.heading("Frames"), report.pictures(frames, "A frame of the clip")] if frames else []),
        *_identity(source, observation, prediction, name),
        *report.limits(record),
        *report.not_for(),
    ]
    if not found:
        return report.document(f"Nothing to read: {name}", body)
    return report.document(
        f"{NOT_CLEAR if prediction.unsure else emotion_title(prediction.label)}: {name}", body
    )


def _answer(prediction: Prediction, changing: Sequence[Cue], name: str) -> Iterator[str]:
    found = headline(prediction, changing)
    lines = "".join(map(report.paragraph, found.sentences))
    yield (
        f'<div class="answer" style="--accent:{found.colour}"><small>{escape(name)}</small>'
        f'<h1>{escape(found.title)}</h1><p class="lead">{escape(found.lead)}</p>{lines}</div>'
    )
    if prediction.warnings:
        yield report.bullets(f"Note: {sentence_case(w)}" for w in prediction.warnings)
    yield report.figure(
        emotion_bars(prediction.probabilities, None, report.INK), describe(prediction.probabilities)
    )
    yield report.paragraph(CAVEAT, quiet=True)
    yield from (report.paragraph(note) for note in prediction.notes if note not in prediction.warnings)


def _nothing(prediction: Prediction, observation: Observation, name: str) -> Iterator[str]:
    """In place of an answer: what was looked for and not found."""
    yield nothing_html(prediction)
    yield report.paragraph(f"Given: {name}")
    yield from (report.paragraph(sentence_case(note)) for note in observation.clip.notes)


def _modalities(prediction: Prediction) -> Iterator[str]:
    yield report.heading("Each modality on its own")
    used = {MODALITY_TITLES[m]: prediction.modalities[m].probabilities or {} for m in prediction.used}
    rows = [
        [
            emotion_name(e),
            *(f"{100 * p[e]:.1f}" for p in used.values()),
            f"{100 * prediction.probabilities[e]:.1f}",
        ]
        for e in prediction.probabilities
    ]
    yield report.table(rows, ["Emotion", *used, "Together"], "Probability in per cent.")
    absent = [
        f"{MODALITY_TITLES[m]}: {o.reason or 'nothing to go by'}"
        for m, o in prediction.modalities.items()
        if m not in prediction.used
    ]
    if absent:
        yield report.heading("Not used", 3)
        yield report.bullets(absent)
    yield report.heading(f"What led to {prediction.label}")
    moved = {m: prediction.contributions[m] for m in prediction.used}
    alt = ", ".join(f"{MODALITY_TITLES[m]} {points(v)}" for m, v in moved.items())
    colour = emotion_colour(prediction.label, prediction.probabilities)
    yield report.figure(
        contribution_steps(moved, prediction.probability, colour, report.INK),
        f"Steps to the answer: {alt}",
    )
    yield report.bullets(
        f"{MODALITY_TITLES[m]}: {contribution_sentence(prediction, m)}" for m in prediction.used
    )
    yield report.paragraph(
        "Each step is a Shapley value: what one modality adds, averaged over every order of adding them.",
        quiet=True,
    )


def _why(
    why: tuple[Explanation, list[Modality]] | None,
    observation: Observation,
    prediction: Prediction,
    *,
    faces: bool,
) -> Iterator[str]:
    if why is not None:
        from ui.analyze.why_report import why_section  # imports OpenCV

        explanation, shown = why
        colour = emotion_colour(explanation.label, prediction.probabilities)
        yield from why_section(explanation, shown, observation.clip, colour, faces=faces)


def _over_time(timeline: Timeline | None) -> Iterator[str]:
    if timeline is None:
        return
    yield report.heading("Over time")
    yield report.figure(timeline_figure(timeline, report.INK), describe_timeline(timeline))
    yield report.paragraph(
        "Colour is the strongest emotion, height its probability, a thin grey line nothing to go "
        f"by. {OVER_TIME_CAVEAT}",
        quiet=True,
    )
    found = disagreements(timeline)
    if found:
        yield report.heading("Where they disagree", 3)
        yield report.table(
            [[f"{clock(s.start)} – {clock(s.end)}", stretch_sentence(s)] for s in found],
            ["Time", "Emotion of each modality"],
        )


def _words(observation: Observation, timeline: Timeline | None) -> Iterator[str]:
    text = observation.clip.text
    if not text:
        return
    yield report.heading("Words" + (", by speech recognition" if observation.transcribed else ""))
    if timeline is not None and timeline.phrases:
        yield report.table(
            [[f"{clock(p.start)} – {clock(p.end)}", p.text] for p in timeline.phrases], ["Time", "Said"]
        )
    else:
        yield f"<blockquote>{escape(text)}</blockquote>"


def _identity(source: Source, observation: Observation, prediction: Prediction, name: str) -> Iterator[str]:
    clip = observation.clip
    yield report.heading("What was read, and by what")
    faces = clip.faces
    yield report.facts(
        {
            "Given": name,
            "Kind": clip.kind,
            **({"Length": seconds(clip.duration)} if clip.duration else {}),
            **(
                {"Face": f"found in {len(faces)} of {faces.frames_seen} frames; {faces.rule}"}
                if faces is not None
                else {}
            ),
            "SHA-256": source.digest,
            "Model": prediction.model.get("name", "?"),
            "Model SHA-256": prediction.model.get("sha256", "?"),
            "Switched on": ", ".join(MODALITY_TITLES[m].lower() for m in prediction.used) or "nothing",
        }
    )
