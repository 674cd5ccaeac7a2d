"""Why a clip gets its answer: what each word, moment of the voice and part of the face adds, in percentage
points of the emotion's probability.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.cli.predict import add_model_arguments
from mmer_core.labels import MODALITY_TITLES, Modality, parse_modality

if TYPE_CHECKING:
    from mmer_core.explanation import Explanation, Face, Sound, Words
    from mmer_core.inference.emotion_model import EmotionModel

_MOMENTS = 3  # the strongest ones that are printed
_WORDS = 12  # of a long text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "clip",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="a video, sound or picture; may be left out with --text",
    )
    parser.add_argument("--text", help="what was said; instead of speech recognition")
    parser.add_argument(
        "--use",
        action="append",
        default=[],
        metavar="MODALITY",
        type=parse_modality,
        help="count only this modality: text, audio or visual; repeatable (default: all)",
    )
    parser.add_argument(
        "--label",
        metavar="EMOTION",
        help="explain the score of this emotion (default: the one that is predicted)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the orders that are drawn (default: 0)")
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from mmer_core.explanation import explain
    from mmer_core.inference.observation import as_clip
    from mmer_core.inference.shipped import load_model

    if args.clip is None and not (args.text or "").strip():
        raise ValueError("nothing to explain: name a clip or give --text")
    clip = as_clip(args.clip, args.text)
    model = load_model(args.checkpoint, args.device)
    use = args.use or model.modalities
    observation = model.observe(clip, use=use)
    explanation = explain(model, observation, use, args.label, seed=args.seed)
    if args.json:
        print(json.dumps(explanation.to_json(), indent=2, ensure_ascii=False))
    else:
        print(describe(explanation, model))
    return 0


def describe(explanation: Explanation, model: EmotionModel) -> str:
    """The explanation as lines for a terminal, without what tells no more than a random one."""
    from mmer_core.explanation import summary, withheld

    held_back = {m: withheld(model, m) for m in explanation.parts}
    shown = [m for m in explanation.telling if not held_back[m]]
    lines = [f"{explanation.label} ({explanation.score:.0%})", summary(explanation, shown)]
    for modality in model.modalities:
        title = f"{MODALITY_TITLES[modality]} ({modality})"
        part = explanation.parts.get(modality)
        if part is None:
            lines += ["", f"{title}: not explained: {explanation.reasons[modality]}"]
            continue
        lines += ["", f"{title}: {_points(part.share)}"]
        if modality in shown:
            lines += [f"  {line}" for line in _PARTS[modality](part)]
        else:
            lines.append(f"  not shown: {held_back[modality] or part.check.reason}")
    return "\n".join(lines)


def _points(value: float) -> str:
    return f"{100 * value:+.1f} points"


def _words(part: Words) -> list[str]:
    """In the order of the text; of a long one those that matter most."""
    strongest = sorted(part.words, key=lambda word: -abs(word.points))[:_WORDS]
    lines = [f"{_points(w.points):>13}  {part.said(w)}" for w in part.words if w in strongest]
    rest = len(part.words) - len(lines)
    return [*lines, *([f"and {rest} more that matter less"] if rest else [])]


def _moments(part: Sound | Face) -> list[str]:
    strongest = sorted(part.moments, key=lambda moment: -abs(moment.points))[:_MOMENTS]
    return [
        f"{_points(m.points):>13}  {m.start:.1f} to {m.end:.1f} s"
        for m in sorted(strongest, key=lambda moment: moment.start)
    ]


def _face(part: Face) -> list[str]:
    from mmer_core.explanation.summary import strongest_region

    lines = _moments(part) if len(part.moments) > 1 else []
    for frame in part.frames:
        region, adds = strongest_region(frame.cells)
        lines.append(f"picture at {frame.time:.1f} s: mostly {region}, {'for' if adds else 'against'} it")
    return lines


_PARTS: dict[Modality, Callable[[Any], list[str]]] = {
    Modality.TEXT: _words,
    Modality.AUDIO: _moments,
    Modality.VISUAL: _face,
}
