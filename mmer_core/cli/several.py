"""`predict` for several files: a line for each, or a list with --json; a file that cannot be read is a line
with its reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.cli.reading import SHOWN
from mmer_core.labels import MODALITY_TITLES, Modality

if TYPE_CHECKING:
    from mmer_core.inference.baseline import Baseline
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.prediction import Prediction


def run(paths: Sequence[Path], args: argparse.Namespace) -> int:
    """Print the answer to each file, those in folders included.

    Returns:
        The exit status: 0, or 2 if any file could not be read.
    """
    from mmer_core.inference.shipped import load_model

    files = list(_files(paths))
    model = load_model(args.checkpoint, args.device)
    baseline = model.baseline(args.baseline) if args.baseline else {}
    listed: list[dict[str, Any]] = []
    failed = 0
    for file in files:
        answer = _answer(model, file, args, baseline)
        failed += isinstance(answer, str)
        if args.json:
            row = {"error": answer} if isinstance(answer, str) else answer.to_json()
            listed.append({"path": str(file), **row})
        else:
            print(f"{file}: {answer if isinstance(answer, str) else in_short(answer)}", flush=True)
    if args.json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))
    if failed:
        print(f"{failed} of {len(files)} files could not be read", file=sys.stderr)
    return 2 if failed else 0


def in_short(prediction: Prediction) -> str:
    """An answer in one line: "joy (62%); words: neutral 50%, voice: joy 81%"."""
    if nothing := nothing_found(prediction):
        return nothing
    alone = [
        f"{MODALITY_TITLES[m].lower()}: {own.label} {own.probabilities[own.label]:.0%}"
        for m, own in prediction.modalities.items()
        if own.present and own.probabilities and own.label
    ]
    unsure = "unsure, perhaps " if prediction.unsure else ""
    answer = f"{unsure}{prediction.label} ({prediction.probability:.0%})"
    return f"{answer}; {', '.join(alone)}" if alone else answer


def nothing_found(prediction: Prediction) -> str:
    """A sentence for a clip in which nothing was found, with what was looked for; "" for others."""
    from mmer_core.inference.observation import SWITCHED_OFF

    absences = prediction.absences
    if prediction.used or set(absences.values()) == {SWITCHED_OFF}:
        return ""
    looked_for = "; ".join(f"{title}: {reason}" for title, reason in absences.items())
    return (
        f"nothing to read ({looked_for}): give a clip in which a person is seen or heard, or the words "
        "with --text"
    )


def _answer(
    model: EmotionModel, file: Path, args: argparse.Namespace, baseline: Mapping[Modality, Baseline]
) -> Prediction | str:
    """The prediction for one file, or the reason why there is none."""
    from mmer_core.media import loading

    use = [m for m in model.modalities if m not in args.without]
    try:
        clip = loading.load_clip(file).after(args.before)
        return model.fuse(model.with_baseline(model.observe(clip, use=use), baseline), use)
    except (loading.MediaError, OSError) as error:
        return f"not read: {error}"


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that are named, and for each folder those below it that may be clips; the others are counted
    on stderr.
    """
    from mmer_core.corpora.files import MEDIA_SUFFIXES, all_files

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = list(all_files(path))
        clips = [file for file in found if file.suffix.lower() in MEDIA_SUFFIXES]
        others = Counter(file.suffix.lower() or "no ending" for file in found if file not in set(clips))
        if others:
            kinds = ", ".join(f"{count} × {suffix}" for suffix, count in others.most_common(SHOWN))
            print(f"left out of {path}: {kinds}", file=sys.stderr)
        if not clips:
            raise ValueError(
                f"{path} holds no video, sound or picture: name a folder of clips, or the files themselves"
            )
        yield from clips
