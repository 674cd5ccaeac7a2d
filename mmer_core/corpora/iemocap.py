"""IEMOCAP (Busso et al. 2008): five sessions of two actors, scripted and improvised; the official folder tree
as it is unpacked.

`Session1..5/dialog/EmoEvaluation/*.txt` has times and labels, `dialog/transcriptions/*.txt` the words,
`sentences/wav/<dialogue>/*.wav` the sound. The letter before the number of a turn names the speaker:
`Ses01F_impro01_M003` was said by Ses01M.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from mmer_core.corpora import READERS
from mmer_core.corpora.classes import classes_of
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.files import folder_of
from mmer_core.corpora.manifest import CorpusError, Manifest

_TURN = re.compile(r"\[\s*([\d.]+)\s*-\s*([\d.]+)\s*\]\s+(Ses\d\d[FM]_\S+)\s+(\w+)")
_WORDS = re.compile(r"(Ses\d\d[FM]_\S+)\s+\[[^\]]*\]:?\s*(.*)")
_NAMES = {
    "neu": "neutral",
    "ang": "anger",
    "hap": "joy",
    "exc": "excitement",
    "sad": "sadness",
    "fru": "frustration",
}
_LEFT_OUT = {
    "xxx": "without agreement",
    "oth": "other",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    **_NAMES,
}
#: The order of the classes in published work; it decides ties of a majority vote.
FOUR_CLASSES = ("anger", "sadness", "joy", "neutral")


class Turn(NamedTuple):
    """One evaluated turn: times in seconds, the corpus's three-letter label."""

    id: str
    start: float
    end: float
    code: str


@READERS.register(
    "iemocap",
    title="IEMOCAP",
    description="five sessions of two actors, scripted and improvised (Busso et al. 2008)",
)
def read(
    folder: Path, *, classes: Literal[4, 6] = 4, merge_excited: bool = True, improvised_only: bool = False
) -> Manifest:
    """Read the official tree.

    With 4 classes and excitement counted as joy these are the 5,531 utterances of most published work (1,103
    anger, 1,084 sadness, 1,636 joy, 1,708 neutral). With 6, frustration and excitement are classes of their
    own; merged, excitement counts as joy and five classes remain.

    Args:
        folder: holds Session1 to Session5, or a folder that does.
        classes: 4 (anger, sadness, joy, neutral) or 6 (and frustration, excitement).
        merge_excited: count "exc" as joy; else it is left out (4 classes) or a class (6).
        improvised_only: leave out scripted dialogues, whose lines repeat in every session.
    """
    if classes not in (4, 6):
        raise CorpusError(f"IEMOCAP is read with 4 or 6 classes, not {classes}")
    codes = _classes(classes, merge_excited)
    rows = Collector("iemocap", folder_of(folder))
    sessions = sorted(
        p
        for p in (*rows.root.glob("Session[1-5]"), *rows.root.glob("*/Session[1-5]"))
        if (p / "dialog").is_dir()
    )
    if not sessions:
        raise CorpusError(
            f"{folder} has no Session1/dialog: name the folder that holds IEMOCAP's Session1 to Session5"
        )
    absent = [f"Session{n}" for n in range(1, 6) if all(s.name != f"Session{n}" for s in sessions)]
    if absent:
        rows.notes.append(f"{', '.join(absent)} is not there")
    left_out: Counter[str] = Counter()
    for session in sessions:
        for evaluation in sorted((session / "dialog" / "EmoEvaluation").glob("Ses*.txt")):
            if not (improvised_only and "script" in evaluation.stem):
                left_out.update(_add_dialogue(rows, session, evaluation, codes))
    if left_out:
        counts = ", ".join(f"{n} {_LEFT_OUT.get(code, code)}" for code, n in left_out.most_common())
        rows.notes.append(f"utterances of other classes were left out: {counts}")
    return rows.manifest(FOUR_CLASSES if classes == 4 else classes_of(codes.values()))


def _classes(count: int, merge_excited: bool) -> dict[str, str]:
    """{three letters: class} of the labels that are used."""
    codes = {c: name for c, name in _NAMES.items() if count == 6 or c in ("neu", "ang", "hap", "sad", "exc")}
    if merge_excited:
        return {**codes, "exc": "joy"}
    if count == 4:
        del codes["exc"]
    return codes


def _add_dialogue(rows: Collector, session: Path, evaluation: Path, codes: dict[str, str]) -> Iterator[str]:
    """Take the turns of one dialogue; yields the labels of those that are of no class here."""
    name = evaluation.stem
    words = _transcript(rows, session / "dialog" / "transcriptions" / evaluation.name)
    turns = sorted(_turns(rows, evaluation), key=lambda t: (t.start, t.id))
    sound = session / "sentences" / "wav" / name
    for position, turn in enumerate(turns):
        if turn.code not in codes:
            yield turn.code
            continue
        text = words.get(turn.id, "")
        if words and not text:
            rows.problem(turn.id, f"{evaluation.name} has no words for it")
        rows.add(
            turn.id,
            codes[turn.code],
            path=rows.media(turn.id, sound / f"{turn.id}.wav") if (session / "sentences").is_dir() else "",
            text=text,
            group=f"{name[:5]}{turn.id.rsplit('_', 1)[1][0]}",
            session=name[:5],
            dialogue=name,
            utterance=position,
            turns=len(turns),
            start=turn.start,
            end=turn.end,
            style="scripted" if "script" in name else "improvised",
        )


def _turns(rows: Collector, evaluation: Path) -> Iterator[Turn]:
    """The summary lines `[6.2901 - 8.2357] Ses01F_impro01_F000     neu     [2.5, 2.5, 2.5]`; the raters'
    lines below them are passed over.
    """
    for number, line in enumerate(
        evaluation.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
    ):
        if not line.startswith("[") or "START_TIME" in line:
            continue
        match = _TURN.match(line)
        try:
            if match is None or match[3].rsplit("_", 1)[1][0] not in "FM":
                raise ValueError(line)
            yield Turn(match[3], float(match[1]), float(match[2]), match[4].lower())
        except ValueError:
            rows.problem(f"{evaluation.name}:{number}", "the line is not [start - end] turn label")


def _transcript(rows: Collector, file: Path) -> dict[str, str]:
    """{turn: words} from `Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`; lines of bystanders (`M:
    ...`) are passed over.
    """
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        rows.problem(
            file.relative_to(rows.root).as_posix(),
            f"the transcript cannot be read ({error.strerror}): this dialogue has no words",
        )
        return {}
    return {match[1]: match[2].strip() for line in lines if (match := _WORDS.match(line.strip()))}
