"""Predict the emotion in clips, sounds, pictures or a text: the answer, each modality's share, the certainty.

One clip is told at length; of several, and of those in a folder, each has a line. The exit status is 2 if any
of them could not be read.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mmer_core.cli import several, utterances
from mmer_core.labels import MODALITY_TITLES, Modality, parse_modality
from mmer_core.media import language
from mmer_core.media.places import place_of
from mmer_core.media.recogniser import RECOGNISERS, VARIABLE, SpeechUnavailable, check_usable

if TYPE_CHECKING:
    from mmer_core.clip import Clip
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation
    from mmer_core.inference.prediction import Prediction

T = TypeVar("T")
AT_ONCE = 0.1  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "clips",
        type=place_of,
        nargs="*",
        metavar="CLIP",
        help="videos, sounds, pictures, folders of them, patterns, or tables (.csv, .tsv) with a column "
        "path; with --out also URLs such as s3://bucket/clip.mp4; may be left out when --text is given",
    )
    parser.add_argument("--text", help="what was said; instead of speech recognition")
    parser.add_argument(
        "--before",
        action="append",
        default=[],
        metavar="TEXT",
        help="a turn of the conversation before it; repeatable, oldest first",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="MODALITY",
        type=parse_modality,
        help="switch off text, audio or visual; repeatable",
    )
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="FILE",
        type=Path,
        help="a sound or clip in which the person of the clips speaks as usual, about ten seconds: the voice "
        "is compared with it, in place of the average training speaker; repeatable",
    )
    parser.add_argument(
        "--words-from",
        choices=tuple(RECOGNISERS),
        help="what hears the words (default: moonshine, or what MMER_WORDS_FROM names); whisper-base hears "
        "them better, also in other languages, where its files are on this machine",
    )
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    several.add_arguments(parser)
    utterances.add_arguments(parser)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which model answers, and where it computes."""
    parser.add_argument(
        "--checkpoint",
        default="default",
        metavar="MODEL",
        help="the model: default, large, its folder, or that of a run (default: the shipped one)",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute (default: auto)",
    )


def run(args: argparse.Namespace) -> int:
    from mmer_core.inference.memory import keep_little
    from mmer_core.inference.shipped import load_model

    keep_little()
    _hear_with(args.words_from)
    if args.utterances:
        return utterances.run(args)
    if args.speakers:
        raise ValueError("--speakers is for recordings: add --utterances")
    if not args.clips and not (args.text or "").strip():
        raise ValueError("nothing to analyse: name a clip or give --text")
    cut = args.start is not None or args.end is not None
    if cut and not args.clips:
        raise ValueError("--start and --end are for a clip: name one, or leave them out")
    if args.out or len(args.clips) > 1 or any(map(several.is_several, args.clips)):
        if args.text is not None:
            raise ValueError("--text says what was said in one clip: name one, or leave --text out")
        if cut:
            raise ValueError("--start and --end are for one clip: name one, or leave them out")
        return several.run(args.clips, args)
    wanted = None if args.clips or args.baseline else {Modality.TEXT}
    with ThreadPoolExecutor(2, thread_name_prefix="beside") as beside:
        if Modality.TEXT not in args.without:
            beside.submit(language.prepare)
        decoding = beside.submit(_timed, lambda: _clip_of(args))  # in a process of its own, while torch loads
        with contextlib.suppress(TimeoutError):
            decoding.result(AT_ONCE)  # a file that is not there is told before anything is loaded
        model, loading = _timed(lambda: load_model(args.checkpoint, args.device, wanted))
        clip, decoded = decoding.result()
    use = [m for m in model.modalities if m not in args.without]
    baseline = model.baseline(args.baseline) if args.baseline else {}
    observation = model.with_baseline(model.observe(clip, use=use), baseline)
    prediction = model.fuse(observation, use)
    prediction.timings.update({"decode": decoded, "load": loading})
    if args.json:
        print(json.dumps(prediction.to_json(), indent=2, ensure_ascii=False))
        return 0
    if nothing := several.nothing_found(prediction):
        print("\n".join([sentence(nothing), *(f"\nNote: {note}" for note in observation.clip.notes)]))
        return 0
    print(describe(prediction, observation.clip.text or "" if observation.transcribed else ""))
    if changing := _changes(model, observation):
        print(f"\n{changing}")
    return 0


def _clip_of(args: argparse.Namespace) -> Clip:
    """The clip or the words that are named, behind the turns before them."""
    from mmer_core.media.loading import load_clip, text_clip

    if not args.clips:
        return text_clip(args.text).after(args.before)
    clip = load_clip(args.clips[0], text=args.text, start=args.start, end=args.end)
    return clip.after(args.before)


def _timed(do: Callable[[], T]) -> tuple[T, float]:
    """What a function returns, and the seconds that it took."""
    started = time.perf_counter()
    return do(), time.perf_counter() - started


def _hear_with(words_from: str | None) -> None:
    """Let this process, and those that it starts, hear words with a recogniser, if one is asked for.

    Raises:
        ValueError: it is not on this machine.
    """
    if words_from is None:
        return
    try:
        check_usable(words_from)
    except SpeechUnavailable as reason:
        raise ValueError(str(reason)) from reason
    os.environ[VARIABLE] = words_from


def _changes(model: EmotionModel, observation: Observation) -> str:
    """A sentence for a clip that goes from one emotion to another; "" for others."""
    from mmer_core.inference.timeline import changes_sentence
    from mmer_core.inference.windows import fuse, has_timeline, score_windows

    if not has_timeline(observation):
        return ""
    return changes_sentence(fuse(model, score_windows(model, observation)))


def sentence(text: str) -> str:
    """The text with a large first letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def describe(prediction: Prediction, heard: str = "") -> str:
    """The prediction as a few lines for a terminal.

    Args:
        prediction: the answer.
        heard: the words that speech recognition found; "" where there are none or a person gave them.
    """
    lines = [
        f"{'unsure, perhaps ' if prediction.unsure else ''}{prediction.label} ({prediction.probability:.0%})",
        *([f"Heard: {heard}"] if heard else []),
        "",
    ]
    lines += [
        f"  {name:<9} {p:5.1%} {'█' * round(30 * p)}"
        for name, p in sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    ]
    lines.append("")
    for modality, own in prediction.modalities.items():
        title = f"{MODALITY_TITLES[modality].lower()} ({modality})"
        if own.present and own.probabilities and own.label:
            text = (
                f"{own.label} {own.probabilities[own.label]:.0%}, moved the answer by "
                f"{prediction.contributions[modality]:+.0%}"
            )
            if own.temperature >= 1.05:
                text += f", temperature {own.temperature:.1f} as it is unlike the training data"
        else:
            text = f"not used: {own.reason}"
        lines.append(f"  {title:<17} {text}")
    lines += [f"\nNote: {_with_flag(note)}" for note in prediction.notes]
    return "\n".join(lines)


def _with_flag(note: str) -> str:
    """The note, with the option by which a person can follow it."""
    from mmer_core.inference.answer import AVERAGE_SPEAKER

    return f"{note.removesuffix('.')} (--baseline FILE)." if note == AVERAGE_SPEAKER else note
