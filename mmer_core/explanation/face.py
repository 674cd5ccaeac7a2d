"""What the face adds: Shapley values over stretches of time, and maps of the most telling pictures.

A map says what blurring a patch of a picture takes away where the clip has this picture alone. Patches
overlap; a cell has the mean of those that cover it, and the cells are spread to the points of the stretch
that the picture stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from mmer_core.clip import Clip, FaceTrack
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.explanation.deletion import deletion
from mmer_core.explanation.game import Game, drawn_orders, shapley, spread
from mmer_core.explanation.parts import Face, Frame, Moment
from mmer_core.explanation.share import ShareOf, features_of

GRID = 6  # cells in a row of a map
PATCH = 2  # cells in a row of a patch
FRAMES = 3  # pictures with a map
STRETCHES = 8  # of time, at most
PAIRS = 3  # of orders that are drawn
CHECK_STEPS = 4  # in which the cells are blurred in the check
_BLUR = 6  # the blur's standard deviation is this fraction of the picture's side
Read = Callable[[np.ndarray], list[np.ndarray | None]]  # (B, H, W, 3) pictures to B features


def explain_face(encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip, seed: int) -> Face:
    """The face of a clip, or its whole frames for an encoder of these.

    Args:
        encoder: of the face.
        share: what any features of the face add.
        total: what those of the clip add; the moments sum to it.
        clip: with its faces; for encoders of whole frames, with its frames, or without maps.
        seed: of the orders that are drawn.
    """
    rows = share.features
    pictures, times = _pictures(encoder, clip)
    by_row = len(times) == len(rows)
    parts = np.array_split(np.arange(len(rows)), min(STRETCHES, len(rows)) if by_row else 1)
    game = Game(len(parts), lambda masks: share([_kept(rows, parts, keep) for keep in masks]), total, 0.0)
    orders = drawn_orders(len(parts), PAIRS, seed)
    points = shapley(game, orders)
    clock = times if by_row else np.array([0.0])
    moments = tuple(
        Moment(*_bounds(clock, part, clip), float(p), float(e))
        for part, p, e in zip(parts, points, game.effects(), strict=True)
    )
    if not len(pictures):
        return Face(moments, (), total, deletion(game, points, orders))
    read = picture_reader(encoder, clip)
    alone = share([rows[i : i + 1] for i in range(len(rows))]) if by_row else np.full(len(pictures), total)
    frames = []
    for k in _telling(points):
        inside = parts[k] if by_row else np.array([len(pictures) // 2])
        index = int(inside[np.argmax(alone[inside] * np.sign(points[k]))])
        effects = occlusion_map(pictures[index], read, share)
        cells = spread(effects, float(points[k]))
        frames.append(Frame(index, float(times[index]), float(points[k]), cells, effects))
    best = max(frames, key=lambda frame: abs(frame.points))
    cell_game = map_game(pictures[best.index], read, share)
    check = deletion(cell_game, best.cells.ravel(), drawn_orders(GRID**2, PAIRS, seed), CHECK_STEPS)
    return Face(moments, tuple(sorted(frames, key=lambda f: f.time)), total, check)


def occlusion_map(picture: np.ndarray, read: Read, share: ShareOf) -> np.ndarray:
    """(G, G) float64: what blurring each cell of a picture (H, W, 3) takes away from what it alone adds."""
    places = [(i, j) for i in range(GRID - PATCH + 1) for j in range(GRID - PATCH + 1)]
    covered = np.zeros((len(places), GRID, GRID), dtype=bool)
    for mask, (i, j) in zip(covered, places, strict=True):
        mask[i : i + PATCH, j : j + PATCH] = True
    values = share(read(blurred(picture, np.concatenate([np.zeros((1, GRID, GRID), bool), covered]))))
    effects = values[0] - values[1:]
    return np.asarray((effects[:, None, None] * covered).sum(axis=0) / covered.sum(axis=0))


def map_game(picture: np.ndarray, read: Read, share: ShareOf) -> Game:
    """What the cells of a picture add, row by row, where the others are blurred."""
    return Game(GRID**2, lambda keep: share(read(blurred(picture, ~keep.reshape(-1, GRID, GRID)))))


def blurred(picture: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(B, H, W, 3) uint8: a picture with the cells that are set in each of (B, G, G) bool blurred."""
    height, width = picture.shape[:2]
    soft = cv2.GaussianBlur(picture, (0, 0), sigmaX=max(height, width) / _BLUR)
    down, across = (np.arange(side) * GRID // side for side in (height, width))
    return np.where(masks[:, down][:, :, across][..., None], soft, picture)


def _pictures(encoder: ModalityEncoder, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """(F, H, W, 3) what the encoder looks at, and (F,) seconds; no pictures where they are not at hand."""
    if encoder.spec.needs_faces and clip.faces is not None:
        return clip.faces.crops, clip.faces.times
    times = np.zeros(0) if clip.times is None else clip.times
    return np.zeros((0, 1, 1, 3), np.uint8) if clip.frames is None else clip.frames, times


def picture_reader(encoder: ModalityEncoder, clip: Clip) -> Read:
    """What gives the features of pictures, each as the only one of the clip."""

    def read(pictures: np.ndarray) -> list[np.ndarray | None]:
        if encoder.spec.timing in ("faces", "frames"):  # a row for each picture
            rows = features_of(encoder, _with_pictures(encoder, clip, pictures))
            if rows is not None and len(rows) == len(pictures):
                return list(rows[:, None])
        return [features_of(encoder, _with_pictures(encoder, clip, p[None])) for p in pictures]

    return read


def _with_pictures(encoder: ModalityEncoder, clip: Clip, pictures: np.ndarray) -> Clip:
    if encoder.spec.needs_faces and clip.faces is not None:
        return replace(clip, faces=_track(clip.faces, pictures))
    return replace(clip, frames=pictures, times=np.arange(len(pictures), dtype=np.float64))


def _track(faces: FaceTrack, crops: np.ndarray) -> FaceTrack:
    """The track's first row again for each of these crops."""
    row = np.zeros(len(crops), dtype=int)
    return replace(
        faces,
        times=np.arange(len(crops), dtype=np.float64),
        frames=faces.frames[row],
        boxes=faces.boxes[row],
        landmarks=faces.landmarks[row],
        scores=faces.scores[row],
        crops=crops,
    )


def _kept(rows: np.ndarray, parts: Sequence[np.ndarray], keep: np.ndarray) -> np.ndarray | None:
    index = [part for part, kept in zip(parts, keep, strict=True) if kept]
    return rows[np.concatenate(index)] if index else None


def _bounds(times: np.ndarray, part: np.ndarray, clip: Clip) -> tuple[float, float]:
    """From the first picture of a stretch to the one after its last, or to the end of the clip."""
    if len(times) == 1:
        return 0.0, clip.duration
    after = int(part[-1]) + 1
    return float(times[part[0]]), float(times[after] if after < len(times) else max(clip.duration, times[-1]))


def _telling(points: np.ndarray) -> list[int]:
    """Up to `FRAMES` stretches with the most points, no neighbours as long as there are others."""
    order = np.argsort(-np.abs(points), kind="stable").tolist()
    chosen: list[int] = []
    for k in order:
        if len(chosen) < FRAMES and all(abs(k - other) > 1 for other in chosen):
            chosen.append(k)
    return chosen
