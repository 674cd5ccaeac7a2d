"""Why a request is not answered: an HTTP status and one sentence."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """The request is refused.

    Attributes:
        status: of the answer.
        sentence: what happened and what to do next.
        headers: of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})


class ClientLeft(Exception):
    """The client closed the connection: there is nobody to answer."""


def later(status: int, sentence: str, seconds: int) -> Refusal:
    """A refusal that says when to try again."""
    return Refusal(status, sentence, {"Retry-After": str(seconds)})
