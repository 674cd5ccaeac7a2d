"""Subtitles: SubRip (.srt), and WebVTT (.vtt) with speakers as voice spans."""

from __future__ import annotations

from pathlib import Path

from mmer_core.inference.timeline import stamp
from mmer_core.recordings.exports.captions import answer_of, on_one_line, speaker_of
from mmer_core.recordings.recording import Recording
from mmer_core.recordings.utterances import Utterance


def check() -> None:
    """Nothing beyond the core is needed."""


def write(recording: Recording, out: Path) -> None:
    """Write a cue for each utterance: "Speaker 1: words [joy 62%]"."""
    web = out.suffix.lower() == ".vtt"
    cues = [
        f"{number}\n{_time(u.start, web)} --> {_time(max(u.end, u.start + 0.001), web)}\n{_text(u, web)}\n"
        for number, u in enumerate(recording.utterances, start=1)
    ]
    out.write_text("\n".join([*(["WEBVTT\n"] if web else []), *cues]), encoding="utf-8")


def _time(seconds: float, web: bool) -> str:
    return stamp(seconds) if web else stamp(seconds).replace(".", ",")


def _text(utterance: Utterance, web: bool) -> str:
    words = " ".join(part for part in (on_one_line(utterance.words), f"[{answer_of(utterance)}]") if part)
    words = words.replace("-->", "→")
    speaker = speaker_of(utterance)
    if not web:
        return f"{speaker}: {words}" if speaker else words
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<v {speaker}>{words}</v>" if speaker else words
