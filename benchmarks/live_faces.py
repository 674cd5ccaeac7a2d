"""Time of a round of live reading with several faces: `python benchmarks/live_faces.py [--rounds 40]`.

Pictures of 640x480 show the same face of the clip (the sample by default) 1, 2, 4 and 6 times, and a crowd
of 9, of which six are read. A round finds the faces, gives them to people, reads them in one batch and
answers. The time is that of the clock and, since other programs may run, that of the processor; in the app
sound, words and the picture's coding take their part of the cores, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from benchmarks.live import SIZE  # noqa: E402

COUNTS = (1, 2, 4, 6, 9)
WARM_UP = 5  # rounds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, nargs="?", default=ROOT / "samples" / "speech.mp4")
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    measure(args.clip, args.rounds)


def measure(clip: Path, rounds: int) -> None:
    """Print, for each number of faces, the time of a round and how many a second that makes."""
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.live import LiveReader
    from mmer_core.media.faces import find_faces
    from mmer_core.media.loading import load_clip

    model = EmotionModel.load()
    model.warm_up()
    found = find_faces(load_clip(clip))
    assert found.frames is not None, "the clip has pictures"
    assert found.faces is not None, "the clip shows a face"
    portrait = around(found.frames[found.faces.frames[0]], found.faces.boxes[0])
    for count in COUNTS:
        reader, times, busy = LiveReader(model), [], []
        picture = crowd(portrait, count)
        for _ in range(WARM_UP + rounds):
            reader.add_picture(picture.copy())
            began, before = time.perf_counter(), time.process_time()
            reader.read_visual()
            times.append(time.perf_counter() - began)
            busy.append(time.process_time() - before)
        spent = sorted(times[WARM_UP:])
        read = sum(face.probabilities is not None for face in reader.now().faces)
        print(
            f"{count} faces, {read} read    {1000 * statistics.median(spent):6.0f} ms median, "
            f"{1000 * spent[int(0.95 * (len(spent) - 1))]:.0f} ms 95th percentile, "
            f"{1 / statistics.median(spent):.1f} rounds a second; "
            f"{1000 * statistics.median(busy[WARM_UP:]):.0f} ms of the processor"
        )


def around(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB: the face with half its side around it."""
    side = int(2 * max(box[2:] - box[:2]))
    left, top = ((box[:2] + box[2:]) / 2 - side / 2).astype(int)
    wide = cv2.copyMakeBorder(frame, side, side, side, side, cv2.BORDER_REPLICATE)
    return wide[top + side : top + 2 * side, left + side : left + 2 * side]


def crowd(portrait: np.ndarray, count: int) -> np.ndarray:
    """A picture of `SIZE` with so many copies of a face, in rows."""
    width, height = SIZE
    columns = int(np.ceil(np.sqrt(count)))
    side = min(width // columns, height // int(np.ceil(count / columns)))
    picture = np.full((height, width, 3), 127, dtype=np.uint8)
    tile = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    for i in range(count):
        y, x = side * (i // columns), side * (i % columns)
        picture[y : y + side, x : x + side] = tile
    return picture


if __name__ == "__main__":
    main()
