"""ELAN annotations (.eaf): for each speaker a tier of words and one of emotions; faces have their own."""

from __future__ import annotations

from pathlib import Path

from mmer_core.recordings.exports.captions import NOBODY_NAMED, Names, on_one_line, speaker_of
from mmer_core.recordings.recording import Recording
from mmer_core.recordings.utterances import Utterance

REQUIREMENT = "pympi-ling==1.71"


def check() -> None:
    """Raises ValueError if the library is missing."""
    try:
        import pympi  # noqa: F401
    except ImportError as error:
        raise ValueError(f"ELAN files need another package: run pip install {REQUIREMENT}") from error


def tier_of(utterance: Utterance, names: Names = NOBODY_NAMED) -> str:
    """The speaker's name or "Speaker 1", "Speech" where speakers are not known, or "Face" where nobody
    speaks.
    """
    return speaker_of(utterance, names) or ("Speech" if utterance.spoken else "Face")


def write(recording: Recording, out: Path, names: Names = NOBODY_NAMED) -> None:
    """Write the annotations; ELAN asks for the recording when it opens them. In a tier none overlaps another:
    two speakers may have been given one name.
    """
    import pympi

    document = pympi.Elan.Eaf(author="mmer")
    document.remove_tier("default")
    ends: dict[str, int] = {}
    for utterance in recording.utterances:
        tier = tier_of(utterance, names)
        start = max(round(utterance.start * 1000), ends.get(tier, 0))
        ends[tier] = end = max(round(utterance.end * 1000), start + 1)
        for name, value in ((tier, on_one_line(utterance.words)), (f"{tier} emotion", utterance.label or "")):
            if not value:
                continue
            if name not in document.get_tier_names():
                document.add_tier(name)
            document.add_annotation(name, start, end, value)
    document.to_file(str(out))
