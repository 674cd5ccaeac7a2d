"""RAVDESS with words, which it lacks (two fixed sentences): a corpus of words, voice and face, matched by
label.

Voice and action units are really paired: they are of the same clip. Its words are a comment of GoEmotions
(Demszky et al. 2020) with the same label, drawn at random; no comment is used twice, so none is in two folds.
Nobody said these words in these clips. What fuses well here is what each modality knows by itself; how they
go together in people it cannot show.

`python -m recipes.studies.matched_words --data DIR --to DIR` writes the table, encodes it, cross-validates
and leaves the runs without weights, as they are in `checkpoints/runs`. The data are ravdess/audio,
ravdess/face_action_units.csv, ravdess/folds.json, goemotions/train.tsv and goemotions/labels.txt.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mmer_core.corpora import Manifest, read
from mmer_core.corpora.transcripts import near_pairs, normalised
from mmer_core.crossval.cross_validation import cross_validate
from mmer_core.features.extraction import extract
from mmer_core.json_files import write_json
from mmer_core.runs.record import LOCK, MODEL, RECORD
from mmer_core.runs.run import CVRun
from mmer_core.training.request import TrainRequest

TABLE = "ravdess_with_words.csv"
ENCODERS = {"text": "minilm", "audio": "voice_frames", "visual": "given"}
FUSION = ("early", "late_mean", "unimodal")
NOTE = (
    "Matched by label: voice and action units are of the same RAVDESS clip, the words are a GoEmotions "
    "comment with the same label, drawn at random and used once. Nobody said them in these clips."
)


def comments_of(file: Path, classes: Sequence[str]) -> dict[str, list[str]]:
    """{label: its comments with that label alone}, each wording once, in the order of the file.

    Args:
        file: GoEmotions with Ekman's labels: text, index or indices, id, separated by tabs.
        classes: names of the indices.
    """
    found: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    with file.open(encoding="utf-8", newline="") as lines:
        for text, label, *_ in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            wording = " ".join(text.lower().split())
            if label.isdigit() and wording and wording not in seen:
                seen.add(wording)
                found[classes[int(label)]].append(text.strip())
    return dict(found)


def with_words(manifest: Manifest, comments: Mapping[str, Sequence[str]], seed: int = 0) -> pd.DataFrame:
    """The rows of a corpus as a table of one's own, each with a comment of its label that no other row has,
    nor one that differs from it by a word or two.

    Raises:
        ValueError: fewer comments of a label than clips.
    """
    table = manifest.table.rename(columns={"group": "speaker"})
    columns = ["id", "path", "text", "label", "speaker", "visual_features"]
    left = {label: list(own) for label, own in comments.items()}
    while True:
        words = _drawn(table["label"], left, np.random.default_rng(seed))
        keys = words.map(normalised)
        twins = {first for first, _ in near_pairs(sorted(set(keys)))} | set(keys[keys.duplicated()])
        if not twins:
            return table.assign(text=words)[columns]
        left = {label: [c for c in own if normalised(c) not in twins] for label, own in left.items()}


def _drawn(labels: pd.Series, comments: Mapping[str, Sequence[str]], rng: np.random.Generator) -> pd.Series:
    """A comment of its label for each row, none twice."""
    words = pd.Series("", index=labels.index)
    for label, rows in labels.groupby(labels).groups.items():
        own = comments.get(str(label), ())
        if len(own) < len(rows):
            raise ValueError(f"{len(rows)} clips show {label}, and there are only {len(own)} comments of it")
        words[rows] = [own[i] for i in rng.permutation(len(own))[: len(rows)]]
    return words


def ship(run: CVRun) -> None:
    """Take the weights out of a run, say in its record how its corpus was made, and let its request be that
    of this run alone.
    """
    shutil.rmtree(run.path / MODEL, ignore_errors=True)
    (run.path / LOCK).unlink(missing_ok=True)
    notes = [NOTE, *(note for note in run.record["notes"] if note != NOTE)]
    own = [str(m) for m in run.modalities]
    request = TrainRequest.from_json(
        {
            **run.record["request"],
            "encoders": {m: e for m, e in run.record["request"]["encoders"].items() if m in own},
            "fusion": [run.record["fusion"]["name"]],
            "name": "",
            "out": "",
        }
    )
    changed = {"notes": notes, "request": request.to_json(), "command": shlex.join(request.command)}
    write_json(run.path / RECORD, {**run.record, **changed})


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this study."""
    parser = argparse.ArgumentParser(description="Words, voice and face, matched by label.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds ravdess and goemotions")
    parser.add_argument("--to", type=Path, default=Path(), help="folder of the table and of the runs")
    parser.add_argument("--store", type=Path, help="folder of the feature store (default: the usual one)")
    args = parser.parse_args(argv)
    goemotions = args.data / "goemotions"
    classes = (goemotions / "labels.txt").read_text(encoding="utf-8").split()
    clips = read(f"ravdess:{args.data / 'ravdess'}", classes=7)
    args.to.mkdir(parents=True, exist_ok=True)
    table = args.to / TABLE
    with_words(clips, comments_of(goemotions / "train.tsv", classes)).to_csv(table, index=False)
    store = str(args.store) if args.store else ""
    request = TrainRequest.from_json(
        {
            "corpus": str(table),
            "corpus_options": {"root": str(args.data / "ravdess")},
            "encoders": ENCODERS,
            "fusion": FUSION,
            "training": {"modality_dropout": 0.2},
            "folds_file": str(args.data / "ravdess" / "folds.json"),
            "name": "ravdess-7-words",
            "out": str(args.to),
            "store": store,
        }
    )
    encoded = {str(m): encoder for m, encoder in request.encoded.items()}
    extract(read(table, root=str(args.data / "ravdess")), encoded, store=args.store, jobs=1)
    for run in cross_validate(request):
        ship(run)
        full = run.metrics[run.full]
        print(f"{run.name}: accuracy {full['accuracy']}, macro F1 {full['macro_f1']}")


if __name__ == "__main__":
    main()
