"""The cost in accuracy of finding and cropping a face: `python benchmarks/face_crops.py DATA [--count N]`.

FER2013's public_test, which chose nothing, is enlarged and set into a grey picture, so that the detector has
to find the face, turn it upright and frame it as it does in any photograph. Printed are how many faces are
found and, on those, accuracy and UA of the pictures as they are and of the detector's crops (class
frequencies not weighed), and the difference in accuracy with its standard error over pictures. FER2013's
frame is
tight: where a turned or larger crop would show more of a photograph it shows grey, so this is an upper bound
of the loss.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mmer_core.clip import Clip
from mmer_core.encoders.backends.face_ensemble import load_network
from mmer_core.encoders.face_cnn import FACE_WEIGHTS, grey_faces
from mmer_core.media.faces import find_faces
from recipes.face.evaluation import figures, flip_logits
from recipes.face.fer2013 import read_fer2013

ZOOM = 4  # a face of about 190 pixels
BORDER = 24  # pixels of FER2013 around each side: the face fills half the height


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds fer2013/public_test.npz")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faces = read_fer2013(options.data / "fer2013" / "public_test.npz")
    faces = faces.take(np.sort(np.random.default_rng(options.seed).permutation(len(faces))[: options.count]))
    found, crops = [], []
    for i, image in enumerate(faces.images):
        track = find_faces(in_a_scene(image)).faces
        if track is not None:
            found.append(i)
            crops.append(track.crops[0])
    network, labels = load_network(FACE_WEIGHTS), faces.labels[found]
    print(f"faces found: {len(found)} of {len(faces)}")
    right = []
    for name, images in {
        "as they are": faces.images[found],
        "found and cropped": grey_faces(np.stack(crops)),
    }.items():
        logits = flip_logits(network, images).numpy()
        score = figures(logits, labels)
        print(f"{name:>18}: accuracy {score['accuracy']:.3f}, UA {score['ua']:.3f}", flush=True)
        right.append((logits.argmax(1) == labels).astype(float))
    loss = right[1] - right[0]
    print(
        f"{'difference':>18}: {100 * loss.mean():+.1f} ± {100 * loss.std() / len(loss) ** 0.5:.1f} "
        "points of accuracy"
    )


def in_a_scene(image: np.ndarray) -> Clip:
    """A grey picture (48, 48) uint8, enlarged and amid a larger one of its mean grey, as a person might give
    it.
    """
    wider = cv2.copyMakeBorder(
        image, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_CONSTANT, value=float(image.mean())
    )
    large = cv2.resize(wider, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    return Clip(
        name="face",
        digest="",
        kind="picture",
        duration=0.0,
        frames=np.repeat(large[None, ..., None], 3, axis=3),
    )


if __name__ == "__main__":
    main()
