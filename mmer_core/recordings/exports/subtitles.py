"""Subtitles: SubRip (.srt), and WebVTT (.vtt) with speakers as voice spans."""

from __future__ import annotations

from pathlib import Path

from mmer_core.inference.timeline import stamp
from mmer_core.recordings.exports.captions import NOBODY_NAMED, Names, answer_of, on_one_line, speaker_of
from mmer_core.recordings.recording import Recording
from mmer_core.recordings.utterances import Utterance


def check() -> None:
    """Nothing beyond the core is needed."""


def write(recording: Recording, out: Path, names: Names = NOBODY_NAMED) -> None:
    """Write a cue for each utterance: "Speaker 1: words [joy 62%]"."""
    web = out.suffix.lower() == ".vtt"
    cues = [
        f"{number}\n{_times(u, web)}\n{_text(u, names, web)}\n"
        for number, u in enumerate(recording.utterances, start=1)
    ]
    out.write_text("\n".join([*(["WEBVTT\n"] if web else []), *cues]), encoding="utf-8")


def _times(utterance: Utterance, web: bool) -> str:
    end = max(utterance.end, utterance.start + 0.001)
    return f"{_time(utterance.start, web)} --> {_time(end, web)}"


def _time(seconds: float, web: bool) -> str:
    return stamp(seconds) if web else stamp(seconds).replace(".", ",")


def _text(utterance: Utterance, names: Names, web: bool) -> str:
    words = " ".join(part for part in (on_one_line(utterance.words), f"[{answer_of(utterance)}]") if part)
    words = words.replace("-->", "→")
    speaker = speaker_of(utterance, names).replace("-->", "→")
    if not web:
        return f"{speaker}: {words}" if speaker else words
    words, speaker = _escaped(words), _escaped(speaker)
    return f"<v {speaker}>{words}</v>" if speaker else words


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
