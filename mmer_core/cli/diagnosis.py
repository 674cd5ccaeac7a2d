"""What works on this machine and what is missing: one finding for each thing that is looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError

from mmer_core.cli import checks
from mmer_core.cli.checks import Missing

MODEL = "shipped model"
log = logging.getLogger(__name__)


class State(StrEnum):
    """The state of one thing."""

    WORKS = "works"
    OPTIONAL = "optional"  # missing, or only to be known: everything else runs without it
    BROKEN = "broken"


MARKS = {State.WORKS: "✓", State.OPTIONAL: "–", State.BROKEN: "✗"}


@dataclass(frozen=True)
class Finding:
    """One line: the thing, its state, and a sentence."""

    name: str
    state: State
    text: str

    def __str__(self) -> str:
        return f"{MARKS[self.state]} {self.name}: {self.text}"

    def to_json(self) -> dict[str, str]:
        """Return the fields as a JSON object."""
        return {"name": self.name, "state": self.state.value, "text": self.text}


def examine() -> Iterator[Finding]:
    """Yield the findings, quick ones first. Asks no network."""
    yield _finding("Python", checks.python)
    yield _finding("torch", checks.torch)
    yield _finding("app", checks.app, optional=True)
    yield _finding("media", checks.media)
    yield _finding("face detector", checks.face_detector)
    yield _finding("speech recognition", checks.speech_recognition)
    yield _finding("Whisper base", checks.whisper_base, optional=True)
    yield _finding(MODEL, checks.shipped_model)
    yield from _encoders()
    for sentence in checks.plug_in_problems():
        yield Finding("plug-in", State.BROKEN, sentence)
    yield _finding("local weights", checks.local_weights, optional=True)
    yield Finding(
        "camera and microphone",
        State.OPTIONAL,
        "a browser offers them on http://localhost, and elsewhere only over https",
    )
    yield _finding("runs", checks.runs)
    yield _finding("features", checks.features)
    yield _finding("disk", checks.disk)
    yield _finding("browser tests", checks.browser, optional=True)


def answers(findings: list[Finding]) -> bool:
    """Whether the shipped model gave an answer."""
    return any(finding.name == MODEL and finding.state is State.WORKS for finding in findings)


def _encoders() -> Iterator[Finding]:
    from mmer_core.encoders import ENCODERS

    shipped = checks.shipped_encoders()
    for entry in ENCODERS.entries():
        name = entry.name
        yield _finding(
            f"encoder {name}",
            lambda name=name: checks.encoder(name),  # type: ignore[misc]
            optional=name not in shipped,
        )


def _finding(name: str, check: Callable[[], str], *, optional: bool = False) -> Finding:
    """Run one check; whatever it throws becomes a finding."""
    try:
        return Finding(name, State.WORKS, check())
    except Missing as reason:
        return Finding(name, State.OPTIONAL, str(reason))
    except PackageNotFoundError as error:
        text = f"the package {error.name} is not installed: {checks.INSTALL}"
        return Finding(name, State.OPTIONAL if optional else State.BROKEN, text)
    except Exception as error:
        # a broken installation can throw anything, from any library
        log.debug("%s does not work", name, exc_info=True)
        message = str(error).strip().splitlines()
        text = message[0] if message else type(error).__name__
        return Finding(name, State.OPTIONAL if optional else State.BROKEN, text)
