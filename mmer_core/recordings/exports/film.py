"""The recording itself as a film: on its pictures a box for each face in view, with a name and what the face
says, and captions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mmer_core.media.colours import person_colour
from mmer_core.media.file_checks import MediaError
from mmer_core.media.film import SIDE, Script, Shown, make_film
from mmer_core.media.loading import load_clip
from mmer_core.recordings.exports.captions import NOBODY_NAMED, Names, captions_of, on_one_line
from mmer_core.recordings.people import FaceEmotion, Person
from mmer_core.recordings.pieces import LIMITS
from mmer_core.recordings.recording import Recording

#: {ending: the name of the format for the library that writes it}
SUFFIXES: Mapping[str, str] = {".mp4": "mp4", ".mkv": "matroska"}


def check_pictures(source: Path) -> None:
    """Refuse a source of which no film can be made, before all of it is read.

    Raises:
        MediaError: it is no video, or cannot be read.
    """
    if load_clip(source, end=1.0, limits=LIMITS).kind != "video":
        raise MediaError(
            f"no film can be made of {source.name} because it has no pictures: choose captions (.srt) or a "
            "table instead"
        )


def write_film(
    recording: Recording,
    source: Path,
    out: Path,
    *,
    names: Names = NOBODY_NAMED,
    called: Mapping[int, str] | None = None,
    side: int = SIDE,
    progress: Callable[[float], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[str, ...]:
    """Write the film from the recording's start to its end.

    Args:
        recording: read from `source`.
        source: the file.
        out: the film; its ending decides the format.
        names: as for `write`.
        called: {`Person.number`: what to call them}; by default `names_of`.
        side: longer side of the pictures at most, pixels.
        progress: called with the seconds that are done.
        stop: asked again and again; true ends it.

    Returns:
        Notes about what is missing in it.

    Raises:
        MediaError, mmer_core.media.film.Stopped, OSError: as `make_film`.
    """
    called = names_of(recording.people, names) if called is None else called
    script = Script(
        recording.start,
        recording.end,
        tuple(_shown(person, called[person.number]) for person in recording.people),
        captions_of(recording.utterances, names, called),
        side,
        "mp4" if SUFFIXES[out.suffix.lower()] == "mp4" else "matroska",
    )
    return make_film(source, out, script, LIMITS, name=recording.name, progress=progress, stop=stop)


def _shown(person: Person, name: str) -> Shown:
    return Shown(
        name,
        person_colour(person.number + 1),
        tuple((sight.times, sight.boxes) for sight in person.sights),
        tuple((e.start, e.end, face_says(e)) for e in person.emotions),
    )


def name_of(person: Person, names: Names = NOBODY_NAMED) -> str:
    """What to call somebody in view: the name that was given to the voice, or "Face 1"."""
    given = "" if person.speaker is None else on_one_line(names.get(person.speaker, ""))
    return given or f"Face {person.number + 1}"


def face_says(emotion: FaceEmotion) -> str:
    """ "joy 62%", or "unsure, perhaps joy 31%"."""
    return f"{'unsure, perhaps ' if emotion.unsure else ''}{emotion.label} {emotion.probability:.0%}"


def names_of(people: Sequence[Person], names: Names = NOBODY_NAMED) -> dict[int, str]:
    """{`Person.number`: what to call them}; two of one name are told apart by their numbers."""
    found = {person.number: name_of(person, names) for person in people}
    return {
        n: f"{name} ({n + 1})" if list(found.values()).count(name) > 1 else name for n, name in found.items()
    }
