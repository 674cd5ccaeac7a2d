"""Measure which face is taken for the speaker's: `python -m recipes.active_speaker --data DIR`.

Weights are fitted with whole sources left out: those of a scene never come from the silent people in it, nor
from the half of the speaker's seconds on which it is measured. The shipped ones are measured beside.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmer_core.media.active_speaker import (
    ALONE_TIED,
    TIED,
    WEIGHTS,
    Evidence,
    evidence,
    probabilities,
    with_voice,
)
from recipes.active_speaker.scenes import SILENT, SPEAKER, Scene, read_sources, read_voices, scenes
from recipes.command import recipe_parser, run_recipe

LENGTHS = (2.0, 4.0)  # seconds of a stretch
HOP = 0.5  # seconds from one stretch to the next
_RIDGE = 1.0


@dataclass(frozen=True)
class Stretch:
    """A stretch of a scene: whose faces, what each says, who speaks, and in which half of the scene."""

    names: tuple[str, ...]
    faces: tuple[Evidence | None, ...]
    truth: str | None
    sound: str
    half: int


def stretches(scene: Scene, length: float) -> list[Stretch]:
    """The stretches of a scene that lie in one half of it."""
    middle, found = scene.seconds / 2, []
    for half in (0, 1):
        first, last = half * middle, (half + 1) * middle
        for start in np.arange(first, last - length + 1e-6, HOP):
            faces = tuple(evidence(m, scene.waveform, start, start + length) for m in scene.moved)
            found.append(Stretch(scene.names, faces, scene.truth, scene.sound, half))
    return found


def fitted(among: Sequence[Stretch]) -> tuple[float, float, float]:
    """Weights of the movement by logistic regression, the correlation with the voice being given; each person
    counts the same, and the speaker as much as all others.
    """
    rows, given, speaks, whose = [], [], [], []
    for stretch in among:
        for name, face in zip(stretch.names, stretch.faces, strict=True):
            if face is not None and len(stretch.names) == 1 and not (name == SPEAKER and not stretch.truth):
                rows.append((face.mouth, face.own, 1.0))
                given.append(with_voice(face))
                speaks.append(name == stretch.truth)
                whose.append(name)
    x, offset, y = np.array(rows), np.array(given), np.array(speaks, dtype=float)
    counts = {name: whose.count(name) for name in set(whose)}
    weight = np.array([40 / counts[n] * (len(counts) - 1 if n == SPEAKER else 1) for n in whose])
    w = np.zeros(3)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w + offset, -30, 30)))
        gradient = x.T @ (weight * (p - y)) + _RIDGE * w
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(3)
        w = w - np.linalg.solve(curve, gradient)
    return float(w[0]), float(w[1]), float(w[2])


def answer(stretch: Stretch, weights: Sequence[float]) -> np.ndarray:
    """The probability of each face."""
    odds = [
        0.0 if f is None else weights[0] * f.mouth + weights[1] * f.own + weights[2] + with_voice(f)
        for f in stretch.faces
    ]
    return probabilities(odds)


def figures(told: Sequence[tuple[Stretch, np.ndarray]]) -> dict[str, float]:
    """Shares of the stretches: the right face, a wrong one, and unknown; and how far the probability of the
    likeliest face is from how often it is right (Brier score, expected calibration error in five bins).
    """
    best = [int(p.argmax()) for _, p in told]
    top = np.array([p.max() for _, p in told])
    least = np.array([ALONE_TIED if len(s.names) == 1 else TIED for s, _ in told])
    hit = np.array([s.names[b] == s.truth for (s, _), b in zip(told, best, strict=True)])
    tied, bins = top >= least, np.minimum((top * 5).astype(int), 4)
    error = sum(abs(top[bins == b].mean() - hit[bins == b].mean()) * (bins == b).mean() for b in set(bins))
    return {
        "stretches": len(told),
        "right": round(float((tied & hit).mean()), 3),
        "wrong": round(float((tied & ~hit).mean()), 3),
        "unknown": round(float((~tied).mean()), 3),
        "brier": round(float(np.square(top - hit).mean()), 3),
        "calibration_error": round(float(error), 3),
    }


def left_out(everything: Sequence[Stretch]) -> list[tuple[Stretch, np.ndarray]]:
    """Every stretch, answered with weights from other sources and the other half of the speaker's seconds."""
    told, known = [], {}
    for stretch in everything:
        unseen = tuple(sorted(set(stretch.names) & set(SILENT)))
        key = unseen, stretch.half
        if key not in known:
            others = [s for s in everything if not set(s.names) & set(unseen)]
            among = [s for s in others if s.half != stretch.half or s.truth is None]
            known[key] = fitted(among) if any(set(s.names) & set(SILENT) for s in among) else None
        weights = known[key]
        if weights is not None:
            told.append((stretch, answer(stretch, weights)))
    return told


def report(told: Sequence[tuple[Stretch, np.ndarray]]) -> dict[str, dict[str, float]]:
    """`figures` by number of people and kind of sound."""
    kinds = {"own": "the speaker's own sound", "shifted": "the same, moved", "foreign": "another voice"}
    found = {}
    for count in (1, 2, 3):
        for kind, name in kinds.items():
            for there in (True, False):
                rows = [
                    (s, p)
                    for s, p in told
                    if len(s.names) == count and s.sound == kind and (SPEAKER in s.names) == there
                ]
                if rows:
                    who = "with the speaker in view" if there else "silent people only"
                    found[f"{count} in view, {who}, {name}"] = figures(rows)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = recipe_parser("Measure which face is taken for the speaker's.", "clips, ravdess and emodb")

    def measure(args) -> None:  # type: ignore[no-untyped-def]
        sources, own = read_sources(args.data / "clips")
        seconds = len(sources[SPEAKER].frames) / 4
        made = list(scenes(sources, own, read_voices(args.data, seconds, args.seed)))
        for length in LENGTHS:
            everything = [s for scene in made for s in stretches(scene, length)]
            shipped = [(s, answer(s, WEIGHTS)) for s in everything]
            outside = left_out(everything)
            print(f"stretches of {length:g} s, fitted on all: {np.round(fitted(everything), 2).tolist()}")
            print(json.dumps({"left out": report(outside), "all left out": figures(outside)}, indent=1))
            print(json.dumps({"shipped": report(shipped), "all shipped": figures(shipped)}, indent=1))

    run_recipe(parser, argv, measure)


if __name__ == "__main__":
    main()
