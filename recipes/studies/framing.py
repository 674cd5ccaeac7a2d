"""The framing of FER2013's faces: landmarks and the detector's box as shares of its pictures, from which
`face_crops.TEMPLATE` comes.

`python -m recipes.studies.framing --data DIR [--count N] [--seed N]` measures it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from mmer_core.media.yunet import Detector, yunet
from recipes.face.fer2013 import LabelledFaces, read_fer2013

_ZOOM = 4  # the detector wants larger faces than 48 pixels
_BORDER = 12  # pixels repeated around the picture, since faces touch its edges


def measure_framing(
    faces: LabelledFaces, detect: Detector, count: int = 1500, seed: int = 0
) -> dict[str, object]:
    """Medians over pictures in which exactly one face is found with certainty.

    Args:
        faces: FER2013's pictures.
        detect: the face detector.
        count: pictures that are searched, drawn at random.
        seed: of the draw.

    Returns:
        `found` and `searched`; `landmarks` (5 pairs) as shares of the picture's side, made symmetric;
        `frame_per_box`, the picture's side in heights of the detector's box; `frame_centre`, the height of
        the picture's centre in the box, 0 at its top and 1 at its bottom.
    """
    chosen = np.random.default_rng(seed).permutation(len(faces))[:count]
    landmarks, boxes = [], []
    for image in faces.images[chosen]:
        wider = cv2.copyMakeBorder(image, _BORDER, _BORDER, _BORDER, _BORDER, cv2.BORDER_REPLICATE)
        large = cv2.resize(wider, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
        found = [f for f in detect(np.repeat(large[..., None], 3, axis=2), 20 * _ZOOM) if f.score > 0.9]
        if len(found) == 1:
            landmarks.append((found[0].landmarks + 0.5) / _ZOOM - _BORDER)
            boxes.append(found[0].box / _ZOOM - _BORDER)
    side = faces.images.shape[1]
    points = np.median(landmarks, axis=0) / side
    mirrored = points[[1, 0, 2, 4, 3]] * (-1, 1) + (1, 0)
    top, height = np.array(boxes)[:, 1], np.array(boxes)[:, 3] - np.array(boxes)[:, 1]
    return {
        "searched": len(chosen),
        "found": len(boxes),
        "landmarks": ((points + mirrored) / 2).round(3).tolist(),
        "frame_per_box": round(float(np.median(side / height)), 3),
        "frame_centre": round(float(np.median((side / 2 - top) / height)), 3),
    }


def main() -> None:
    """The command line of this measurement."""
    parser = argparse.ArgumentParser(description="Measure how FER2013 frames its faces.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds fer2013/train.npz")
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name, value in measure_framing(
        read_fer2013(options.data / "fer2013" / "train.npz"), yunet(), options.count, options.seed
    ).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
