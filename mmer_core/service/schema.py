"""The answers as OpenAPI describes them; `Prediction.to_json` makes them, and a test holds both together."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mmer_core.service.asked import SentencesBody

ANSWER, LISTED, UNREAD, PROBLEM = "Answer", "ListedAnswer", "Unread", "Problem"


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UnimodalAnswer(_Described):
    """What one modality says alone."""

    present: bool
    reason: str | None = Field(description="Why it is absent; null where it is present.")
    probabilities: dict[str, float] | None
    weight: float = Field(description="Its share of the decision, 0 to 1.")
    temperature: float = Field(description="Above 1 where the input is unlike the training data.")


class ModelName(_Described):
    """The model that answered."""

    name: str
    sha256: str


class Answer(_Described):
    """The answer to one clip or sentence, as `mmer predict --json` prints it."""

    label: str = Field(description="The most probable class.")
    probability: float
    unsure: bool = Field(description="The probability is below unsure_below: do not rely on the label.")
    unsure_below: float
    coverage: float = Field(description="Share of held-out answers that reached unsure_below.")
    probabilities: dict[str, float]
    modalities: dict[str, UnimodalAnswer]
    subsets: dict[str, dict[str, float]] = Field(
        description="The answer with every subset of what is present, by names such as text+audio."
    )
    contributions: dict[str, float] = Field(description="Shapley value of each modality on probability.")
    baseline: str = Field(description="What the voice was compared with.")
    notes: list[str]
    warnings: list[str]
    timings: dict[str, float] = Field(description="Seconds by step.")
    model: ModelName


class ListedAnswer(Answer):
    """The answer to one file of several."""

    path: str = Field(description="The file's name.")


class Unread(_Described):
    """Why one of several cannot be read."""

    path: str | None = Field(None, description="The file's name; sentences have none.")
    error: str


class Problem(_Described):
    """Why a request is not answered, in one sentence."""

    error: str


def components() -> dict[str, Any]:
    """{name: JSON schema} of everything above."""
    from pydantic.json_schema import models_json_schema

    kinds = (Answer, ListedAnswer, Unread, Problem, SentencesBody)
    _, schema = models_json_schema(
        [(kind, "validation") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Any] = schema["$defs"]
    return found


def ref(name: str) -> dict[str, str]:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of these statuses, each with one sentence."""
    return {status: _json(REFUSED[status], ref(PROBLEM)) for status in statuses}


REFUSED = {
    401: "The token is missing or wrong.",
    408: "The request came in too slowly.",
    413: "The request is too large.",
    415: "It is neither a form nor JSON.",
    422: "It cannot be read; the sentence says why.",
    429: "Too many requests are waiting; Retry-After says when to try again.",
    503: "The model is being loaded, the answer takes too long, or the service shuts down.",
}
_FILE = {"type": "string", "format": "binary"}
_USE = {"type": "string", "description": "Modalities that count, such as text,audio; all by default."}
PREDICT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _json(
        "An object for one, a list for several.",
        {
            "anyOf": [
                ref(ANSWER),
                {"type": "array", "items": {"anyOf": [*map(ref, (ANSWER, LISTED, UNREAD))]}},
            ]
        },
    ),
    **refusals(*REFUSED),
}
PREDICT_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": ref("SentencesBody")},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {**_FILE, "description": "One clip; the answer is an object."},
                    "files": {
                        "type": "array",
                        "items": _FILE,
                        "description": "Several clips; the answer is a list.",
                    },
                    "text": {"type": "string", "description": "What was said in the one clip."},
                    "before": {"type": "array", "items": {"type": "string"}},
                    "use": _USE,
                    "baseline": {
                        "type": "array",
                        "items": _FILE,
                        "description": "Files in which the person speaks as usual, about ten seconds.",
                    },
                },
            }
        },
    },
}
RECORDING_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": _FILE,
                    "use": _USE,
                    "start": {"type": "number", "minimum": 0},
                    "end": {"type": "number", "minimum": 0},
                    "speakers": {"type": "boolean", "default": False},
                },
            }
        }
    },
}
RECORDING_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines of JSON, told apart by event: progress (stage, done, of, left, in seconds), "
        "utterance (start, end, speaker, overlapped, words, spoken, prediction, reason), at last summary, or "
        "error with one sentence.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    },
    **refusals(*(status for status in REFUSED if status != 415)),
}
