"""Clips per second of `mmer predict FOLDER --out TABLE`, by --jobs: `python benchmarks/batch.py [VIDEO ...]`.

It makes ten-second clips (H.264 with sound) from videos with sound, a sample by default, each from another
moment on. Every run is a new process, as a person would start it; the rate after the first row is that
without the start and the loading of the model. Processor time is that of all its processes together. With
--stop-after N it kills a run (SIGKILL) when so many files are done, starts it again, and compares the table
with that of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = [ROOT / "samples" / "speech.mp4"]
SECONDS, RATE = 10, 25
SOUND_RATE = 48_000
WIDEST = 1280  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", type=Path, nargs="*", default=SAMPLES)
    parser.add_argument("--clips", type=int, default=40, help="how many (default: 40)")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", help="OMP_NUM_THREADS of the runs (default: as the command chooses)")
    parser.add_argument("--utterances", action="store_true", help="a row for each utterance")
    parser.add_argument("--stop-after", type=int, metavar="N", help="kill and go on instead")
    args = parser.parse_args()
    more = ["--utterances"] if args.utterances else []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "clips"
        folder.mkdir()
        make_clips(args.videos, folder, args.clips)
        for jobs in args.jobs:
            command = [
                *(sys.executable, "-m", "mmer_core", "predict", str(folder), *more),
                "--jobs",
                str(jobs),
            ]
            if args.stop_after:
                disturbed(command, Path(place), jobs, args.stop_after)
            else:
                timed(command, Path(place) / f"{jobs}.csv", jobs, args.clips, args.threads)


def timed(command: Sequence[str], out: Path, jobs: int, clips: int, threads: str | None) -> None:
    """Print how long a run takes."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment |= {"OMP_NUM_THREADS": threads} if threads else {}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    first = next(seen for seen in files_kept(process, out) if seen)
    began = time.perf_counter() - started
    _, _, used = os.wait4(process.pid, 0)
    whole = time.perf_counter() - started
    print(
        f"--jobs {jobs}: {clips} clips in {whole:.1f} s, the first after {began:.1f} s, then "
        f"{(clips - first) / (whole - began):.3f} clips/s; {(used.ru_utime + used.ru_stime) / clips:.2f} s "
        "of processor time a clip",
        flush=True,
    )


def disturbed(command: Sequence[str], place: Path, jobs: int, after: int) -> None:
    """Kill a run, start it again, and compare."""
    whole, again = place / f"whole-{jobs}.csv", place / f"again-{jobs}.csv"
    quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*command, "--out", str(whole)], check=True, **quiet)  # type: ignore[call-overload]
    process = subprocess.Popen([*command, "--out", str(again)], **quiet)  # type: ignore[call-overload]
    kept = next(n for n in files_kept(process, again) if n >= after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not again.exists(), "nothing half-done looks finished"
    subprocess.run([*command, "--out", str(again)], check=True, **quiet)  # type: ignore[call-overload]
    tables = pd.read_csv(whole), pd.read_csv(again)
    pd.testing.assert_frame_equal(*tables)
    print(
        f"--jobs {jobs}: killed with {kept} of {tables[0]['path'].nunique()} files done; after a second "
        f"start the table of {len(tables[1])} rows is the same as undisturbed",
        flush=True,
    )


def files_kept(process: subprocess.Popen[bytes], out: Path) -> Iterator[int]:
    """How many files the journal beside a table holds, until the process ends."""
    journal = out.with_name(f".{out.name}.partial")
    kept = 0
    while process.poll() is None:
        if journal.exists():
            kept = max(kept, journal.read_bytes().count(b"\n") - 1)
        yield kept
        time.sleep(0.02)
    raise SystemExit(f"the run ended with status {process.returncode} before it was looked at")


def make_clips(videos: Sequence[Path], folder: Path, count: int) -> None:
    """Ten-second clips, each from another moment of a video on, which begins again at its end."""
    sources = [read_video(path) for path in videos]
    for i in range(count):
        frames, sound = sources[i % len(sources)]
        begin = (i * 37 // 20) % max(1, len(frames) // RATE)  # seconds
        write_clip(folder / f"{i:03d}.mp4", frames, sound, begin)


def read_video(path: Path) -> tuple[list[av.VideoFrame], list[av.AudioFrame]]:
    """All pictures at 25 a second, at most 1280 wide, and the sound, mono at 48 kHz."""
    pictures: list[av.VideoFrame] = []
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        shrink = min(1.0, WIDEST / stream.width)
        size = (int(stream.width * shrink) // 2 * 2, int(stream.height * shrink) // 2 * 2)
        for frame in source.decode(stream):
            while len(pictures) <= (frame.time or 0.0) * RATE:
                pictures.append(frame.reformat(*size, "yuv420p"))
    with av.open(str(path)) as source:
        resampler = av.AudioResampler("fltp", "mono", SOUND_RATE, frame_size=1024)
        sound = [part for frame in source.decode(audio=0) for part in resampler.resample(frame)]
    return pictures, sound


def write_clip(path: Path, frames: list[av.VideoFrame], sound: list[av.AudioFrame], begin: int) -> None:
    """Ten seconds from `begin`, in seconds, on."""
    with av.open(str(path), "w") as out:
        video, audio = (
            out.add_stream("libx264", rate=RATE),
            out.add_stream("aac", rate=SOUND_RATE, layout="mono"),
        )
        video.width, video.height, video.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        video.options = {"preset": "veryfast"}
        for i in range(SECONDS * RATE):
            frame = frames[(begin * RATE + i) % len(frames)]
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        first = begin * SOUND_RATE // 1024
        for i in range(SECONDS * SOUND_RATE // 1024):
            part = sound[(first + i) % len(sound)]
            part.pts = i * 1024
            out.mux(audio.encode(part))
        out.mux(audio.encode())


if __name__ == "__main__":
    main()
