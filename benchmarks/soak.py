"""Many people at the app at once: `python -m benchmarks.soak [--people 20] [--minutes 5]`.

A server of its own is started. First one person alone gives every clip, one after the other; then everybody
gives theirs at the same moment; then, for `--minutes`, each goes on: gives clips, moves switches, looks at
other pages, and closes the page now and then, also while a clip is read. Every clip is another one, and its
answer must be that which it had alone, to the last digit. Printed: how long answers take, how many were
right, and the memory (PSS) and open files of all the server's processes, with their slopes over the last two
thirds and what these may be by chance. Everything runs on one machine; the people cost little, for they have
no browser.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.page_client import Person
from mmer_core import load_clip
from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.config import ROOT

EVERY = 10.0  # seconds between two looks at memory and files
BLOCKS = 8  # of time, for a slope
RATE = 4  # frames per second of the clips
Known = list[tuple[bytes, tuple[float, ...]]]  # clips, each with its answer
PAGES = ("about", "results", "ablation", "")


@dataclass
class Figures:
    """What was measured: seconds of answers, how many were right or wrong, and (time, MB, files)."""

    seconds: list[float] = field(default_factory=list)
    right: int = 0
    wrong: int = 0
    longest_line: int = 0
    usage: list[tuple[float, float, int]] = field(default_factory=list)


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--port", type=int, default=8598)
    args = parser.parse_args()
    sample = load_clip(ROOT / "samples" / "speech.mp4")
    clips = [marked(sample, i) for i in range(args.people)]
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}", flush=True)
    with server(args.port) as process:
        asyncio.run(measure(process, args.port, clips, 60 * args.minutes))


def marked(clip: Clip, number: int) -> bytes:
    """A part of the clip that no other number has, as a file."""
    assert clip.frames is not None
    assert clip.times is not None
    assert clip.waveform is not None
    start = 0.1 * number
    frames = clip.frames[(clip.times >= start) & (clip.times < start + 6)]
    sound = clip.waveform[int(start * SAMPLE_RATE) : int((start + 6) * SAMPLE_RATE)]
    held = io.BytesIO()
    with av.open(held, "w", format="matroska") as target:
        picture = target.add_stream("mpeg4", rate=RATE, bit_rate=4_000_000)
        picture.height, picture.width, picture.pix_fmt = *frames.shape[1:3], "yuv420p"
        voice = target.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for frame in frames:
            target.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        target.mux(picture.encode())
        samples = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], "s16", "mono")
        samples.rate, samples.pts, samples.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        target.mux(voice.encode(samples))
        target.mux(voice.encode())
    return held.getvalue()


@contextmanager
def server(port: int) -> Iterator[int]:
    """The app, running; its process id."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
        command += ["--server.headless=true", "--server.enableXsrfProtection=false"]
        environment = {**os.environ, "XDG_DATA_HOME": folder, "MMER_RUNS": folder}
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)
            faults = [line for line in (Path(folder) / "log").read_text().splitlines() if "Error" in line]
            print("\n".join(["faults in the log:", *faults[:10]]) if faults else "no fault in the log")


async def measure(process: int, port: int, clips: list[bytes], seconds: float) -> None:
    """One alone, all at once, and the soak."""
    await _reachable(port)
    alone, answers = Figures(), list[tuple[float, ...]]()
    async with Person(port) as person:
        await person.give("warm.mkv", clips[0] + b" ")
        await person.answered()
        for i, clip in enumerate(clips):
            await person.until(lambda: False)
            await person.give(f"alone{i}of{i}.mkv", clip)
            alone.seconds.append(await person.answered())
            answers.append(person.answer)
    _tell("one alone", alone)
    print(f"{len(set(answers))} different answers to {len(clips)} clips", flush=True)
    together = Figures()
    looks = asyncio.create_task(_look(process, together))
    await asyncio.gather(*(_once(port, i, clips[i], answers[i], together) for i in range(len(clips))))
    looks.cancel()
    _tell(f"{len(clips)} at once", together)
    soak, known = Figures(), list(zip(clips, answers, strict=True))
    looks = asyncio.create_task(_look(process, soak))
    end = time.monotonic() + seconds
    await asyncio.gather(*(_goes_on(port, i, known, soak, end) for i in range(len(clips))))
    looks.cancel()
    _tell(f"{seconds / 60:.0f} minutes", soak)


