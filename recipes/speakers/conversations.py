"""Conversations made of recordings of single utterances, with who speaks when.

Turns follow each other after a pause or, one in ten, begin before the last one is over. Every speaker has a
level of their own, which changes from turn to turn like the emotion does; a steady noise lies under it all.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from mmer_core.clip import SAMPLE_RATE
from recipes.voice.clips import VoiceClip, voice_clips

PEOPLE = (1, 2, 3, 4, 5, 6)  # in a conversation
MIXED = "mixed"  # the name of conversations between speakers of several corpora
TURNS = 5  # for each person, on average
_OVERLAPPING = 0.1  # of the turns
_OVERLAP = 0.3, 1.5  # seconds
_PAUSE = 0.1, 1.5  # seconds between two turns
_BREATH = 0.05, 0.3  # seconds between two utterances of a turn; no pause
_TURN_SECONDS = 1.0, 8.0  # at least; it ends with the utterance that reaches them
_LEVEL, _TURN_LEVEL = 6.0, 3.0  # dB, by which speakers and their turns differ at most from the average
_NOISE = 25.0, 45.0  # dB under the voices
_LOUDNESS = 0.05  # root mean square of the average voice
_QUIET = 30.0  # dB under the loudest hundredth of a second in a recording: nobody speaks
_FLOOR, _ABOVE = 0.05, 10.0  # nor within so many dB of the level that this share of the recording is under
_GAP = 0.3  # seconds that speech may pause


@dataclass(frozen=True)
class Stretch:
    """Somebody speaks, seconds."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True)
class Conversation:
    """A made conversation.

    Attributes:
        name: unique.
        waveform: (N,) float32 at 16 kHz.
        truth: who speaks when, in order of time.
        people: how many.
        corpus: of its recordings, or `MIXED`.
    """

    name: str
    waveform: np.ndarray
    truth: tuple[Stretch, ...]
    people: int
    corpus: str


Recordings = Mapping[str, Mapping[str, Sequence[Path]]]  # {corpus: {speaker: recordings}}


def recordings(data: Path, part: int) -> dict[str, dict[str, list[Path]]]:
    """The recordings of half of the speakers of each corpus, for choosing (part 0) or for testing (part 1).

    Raises:
        CorpusError: a corpus is missing.
    """
    found: dict[str, dict[str, list[Path]]] = {}
    clips = voice_clips(data)
    for corpus in sorted({clip.corpus for clip in clips}):
        speakers = sorted({clip.speaker for clip in clips if clip.corpus == corpus}, key=_shuffled)
        for speaker in sorted(speakers[part::2]):
            found.setdefault(corpus, {})[speaker] = _of(clips, speaker)
    return found


def conversations(known: Recordings, each: int, seed: int, turns: int = TURNS) -> list[Conversation]:
    """`each` conversations for each number of `PEOPLE`, always the same for a seed; corpora take turns, every
    fifth is between speakers of several.
    """
    everybody = {s: paths for speakers in known.values() for s, paths in speakers.items()}
    made = []
    for people in PEOPLE:
        pools = [(c, speakers) for c, speakers in sorted(known.items()) if len(speakers) >= max(people, 2)]
        for i in range(each):
            rng = np.random.default_rng([seed, people, i])
            corpus, pool = (MIXED, everybody) if i % 5 == 4 or not pools else pools[i % len(pools)]
            chosen = [str(s) for s in rng.permutation(sorted(pool))[:people]]
            waveform, truth = _talk({s: pool[s] for s in chosen}, turns, rng)
            name = f"{corpus}-{people}-{i}"
            made.append(Conversation(name, waveform, truth, len(chosen), corpus))
    return made


def _of(clips: Sequence[VoiceClip], speaker: str) -> list[Path]:
    return sorted(clip.path for clip in clips if clip.speaker == speaker and clip.path is not None)


def _shuffled(name: str) -> int:
    return zlib.crc32(name.encode())


