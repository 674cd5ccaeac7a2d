"""Say which emotion a clip, sound, picture or text shows, which modalities say so, and how sure the model is."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.labels import MODALITY_TITLES, parse_modality

if TYPE_CHECKING:
    from mmer_core.prediction import Prediction
    from mmer_core.predictor import Observation, Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, nargs="?", help="video, sound or picture; may be left out when --text is given")
    parser.add_argument("--text", help="what was said; instead of speech recognition")
    parser.add_argument("--before", action="append", default=[], metavar="TEXT", help="a turn said before it; repeatable, oldest first")
    parser.add_argument(
        "--without", action="append", default=[], metavar="MODALITY", type=parse_modality, help="switch off text, audio or visual; repeatable"
    )
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, metavar="DIR", help="the model (default: the shipped one)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from mmer_core.media import load_clip, text_clip
    from mmer_core.predictor import Predictor

    if args.clip is None and not (args.text or "").strip():
        raise ValueError("nothing to analyse: name a clip or give --text")
    started = time.perf_counter()
    clip = text_clip(args.text) if args.clip is None else load_clip(args.clip, text=args.text)
    clip = clip.after(args.before)
    decoded = time.perf_counter()
    predictor = Predictor.load(args.checkpoint)
    loaded = time.perf_counter()
    use = [m for m in predictor.modalities if m not in args.without]
    observation = predictor.observe(clip, use=use)
    prediction = predictor.fuse(observation, use)
    prediction.timings.update({"decode": decoded - started, "load": loaded - decoded})
    if args.json:
        print(json.dumps(prediction.to_json(), indent=2, ensure_ascii=False))
        return 0
    print(describe(prediction))
    if changing := _how_it_changes(predictor, observation):
        print(f"\n{changing}")
    return 0


def _how_it_changes(predictor: Predictor, observation: Observation) -> str:
    """A sentence for a clip that goes from one emotion to another; "" for others."""
    from mmer_core.sliding_windows import fuse, has_timeline, look
    from mmer_core.timeline import changes_sentence

    return changes_sentence(fuse(predictor, look(predictor, observation))) if has_timeline(observation) else ""


def describe(prediction: Prediction) -> str:
    """The prediction as a few lines for a terminal."""
    lines = [f"{'unsure, perhaps ' if prediction.unsure else ''}{prediction.label} ({prediction.probability:.0%})", ""]
    lines += [f"  {name:<9} {p:5.1%} {'█' * round(30 * p)}" for name, p in sorted(prediction.probabilities.items(), key=lambda item: -item[1])]
    lines.append("")
    for modality, opinion in prediction.modalities.items():
        title = f"{MODALITY_TITLES[modality].lower()} ({modality})"
        if opinion.present and opinion.probabilities and opinion.label:
            says = f"{opinion.label} {opinion.probabilities[opinion.label]:.0%}, moved the answer by {prediction.contributions[modality]:+.0%}"
            says += f", softened {opinion.softened:.1f}-fold as it is unlike the training data" if opinion.softened >= 1.05 else ""
        else:
            says = f"not used: {opinion.reason}"
        lines.append(f"  {title:<17} {says}")
    lines += [f"\nNote: {note}" for note in prediction.notes]
    return "\n".join(lines)
