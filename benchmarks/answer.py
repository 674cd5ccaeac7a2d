"""Time to an answer, step by step: `python benchmarks/answer.py [CLIP]`.

Without a clip it makes ten seconds of 1280x720 H.264 with sound from the sample clip, as a phone would send
them. Cold: a fresh process from start to first answer. Warm: the median of several answers in one process.
Toggle: one `fuse`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "speech.mp4"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=ROOT / "checkpoints" / "default",
        help="the model (default: the shipped one)",
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = args.clip or ten_seconds_of_720p(Path(folder) / "phone.mp4")
        started = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "mmer_core",
            "predict",
            str(clip.resolve()),
            "--json",
            "--checkpoint",
            str(args.checkpoint.resolve()),
        ]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        print(f"cold, new process to answer   {time.perf_counter() - started:6.2f} s")
        warm(clip, args.checkpoint, args.repeat)


def warm(clip: Path, checkpoint: Path, repeat: int) -> None:
    """Print the median time of each step, of a whole answer, and of a toggle."""
    sys.path.insert(0, str(ROOT))
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.labels import Modality
    from mmer_core.media.loading import load_clip

    model = EmotionModel.load(checkpoint)
    model.warm_up()
    rows, totals = [], []
    for _ in range(repeat):
        started = time.perf_counter()
        decoded = load_clip(clip)
        decoding = time.perf_counter() - started
        observation = model.observe(decoded)
        prediction = model.fuse(observation)
        totals.append(time.perf_counter() - started)
        rows.append({"decode": decoding, **prediction.timings})
    for step in rows[0]:
        print(f"warm, {step:<23} {statistics.median(row[step] for row in rows):6.2f} s")
    print(f"warm, whole answer            {statistics.median(totals):6.2f} s (median of {repeat})")
    started = time.perf_counter()
    for i in range(20):
        model.fuse(observation, [m for j, m in enumerate(Modality) if (i >> j) & 1 == 0])
    print(f"toggle                        {(time.perf_counter() - started) / 20:6.3f} s")


def ten_seconds_of_720p(path: Path) -> Path:
    """The sample clip scaled to 1280x720 at 30 frames per second, looped to ten seconds."""
    with av.open(str(SAMPLE)) as source:
        frames = [f.reformat(1280, 720, "yuv420p") for f in source.decode(video=0)]
    with av.open(str(SAMPLE)) as source:
        resampler = av.AudioResampler("fltp", "mono", 48_000)
        sound = [r for f in source.decode(audio=0) for r in resampler.resample(f)]
    with av.open(str(path), "w") as out:
        video, audio = out.add_stream("libx264", rate=30), out.add_stream("aac", rate=48_000)
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        for i in range(300):
            frame = frames[i % len(frames)]
            frame.pts, frame.time_base = i, Fraction(1, 30)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        clock = 0
        for frame in (sound * 3)[: 10 * 48_000 // sound[0].samples]:
            frame.pts = clock
            clock += frame.samples
            out.mux(audio.encode(frame))
        out.mux(audio.encode())
    return path


if __name__ == "__main__":
    main()
