"""Faces in pictures that the cartoon detector flags: `python benchmarks/drawn_faces.py FOLDER`.

For each group of pictures, named by what stands before the last underscore of their names: how many there
are, in how many a face is found, and how many of these faces are flagged, as they are and after JPEG at
quality 75. The README's figure is for 300 avatars of 480 pixels, 20 of each of 15 styles of DiceBear 9 (seeds
<style>0 to <style>19), made with the npm packages @dicebear/core, @dicebear/collection and @resvg/resvg-js.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mmer_core.media.faces import find_faces
from mmer_core.media.loading import load_clip
from mmer_core.uncertainty.cartoon import is_cartoon

JPEG_QUALITY = 75


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(
        p for p in parser.parse_args().folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg")
    ):
        groups[path.stem.rpartition("_")[0] or path.stem].append(path)
    total = np.zeros(4, dtype=int)
    for name, paths in groups.items():
        rows = np.array([measure(path) for path in paths]).sum(0)
        total += rows
        print_row(name, rows)
    print_row("all", total)


def measure(path: Path) -> list[int]:
    """1, whether a face was found, whether it is called drawn, and whether it is after JPEG."""
    faces = find_faces(load_clip(path)).faces
    if faces is None:
        return [1, 0, 0, 0]
    return [
        1,
        1,
        int(is_cartoon(faces.crops)),
        int(is_cartoon(np.stack([as_jpeg(crop) for crop in faces.crops]))),
    ]


def as_jpeg(crop: np.ndarray) -> np.ndarray:
    """What is left of a crop (H, W, 3) uint8 after JPEG."""
    coded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def print_row(name: str, row: np.ndarray) -> None:
    print(
        f"{name:>16}: {row[0]} pictures, {row[1]} faces found, {row[2]} called drawn, {row[3]} after "
        f"JPEG {JPEG_QUALITY}",
        flush=True,
    )


if __name__ == "__main__":
    main()