def _talk(
    pool: Mapping[str, Sequence[Path]], turns: int, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[Stretch, ...]]:
    """The sound and the truth of a conversation between the speakers of a pool."""
    names = list(pool)
    levels = dict(zip(names, rng.uniform(-_LEVEL, _LEVEL, len(names)), strict=True))
    placed: list[tuple[int, np.ndarray]] = []
    truth: list[Stretch] = []
    before, after = 0, int(rng.uniform(*_PAUSE) * SAMPLE_RATE)  # where the last turn begins and ends
    for name in _order(names, turns, rng):
        sound, spoken = _turn(pool[name], levels[name] + rng.uniform(-_TURN_LEVEL, _TURN_LEVEL), rng)
        start = after + int(rng.uniform(*_PAUSE) * SAMPLE_RATE)
        if placed and truth[-1].speaker != name and rng.random() < _OVERLAPPING:
            most = min(len(sound), after - before) // 2
            start = after - min(int(rng.uniform(*_OVERLAP) * SAMPLE_RATE), most)
        placed.append((start, sound))
        at = start / SAMPLE_RATE
        truth += [Stretch(at + a, at + b, name) for a, b in spoken]
        before, after = start, max(after, start + len(sound))
    whole = np.zeros(after + int(rng.uniform(*_PAUSE) * SAMPLE_RATE), dtype=np.float32)
    for start, sound in placed:
        whole[start : start + len(sound)] += sound
    noise = _LOUDNESS * 10 ** (-rng.uniform(*_NOISE) / 20)
    whole += (noise * rng.standard_normal(len(whole))).astype(np.float32)
    return np.clip(whole, -1.0, 1.0), tuple(sorted(truth, key=lambda s: (s.start, s.end)))


def _order(names: Sequence[str], each: int, rng: np.random.Generator) -> list[str]:
    """Who has the turns: everybody at least twice, some more often than others, seldom twice in a row."""
    share = rng.dirichlet(np.full(len(names), 3.0))
    drawn = rng.choice(len(names), size=(each - 2) * len(names), p=share).tolist()
    turns = [names[i] for i in [*range(len(names)), *range(len(names)), *drawn]]
    turns = [str(turn) for turn in rng.permutation(turns)]
    for i in range(1, len(turns) - 1):
        if turns[i] == turns[i - 1]:
            turns[i], turns[i + 1] = turns[i + 1], turns[i]
    return turns


def _turn(
    paths: Sequence[Path], level: float, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """The sound of a turn at a level in dB from the average, and when it is spoken in, seconds."""
    wanted, pieces, spoken, at = rng.uniform(*_TURN_SECONDS), [], [], 0
    while at < wanted * SAMPLE_RATE:
        sound, active = utterance(paths[int(rng.integers(len(paths)))])
        spoken += [(at / SAMPLE_RATE + a, at / SAMPLE_RATE + b) for a, b in active]
        breath = np.zeros(int(rng.uniform(*_BREATH) * SAMPLE_RATE), dtype=np.float32)
        pieces += [sound, breath]
        at += len(sound) + len(breath)
    whole = np.concatenate(pieces[:-1])
    spoken = _without_short_pauses(spoken)
    loudness = float(np.sqrt(np.mean(whole.astype(np.float64) ** 2)))
    return whole * np.float32(_LOUDNESS * 10 ** (level / 20) / max(loudness, 1e-6)), spoken


def _without_short_pauses(spoken: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    joined = [spoken[0]]
    for start, end in spoken[1:]:
        if start - joined[-1][1] <= _GAP:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def utterance(path: Path) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """The recording without silence at its ends, and when somebody speaks in it, seconds.

    Raises:
        ValueError: the file is not 16 kHz mono.
    """
    sound, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE or sound.ndim != 1:
        raise ValueError(f"{path} is not 16 kHz mono: convert it, for example with ffmpeg -ac 1 -ar 16000")
    size = SAMPLE_RATE // 100
    power = np.mean(sound[: len(sound) // size * size].reshape(-1, size).astype(np.float64) ** 2, axis=1)
    level = 10 * np.log10(power + 1e-12)
    floor = min(np.quantile(level, _FLOOR) + _ABOVE, level.max() - _ABOVE)
    heard = np.flatnonzero(level > max(level.max() - _QUIET, floor))
    pieces = np.split(heard, np.flatnonzero(np.diff(heard) > 100 * _GAP) + 1)
    first = heard[0]
    active = [(float(p[0] - first) / 100, float(p[-1] + 1 - first) / 100) for p in pieces]
    return sound[first * size : (heard[-1] + 1) * size], active
