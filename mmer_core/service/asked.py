"""What a request asks: modalities that count, turns before, the words or files themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality, in_order, parse_modality
from mmer_core.service.refusals import Refusal
from mmer_core.service.uploads import Form, Upload

CLIP_PARTS = frozenset({"file", "files", "baseline", "text", "before", "use"})
RECORDING_PARTS = frozenset({"file", "use", "start", "end", "speakers"})


class SentencesBody(BaseModel):
    """JSON body of a request with sentences."""

    model_config = ConfigDict(extra="forbid", title="Sentences")

    text: str | None = Field(None, description="One sentence; the answer is an object.")
    texts: list[str] | None = Field(None, description="Several sentences; the answer is a list.")
    before: list[str] = Field(
        default_factory=list, description="Turns of the conversation before them, oldest first."
    )
    use: str | list[str] | None = Field(
        None, description="Modalities that count: text, audio, visual; all by default."
    )


@dataclass(frozen=True)
class Clips:
    """Files to answer.

    Attributes:
        uploads: one or several.
        several: the answer is a list.
        text: what was said in the one file; None: speech recognition.
        before: turns of the conversation before.
        use: modalities that count.
        baseline: files in which the person speaks as usual.
    """

    uploads: Sequence[Upload]
    several: bool
    text: str | None
    before: Sequence[str]
    use: tuple[Modality, ...]
    baseline: Sequence[Path]


@dataclass(frozen=True)
class Stretch:
    """A recording to read.

    Attributes:
        upload: the file.
        use: modalities that count.
        start: seconds.
        end: seconds; None: the end of the file.
        speakers: whether to tell speakers apart.
    """

    upload: Upload
    use: tuple[Modality, ...]
    start: float
    end: float | None
    speakers: bool


def sentences_of(body: bytes, most: int) -> SentencesBody:
    """The sentences in a JSON body.

    Raises:
        Refusal: it is something else, or has too many.
    """
    try:
        found = SentencesBody.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refusal(
            422, f"the JSON does not fit{f' at {where}' if where else ''} ({first['msg']}): see /openapi.json"
        ) from None
    if (found.text is None) == (found.texts is None):
        raise Refusal(422, 'there is nothing to analyse: give either "text" or "texts"')
    if found.texts is not None and not 1 <= len(found.texts) <= most:
        raise Refusal(
            413 if found.texts else 422, f"texts has {len(found.texts)} sentences: send 1 to {most}"
        )
    return found


def clips_of(form: Form, model: EmotionModel) -> Clips:
    """The clips in a form.

    Raises:
        Refusal: there are none, or the parts do not go together.
    """
    one, many = form.files.get("file", []), form.files.get("files", [])
    if bool(one) == bool(many) or len(one) > 1:
        raise Refusal(
            422, "there is nothing to analyse: send one clip as the part file, or several as parts files"
        )
    text = _single(form, "text")
    if many and text is not None:
        raise Refusal(422, "text says what was said in one clip: send it as the part file, or leave text out")
    return Clips(
        uploads=one or many,
        several=bool(many),
        text=text,
        before=form.fields.get("before", []),
        use=modalities(form.fields.get("use"), model),
        baseline=[upload.path for upload in form.files.get("baseline", [])],
    )


def recording_of(form: Form, model: EmotionModel) -> Stretch:
    """The recording in a form.

    Raises:
        Refusal: there is none, or the parts do not fit.
    """
    uploads = form.files.get("file", [])
    if len(uploads) != 1:
        raise Refusal(422, "there is nothing to read: send one recording as the part file")
    start, end = _seconds(form, "start") or 0.0, _seconds(form, "end")
    if end is not None and end <= start:
        raise Refusal(422, f"from {start:g} to {end:g} s is no stretch of time: let end be after start")
    speakers = (_single(form, "speakers") or "false").strip().lower()
    if speakers not in ("true", "false"):
        raise Refusal(422, "speakers is neither true nor false: send one of them, or leave it out")
    return Stretch(uploads[0], modalities(form.fields.get("use"), model), start, end, speakers == "true")


def modalities(named: str | Iterable[str] | None, model: EmotionModel) -> tuple[Modality, ...]:
    """The model's modalities that are named, each alone or several with commas; all where none is.

    Raises:
        Refusal: an unknown name, or nothing that the model reads.
    """
    names = [named] if isinstance(named, str) else list(named or [])
    wanted = [name for part in names for name in part.split(",") if name.strip()]
    try:
        chosen = in_order(map(parse_modality, wanted))
    except ValueError:
        known = ", ".join(model.modalities)
        raise Refusal(422, f"use names a modality that does not exist: give some of {known}") from None
    if not wanted:
        return model.modalities
    found = tuple(m for m in model.modalities if m in chosen)
    if not found:
        raise Refusal(422, f"{model.name} reads {', '.join(model.modalities)}: let use name one of them")
    return found


def _single(form: Form, name: str) -> str | None:
    given = form.fields.get(name, [])
    if len(given) > 1:
        raise Refusal(422, f"the part {name} comes {len(given)} times: send it once")
    return given[0] if given else None


def _seconds(form: Form, name: str) -> float | None:
    given = _single(form, name)
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise Refusal(422, f"{name} is no time: send seconds, such as 90 or 12.5")
    return seconds
