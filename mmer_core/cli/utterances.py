"""`predict --utterances`: a line for each utterance of a recording of up to three hours, then a summary."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmer_core.recordings import Progress, Recording, Utterance
    from mmer_core.recordings.turns import Speakers

NEEDED = "with --utterances: "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags for recordings."""
    parser.add_argument(
        "--utterances",
        action="store_true",
        help="read a recording of up to 3 hours utterance by utterance; with --out write a table (.csv, "
        ".parquet), .json, subtitles (.srt, .vtt) or annotations (.eaf, .TextGrid)",
    )
    parser.add_argument("--start", type=seconds, metavar="S", help=NEEDED + "begin at this time (90 or 1:30)")
    parser.add_argument("--end", type=seconds, metavar="S", help=NEEDED + "end at this time")
    parser.add_argument(
        "--speakers", action="store_true", help=NEEDED + "tell speakers apart, before the first utterance"
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
    """Print the utterances of a recording, or write them.

    Returns:
        The exit status: 0; 2 if the recording could not be read to its end; 130 when interrupted.
    """
    from mmer_core.inference.shipped import load_model
    from mmer_core.recordings import forget, read_recording
    from mmer_core.recordings.exports import check_target, write

    path = _checked(args)
    if args.out is not None:
        check_target(args.out, overwrite=args.overwrite)
    model = load_model(args.checkpoint, args.device)
    printer = _Printer(quiet=args.json)
    try:
        recording = read_recording(
            path,
            model,
            start=args.start or 0.0,
            end=args.end,
            use=[m for m in model.modalities if m not in args.without],
            speakers=_speakers(args.speakers),
            progress=printer.progress,
            found=printer.line,
            journal=args.out,
        )
    except KeyboardInterrupt:
        printer.clear()
        print(_interrupted(printer.told, args.out), file=sys.stderr)
        return 130
    printer.clear()
    if args.out is not None:
        write(recording, args.out, overwrite=args.overwrite)
        forget(args.out)
        print(f"wrote {args.out}: {len(recording.utterances)} utterances", file=sys.stderr)
    _finish(recording, args.json)
    return 0 if recording.complete else 2


def _checked(args: argparse.Namespace) -> Path:
    """The one file, if the other flags fit."""
    if len(args.clips) != 1 or args.clips[0].is_dir():
        raise ValueError("--utterances reads one recording: name one file")
    unfit = [flag for flag in ("text", "before", "baseline") if getattr(args, flag)]
    if unfit:
        raise ValueError(f"--{unfit[0]} does not go with --utterances: leave it out")
    path: Path = args.clips[0]
    return path


def _speakers(wanted: bool) -> Speakers | None:
    if not wanted:
        return None
    from mmer_core.media.speakers import SpeakersUnavailable, diarise

    def tell_apart(waveform):  # type: ignore[no-untyped-def]
        try:
            return diarise(waveform)
        except SpeakersUnavailable as error:
            raise ValueError(f"{error}; leave --speakers out to read without") from error

    return tell_apart


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
    """An utterance in one line: "0:12.3–0:15.0 Speaker 1 joy 62% “words”"."""
    from mmer_core.recordings.exports.captions import answer_of, speaker_of
    from mmer_core.recordings.recording import clock

    parts = [f"{clock(utterance.start)}–{clock(utterance.end)}"]
    if speaker := speaker_of(utterance):
        parts.append(f"{speaker}{' and others' if utterance.overlapped else ''}")
    why = f" ({utterance.reason})" if utterance.prediction is None else ""
    parts.append(answer_of(utterance) + why)
    if not utterance.spoken:
        parts.append("(face only)")
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
        from mmer_core.recordings.recording import clock

        if not self._live:
            return
        of = "" if progress.of is None else f" of {clock(progress.of)}"
        left = "" if progress.left is None else f", about {clock(round(progress.left))[:-2]} left"
        print(
            f"\r\033[K{progress.stage}: {clock(progress.done)}{of}{left}", end="", file=sys.stderr, flush=True
        )

    def clear(self) -> None:
        """Remove what was shown."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
