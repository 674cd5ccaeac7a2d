"""Who speaks when in a recording: speakers are numbered in the order in which they are first heard. It says
who is the same person, not who that is.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.clock import clock
from mmer_core.config import Limits

if TYPE_CHECKING:
    from mmer_core.media.speakers import Diarisation

#: Recordings may be as long as a long meeting; of a video one picture is decoded, and not looked at.
LIMITS = Limits(
    max_seconds=4 * 3600.0,
    frames_per_second=0.01,
    max_frames=1,
    cpu_seconds=900,
    wall_seconds=900.0,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("clip", type=Path, metavar="FILE", help="a sound or a video with sound")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--rttm", type=Path, metavar="OUT", help="write the turns to this file in NIST's format RTTM as well"
    )


def run(args: argparse.Namespace) -> int:
    """Print the turns; returns 0."""
    from mmer_core.labels import Modality
    from mmer_core.media.loading import MediaError, load_clip
    from mmer_core.media.speakers import WeightsUnavailable, diarise

    if args.rttm is not None and not args.rttm.absolute().parent.is_dir():
        raise ValueError(f"--rttm {args.rttm} cannot be written: make the folder that it lies in first")
    clip = load_clip(args.clip, limits=LIMITS)
    if clip.waveform is None:
        reason = clip.absent.get(Modality.AUDIO, "it has no sound")
        raise MediaError(
            f"{clip.name} has no speakers to tell apart because {reason}: name a file with sound"
        )
    try:
        found = diarise(clip.waveform)
    except WeightsUnavailable as error:
        raise ValueError(str(error)) from error
    if args.rttm is not None:
        args.rttm.write_text(rttm(found, clip.name), encoding="utf-8")
    if args.json:
        notes = list(clip.notes)
        print(
            json.dumps({"file": clip.name, "notes": notes, **found.to_json()}, indent=2, ensure_ascii=False)
        )
    else:
        print("\n".join([describe(found), *(f"Note: {note}." for note in clip.notes)]))
    return 0


def describe(found: Diarisation) -> str:
    """How many people speak, how long each does, and their turns, for a terminal."""
    if not found.turns:
        return "nobody speaks"
    people = "1 person speaks" if found.speakers == 1 else f"{found.speakers} people speak"
    lines = [people]
    for speaker in range(found.speakers):
        own = sum(turn.end - turn.start for turn in found.turns if turn.speaker == speaker)
        lines.append(f"  Speaker {speaker + 1:<3} {own:7.1f} s")
    lines.append("")
    for turn in found.turns:
        over = "  together with somebody else" if turn.overlapped else ""
        lines.append(f"{clock(turn.start)} to {clock(turn.end)}  Speaker {turn.speaker + 1}{over}")
    return "\n".join(lines)


def rttm(found: Diarisation, name: str) -> str:
    """The turns as lines of RTTM ("" if nobody speaks); blanks in the name become underscores."""
    file = re.sub(r"\s+", "_", name)
    return "".join(
        f"SPEAKER {file} 1 {turn.start:.3f} {turn.end - turn.start:.3f} <NA> <NA> "
        f"speaker_{turn.speaker + 1} <NA> <NA>\n"
        for turn in found.turns
    )
