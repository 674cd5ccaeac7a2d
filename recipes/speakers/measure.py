"""The error rate of telling speakers apart, by number of people, beside answers that listen to nothing."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.speakers import diarise
from recipes.speakers.conversations import Conversation, conversations, recordings
from recipes.speakers.error_rate import Errors, Turns, errors

CHOOSING, TESTING = 0, 1  # halves of the speakers
_BLOCK = 2.0  # seconds that the random answer gives to one speaker


@dataclass(frozen=True)
class Result:
    """One conversation.

    Attributes:
        name: its own.
        corpus: of its recordings.
        people: how many speak.
        found: how many speakers the answer has.
        answers: {"found", "one", "random": errors}.
        seconds: of sound.
        took: seconds for the answer.
    """

    name: str
    corpus: str
    people: int
    found: int
    answers: dict[str, Errors]
    seconds: float
    took: float


def measure(made: Iterable[Conversation]) -> list[Result]:
    """The answers to conversations, one after another."""
    results = []
    for conversation in made:
        began = time.perf_counter()
        answer = diarise(conversation.waveform)
        took = time.perf_counter() - began
        truth = [(s.start, s.end, s.speaker) for s in conversation.truth]
        speech = [(turn.start, turn.end, turn.speaker) for turn in answer.turns]
        answers = {
            "found": errors(truth, speech),
            "one": errors(truth, one_speaker(speech)),
            "random": errors(truth, random_speakers(speech, conversation.people)),
        }
        seconds = len(conversation.waveform) / SAMPLE_RATE
        facts = conversation.name, conversation.corpus, conversation.people
        results.append(Result(*facts, answer.speakers, answers, seconds, took))
        print(
            f"{conversation.name}: {100 * answers['found'].rate:.1f} %, {answer.speakers} found", flush=True
        )
    return results


def one_speaker(speech: Turns) -> list[tuple[float, float, int]]:
    """The same speech, all one person's."""
    joined: list[tuple[float, float, int]] = []
    for start, end, _ in sorted(speech, key=lambda turn: turn[:2]):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1]), 0
        else:
            joined.append((start, end, 0))
    return joined


def random_speakers(speech: Turns, people: int) -> list[tuple[float, float, int]]:
    """The same speech, drawn every two seconds from the right number of people; always the same."""
    rng = np.random.default_rng(people)
    found = []
    for start, end, _ in one_speaker(speech):
        edges = [*np.arange(start, end, _BLOCK), end]
        found += [(a, b, int(rng.integers(people))) for a, b in pairwise(edges)]
    return found


def table(results: Sequence[Result]) -> str:
    """The error rates in percent as a Markdown table: pooled over conversations, by number of people."""
    lines = [
        "| people | conversations | minutes | missed | invented | confused | **error rate** | one speaker "
        "| at random | right number |",
        "| --- |" + " --- |" * 9,
    ]
    several = [r for r in results if r.people > 1]
    groups = {str(n): [r for r in results if r.people == n] for n in sorted({r.people for r in results})}
    groups["2 to 6"] = several
    for corpus in sorted({r.corpus for r in several}):
        groups[f"2 to 6, {corpus}"] = [r for r in several if r.corpus == corpus]
    lines += [_row(name, chosen) for name, chosen in groups.items() if chosen]
    return "\n".join(lines)


def _row(name: str, chosen: Sequence[Result]) -> str:
    pooled = {kind: sum((r.answers[kind] for r in chosen), Errors()) for kind in ("found", "one", "random")}
    found = pooled["found"]
    parts = [100 * part / max(found.speech, 1e-9) for part in (found.missed, found.invented, found.confused)]
    right = sum(r.found == r.people for r in chosen)
    cells = [
        name,
        str(len(chosen)),
        f"{sum(r.seconds for r in chosen) / 60:.0f}",
        *(f"{part:.1f}" for part in parts),
        f"**{100 * found.rate:.1f}**",
        *(f"{100 * pooled[kind].rate:.1f}" for kind in ("one", "random")),
        f"{right} of {len(chosen)}",
    ]
    return f"| {' | '.join(cells)} |"


def measure_speakers(data: Path, work: Path, *, seed: int, each: int, turns: int, part: int) -> None:
    """Measure on `each` conversations for each number of people, in which everybody has `turns` turns on
    average; print the table, and write it with the results to the folder `work`.
    """
    results = measure(conversations(recordings(data, part), each, seed, turns))
    text = table(results)
    speed = sum(r.took for r in results) / max(sum(r.seconds for r in results), 1e-9)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text += f"\n\nReal-time factor {speed:.3f}; most memory of the process {memory:.0f} MB."
    rows = [
        {"name": r.name, "people": r.people, "found": r.found, "rate": r.answers["found"].rate}
        for r in results
    ]
    name = "speakers" if part == TESTING else "speakers_choosing"
    (work / f"{name}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (work / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    print(text)
