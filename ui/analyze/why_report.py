"""Why an answer is what it is, as a section of a clip's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mmer_core.labels import MODALITY_TITLES, Modality
from ui import report
from ui.analyze.why_charts import (
    describe_face,
    describe_sound,
    face_image,
    sound_figure,
    strongest_cell,
    words_html,
)
from ui.figure import points

if TYPE_CHECKING:
    from mmer_core.clip import Clip
    from mmer_core.explanation import Explanation

_READ = (
    "In colour: what speaks for it; hatched: what speaks against it. Points are percentage points of its "
    "probability. This is what the model went by, not what the person felt."
)


def why_section(
    explanation: Explanation, shown: Sequence[Modality], clip: Clip, colour: str, *, faces: bool
) -> Iterator[str]:
    """The parts of the modalities in `shown`.

    Args:
        explanation: of the answer.
        shown: the modalities whose parts tell more than random ones.
        clip: that was explained.
        colour: of the emotion.
        faces: the report may hold pictures of the face.
    """
    from mmer_core.explanation import Sound, Words, summary

    yield report.heading(f"Why {explanation.label}?")
    yield report.paragraph(summary(explanation, list(shown)))
    for modality in shown:
        part = explanation.parts[modality]
        yield report.heading(f"{MODALITY_TITLES[modality]}: {points(part.share)}", 3)
        if isinstance(part, Words):
            yield words_html(part, colour, explanation.label)
        elif isinstance(part, Sound):
            if clip.waveform is not None:
                drawn = sound_figure(part, clip.waveform, colour, explanation.label, report.INK)
                yield report.figure(drawn, describe_sound(part, explanation.label))
        elif faces and clip.faces is not None and part.frames:
            largest = strongest_cell(part)
            maps = [face_image(clip.faces.crops[f.index], f, colour, largest) for f in part.frames]
            yield report.pictures(
                maps, describe_face(part.frames[0], explanation.label, len(part.moments) > 1)
            )
        else:
            moment = max(part.moments, key=lambda m: abs(m.points))
            yield report.paragraph(
                f"Most from {moment.start:.1f} to {moment.end:.1f} s: {points(moment.points)}."
            )
    yield report.paragraph(_READ, quiet=True)
