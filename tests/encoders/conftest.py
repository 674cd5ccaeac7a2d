"""A clip that has something for every encoder, made on the spot."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mmer_core.clip import SAMPLE_RATE, Clip, Dialogue, FaceTrack


def draw_face(size: int = 160, height: int = 240, width: int = 320, shade: int = 90) -> np.ndarray:
    """(H, W, 3) uint8: a face simple enough to draw and good enough for a Haar cascade; its head is `size`
    pixels high.
    """
    picture = np.full((height, width, 3), shade, np.uint8)
    x, y = width // 2, height // 2

    def patch(dx: float, dy: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        cv2.ellipse(
            picture,
            (x + int(size * dx), y + int(size * dy)),
            (int(size * rx), int(size * ry)),
            0,
            0,
            360,
            colour,
            -1,
        )

    patch(0, 0, 0.38, 0.5, (205, 170, 150))
    for side in (-0.16, 0.16):
        patch(side, -0.1, 0.09, 0.05, (70, 50, 45))
        patch(side, -0.2, 0.11, 0.03, (80, 60, 50))
    patch(0, 0.1, 0.05, 0.04, (170, 130, 115))
    patch(0, 0.27, 0.14, 0.04, (120, 60, 60))
    return cv2.GaussianBlur(picture, (0, 0), size / 40)


def buzz(seconds: float, hertz: float = 150.0, amplitude: float = 0.1) -> np.ndarray:
    """(N,) float32: twelve harmonics that fall off, like a voice."""
    phase = 2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (amplitude * sum(np.sin(k * phase) / k for k in range(1, 13))).astype(np.float32)


def make_clip(seed: int = 0, *, text: str = "Well... I'm FINE!", seconds: float = 1.5) -> Clip:
    """A video of a drawn face with a voice, words, a followed face and a place in a dialogue; seeds differ in
    all of them.
    """
    rng = np.random.default_rng(seed)
    frames = np.stack([draw_face(140 + 10 * i, shade=80 + 20 * seed) for i in range(3)])
    faces = FaceTrack(
        times=np.arange(2) / 4,
        frames=np.arange(2),
        boxes=np.tile(np.array([80, 40, 240, 200], dtype=np.float32), (2, 1)),
        landmarks=np.full((2, 5, 2), np.nan, dtype=np.float32),
        scores=np.ones(2, dtype=np.float32),
        crops=rng.integers(0, 255, (2, 112, 112, 3), dtype=np.uint8),
        frames_seen=3,
        people=1,
        rule="the only face in view",
    )
    return Clip(
        name=f"clip-{seed}.mp4",
        digest=f"{seed:064x}",
        kind="video",
        duration=seconds,
        frames=frames,
        times=np.arange(3) / 4,
        waveform=buzz(seconds, 130 + 40 * seed)
        + (0.01 * rng.standard_normal(int(seconds * SAMPLE_RATE))).astype(np.float32),
        text=text + " again" * seed,
        faces=faces,
        dialogue=Dialogue(index=2 + seed, length=9, duration=seconds),
    )


@pytest.fixture(scope="session")
def clip_of() -> Callable[..., Clip]:
    """Makes clips; see `make_clip`."""
    return make_clip


@pytest.fixture(scope="session")
def face_picture() -> Callable[..., np.ndarray]:
    """Draws faces; see `draw_face`."""
    return draw_face


@pytest.fixture(scope="session")
def voice() -> Callable[..., np.ndarray]:
    """Makes sounds; see `buzz`."""
    return buzz