async def _reachable(port: int) -> None:
    for _ in range(120):
        try:
            _, writer = await asyncio.open_connection("localhost", port)
        except OSError:
            await asyncio.sleep(0.5)
        else:
            writer.close()
            return
    raise SystemExit("the app does not start: see `streamlit run app.py`")


async def _once(port: int, number: int, clip: bytes, expected: tuple[float, ...], figures: Figures) -> None:
    async with Person(port) as person:
        await person.give(f"clip{number}of{number}.mkv", clip)
        figures.seconds.append(await person.answered())
        _judge(person, expected, figures)


def _judge(person: Person, expected: tuple[float, ...], figures: Figures) -> None:
    figures.longest_line = max(figures.longest_line, person.waited)
    if person.answer == expected:
        figures.right += 1
    else:
        figures.wrong += 1


async def _goes_on(port: int, number: int, known: Known, figures: Figures, end: float) -> None:
    """One person after the other at one place: each gives some clips and closes the page."""
    chance = random.Random(number)
    while time.monotonic() < end:
        async with Person(port) as person:
            for turn in range(chance.randint(1, 3)):
                i = chance.randrange(len(known))
                clip, answer = known[i]
                await person.give(f"turn{turn}of{number}.mkv", clip)
                if chance.random() < 0.15:  # closed, or another page, while it waits or is read
                    await asyncio.sleep(chance.uniform(0.0, 3.0))
                    break
                figures.seconds.append(await person.answered())
                _judge(person, answer, figures)
                await person.until(lambda: False)
                await person.switch("Voice", False)
                await person.switch("Voice", True)
                if time.monotonic() > end:
                    break
                await person.run(chance.choice(PAGES))
                await person.run("")
        await asyncio.sleep(chance.uniform(0.0, 2.0))


async def _look(process: int, figures: Figures) -> None:
    while True:
        figures.usage.append((time.monotonic(), *_usage(process)))
        await asyncio.sleep(EVERY)


def _usage(process: int) -> tuple[float, int]:
    """Megabytes (PSS) and open files of a process and all below it."""
    memory, files = 0.0, 0
    for pid in [process, *_children(process)]:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            memory += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3
            files += len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:  # it has ended meanwhile
            continue
    return memory, files


def _children(process: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        direct = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid for child in direct for pid in (child, *_children(child))]


def _tell(title: str, figures: Figures) -> None:
    took = sorted(figures.seconds)
    judged = figures.right + figures.wrong
    said = f"{title}: {len(took)} answers, first {took[0]:.1f} s, median {statistics.median(took):.1f} s, "
    said += f"last {took[-1]:.1f} s"
    if judged:
        said += f"; {figures.right} of {judged} right; longest line {figures.longest_line}"
    print(said, flush=True)
    if figures.usage:
        times, memory, files = np.array(figures.usage).T
        print(f"  memory up to {memory.max():.0f} MB, open files up to {files.max():.0f}", end="")
        late = times >= times[0] + (times[-1] - times[0]) / 3
        if late.sum() >= 2 * BLOCKS:
            (mb, mb_noise), (fd, fd_noise) = (slope(times[late] / 60, v[late]) for v in (memory, files))
            print(f"; slopes {mb:+.2f} ± {mb_noise:.2f} MB and {fd:+.2f} ± {fd_noise:.2f} files", end="")
            print(" a minute", end="")
        print(flush=True)


def slope(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """The slope of (N,) values over (N,) times, and twice its standard error. What is near in time is alike,
    so the line is fitted to the means of eight blocks.
    """
    x, y = (np.array([block.mean() for block in np.array_split(part, BLOCKS)]) for part in (times, values))
    (steep, level) = np.polyfit(x, y, 1)
    rest = ((y - steep * x - level) ** 2).sum() / (BLOCKS - 2)
    return float(steep), float(2 * np.sqrt(rest / ((x - x.mean()) ** 2).sum()))


if __name__ == "__main__":
    main()
