"""`predict --utterances`: a line for each utterance of a recording of up to three hours, then a summary; of
several recordings one after the other, or with --out a table of all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.cli import several
from mmer_core.media.places import is_url

if TYPE_CHECKING:
    from mmer_core.batch.inputs import Input
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.recordings import Progress, Recording, Utterance
    from mmer_core.recordings.speakers import Listening

NEEDED = "with --utterances: "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags for recordings."""
    parser.add_argument(
        "--utterances",
        action="store_true",
        help="read recordings of up to 3 hours utterance by utterance; with --out write a table (.csv, "
        ".parquet) or, of one recording, .json, subtitles (.srt, .vtt), annotations (.eaf, .TextGrid) or the "
        "video itself with boxes and captions (.mp4, .mkv)",
    )
    parser.add_argument("--start", type=seconds, metavar="S", help="begin at this time (90 or 1:30)")
    parser.add_argument("--end", type=seconds, metavar="S", help="end at this time")
    parser.add_argument(
        "--speakers",
        action="store_true",
        help=NEEDED + "tell speakers apart; their numbers are final when the end is reached",
    )


def seconds(text: str) -> float:
    """Seconds from "90", "1:30" or "0:01:30".

    Raises:
        argparse.ArgumentTypeError: it is no time.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < float("inf") for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write seconds, or minutes:seconds")
    total = 0.0
    for part in parts:
        total = 60 * total + part
    return total


def run(args: argparse.Namespace) -> int:
    """Print the utterances of recordings, or write them.

    Returns:
        The exit status: 0; 2 if a recording could not be read to its end; 130 when interrupted.
    """
    unfit = [flag for flag in ("text", "before", "baseline") if getattr(args, flag)]
    if unfit:
        raise ValueError(f"--{unfit[0]} does not go with --utterances: leave it out")
    if not args.clips:
        raise ValueError("--utterances reads recordings: name a file, a folder or a table of files")
    if len(args.clips) == 1 and not several.is_several(args.clips[0]) and not _scaled(args):
        return _one(args.clips[0], args)
    return _many(args)


def _scaled(args: argparse.Namespace) -> bool:
    """Whether a table is asked for as of many recordings: elsewhere than on this machine."""
    return args.backend != "local" or isinstance(args.out, str)


def _one(path: Path, args: argparse.Namespace) -> int:
    from mmer_core.inference.shipped import load_model
    from mmer_core.recordings import Progress, forget
    from mmer_core.recordings.exports import check_target, write

    if args.out is not None:
        check_target(args.out, overwrite=args.overwrite, source=path)
    model = load_model(args.checkpoint, args.device)
    printer = _Printer(quiet=args.json)
    try:
        recording = _read(path, model, args, printer)
        if args.out is not None:
            seconds = recording.end - recording.start
            notes = write(
                recording,
                args.out,
                overwrite=args.overwrite,
                source=path,
                progress=lambda done: printer.progress(Progress("video", done, seconds, None)),
            )
            recording = replace(recording, notes=(*recording.notes, *notes))
    except KeyboardInterrupt:
        printer.clear()
        print(_interrupted(printer.told, args.out), file=sys.stderr)
        return 130
    printer.clear()
    if args.out is not None:
        forget(args.out)
        print(f"wrote {args.out}: {len(recording.utterances)} utterances", file=sys.stderr)
    _finish(recording, args.json)
    return 0 if recording.complete else 2


def _read(path: Path, model: EmotionModel, args: argparse.Namespace, printer: _Printer) -> Recording:
    from mmer_core.recordings import read_recording

    return read_recording(
        path,
        model,
        start=args.start or 0.0,
        end=args.end,
        use=[m for m in model.modalities if m not in args.without],
        speakers=_listening if args.speakers else None,
        progress=printer.progress,
        found=printer.line,
        journal=args.out,
    )


def _many(args: argparse.Namespace) -> int:
    """The utterances of several recordings, in one table or one after the other."""
    from mmer_core.inference.shipped import folder_of
    from mmer_core.recordings.exports.many import UtteranceReading

    files = several.files_of(args.clips)
    if any(given.text for given in files):
        print("the words in the table are not used: those of each utterance are recognised", file=sys.stderr)
        files = [replace(given, text=None) for given in files]
    if args.out is None:
        if any(is_url(given.path) for given in files):
            raise ValueError("recordings at URLs are read into a table: add --out TABLE")
        return several.status(_one_by_one(files, args), len(files), to_the_end=True)
    reading = UtteranceReading(
        folder_of(args.checkpoint).absolute(),
        args.device,
        tuple(args.without),
        args.start or 0.0,
        args.end,
        _listening if args.speakers else None,
    )
    return several.write_table(files, reading, args)


def _one_by_one(files: Sequence[Input], args: argparse.Namespace) -> int:
    """Print the utterances of each file; how many files could not be read to their end."""
    from mmer_core.batch.rows import not_read
    from mmer_core.inference.shipped import load_model
    from mmer_core.media.loading import MediaError
    from mmer_core.recordings.exports.document import text_of

    model = load_model(args.checkpoint, args.device)
    listed: list[dict[str, Any]] = []
    failed = 0
    for given in files:
        printer = _Printer(quiet=args.json)
        if not args.json:
            print(f"{given.path}:", flush=True)
        try:
            recording = _read(Path(given.path), model, args, printer)
        except MediaError as error:
            printer.clear()
            failed += 1
            listed.append({"path": given.path, "error": not_read(str(error))})
            if not args.json:
                print(f"{not_read(str(error))}\n")
            continue
        printer.clear()
        failed += not recording.complete
        listed.append({"path": given.path, **json.loads(text_of(recording))})
        if not args.json:
            _finish(recording, as_json=False)
            print()
    if args.json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))
    return failed


def _listening() -> Listening:
    """What tells the speakers of one recording apart; at the top of a module, so that it can be pickled."""
    from mmer_core.media.speakers import SpeakerStream, WeightsUnavailable

    try:
        return SpeakerStream()
    except WeightsUnavailable as error:
        raise ValueError(f"{error}; leave --speakers out to read without") from error


def _interrupted(count: int, out: Path | None) -> str:
    if out is None:
        return f"interrupted after {count} utterances"
    return f"interrupted after {count} utterances, which are kept: the same command goes on from there"


def _finish(recording: Recording, as_json: bool) -> None:
    from mmer_core.recordings.exports.document import text_of
    from mmer_core.recordings.summary import summarise

    if as_json:
        print(text_of(recording))
        return
    sentences = summarise(recording).sentences
    print("\n".join(["", *sentences, *(f"Note: {note}." for note in recording.notes)]))


def describe(utterance: Utterance) -> str:
    """An utterance in one line: "0:12.3–0:15.0 Speaker 1 joy 62% [face 1, 98%] “words”"."""
    from mmer_core.clock import clock
    from mmer_core.recordings.exports.captions import answer_of, face_of, speaker_of

    parts = [f"{clock(utterance.start)}–{clock(utterance.end)}"]
    if speaker := speaker_of(utterance):
        parts.append(f"{speaker}{' and others' if utterance.overlapped else ''}")
    why = f" ({utterance.reason})" if utterance.prediction is None else ""
    parts.append(answer_of(utterance) + why)
    if not utterance.spoken:
        parts.append("(face only)")
    elif face := face_of(utterance):
        parts.append(f"[{face.lower()}]")
    if utterance.words:
        parts.append(f"“{utterance.words}”")
    return " ".join(parts)


class _Printer:
    """Lines as they come on stdout; on a terminal, how far it is on stderr.

    Attributes:
        told: utterances so far.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._live = quiet, sys.stderr.isatty()
        self.told = 0

    def line(self, utterance: Utterance) -> None:
        """Print an utterance."""
        self.told += 1
        if not self._quiet:
            self.clear()
            print(describe(utterance), flush=True)

    def progress(self, progress: Progress) -> None:
        """Show how far it is."""
        from mmer_core.clock import clock

        if not self._live:
            return
        of = "" if progress.of is None else f" of {clock(progress.of)}"
        left = "" if progress.left is None else f", about {clock(progress.left, tenths=False)} left"
        print(
            f"\r\033[K{progress.stage}: {clock(progress.done)}{of}{left}", end="", file=sys.stderr, flush=True
        )

    def clear(self) -> None:
        """Remove what was shown."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
