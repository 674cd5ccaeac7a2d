"""What is measured: clips, voices and features, made from the sample clip and kept for the next time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "samples" / "speech.mp4"
FACE_FRAMES = 79
SOUND_RATE = 48_000
VOICE_RATE, VOICE_SECONDS = 16_000, 3
SIZES = {"train": 1284, "valid": 229, "test": 686}  # of MOSI
WIDTHS = {"text": 300, "audio": 74, "vision": 35}
STEPS = 10  # of each sequence


def face_video(folder: Path) -> Path:
    """79 frames of 640x360 at 25 a second, without sound."""
    path = folder / "face.mp4"
    if not path.exists():
        write_clip(path, (640, 360), 25, FACE_FRAMES, sound=False)
    return path


def phone_video(folder: Path, seconds: int) -> Path:
    """So many seconds of 1280x720 at 30 a second, with sound."""
    path = folder / f"phone-{seconds}.mp4"
    if not path.exists():
        write_clip(path, (1280, 720), 30, 30 * seconds, sound=True)
    return path


def voices(folder: Path, count: int) -> Path:
    """(count, 48000) float32: three seconds each of the sample's sound, from another moment on."""
    path = folder / f"voices-{count}.npy"
    if not path.exists():
        with av.open(str(SAMPLE)) as source:
            to_mono = av.AudioResampler("flt", "mono", VOICE_RATE)
            sound = np.concatenate(
                [r.to_ndarray()[0] for f in source.decode(audio=0) for r in to_mono.resample(f)]
            )
        length = VOICE_RATE * VOICE_SECONDS
        begins = (np.arange(count) * 5923) % (len(sound) - length)
        np.save(path, np.stack([sound[b : b + length] for b in begins]).astype(np.float32))
    return path


def fusion_features(folder: Path) -> Path:
    """Sequences of words, voice and face as many as MOSI has, {part}_{name} (N, T, D) float32, that tell a
    little of {part}_label, (N,) float32 in [-3, 3].
    """
    path = folder / "fusion.npz"
    if not path.exists():
        rng, arrays = np.random.default_rng(0), {}
        directions = {name: rng.standard_normal(width) for name, width in WIDTHS.items()}
        for part, count in SIZES.items():
            label = rng.uniform(-3, 3, count)
            arrays[f"{part}_label"] = label.astype(np.float32)
            for name, width in WIDTHS.items():
                told = 0.1 * label[:, None, None] * directions[name]
                noise = rng.standard_normal((count, STEPS, width))
                arrays[f"{part}_{name}"] = (told + noise).astype(np.float32)
        np.savez(path, allow_pickle=False, **arrays)
    return path


def write_clip(path: Path, size: tuple[int, int], rate: int, count: int, *, sound: bool) -> None:
    """The sample clip over and over, in H.264 with black bars beside it, and AAC."""
    frames, blocks = _sample(size)
    part = path.with_name("." + path.name)
    with av.open(str(part), "w") as out:
        video = out.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = out.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        for i in range(count):
            # the sample has about twelve frames a second: each is shown for as long as it is there
            frame = frames[i * 12 // rate % len(frames)]
            frame.pts, frame.time_base = i, Fraction(1, rate)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if audio is not None:
            for i in range(count * SOUND_RATE // rate // 1024):
                block = blocks[i % len(blocks)]
                block.pts = i * 1024
                out.mux(audio.encode(block))
            out.mux(audio.encode())
    part.replace(path)


def _sample(size: tuple[int, int]) -> tuple[list[av.VideoFrame], list[av.AudioFrame]]:
    """The sample's frames, as high as `size` and in the middle of it, and its sound in blocks of 1024."""
    width, height = size
    frames = []
    with av.open(str(SAMPLE)) as source:
        for frame in source.decode(video=0):
            own = frame.width * height // frame.height // 2 * 2
            picture, left = np.zeros((height, width, 3), np.uint8), (width - own) // 2
            picture[:, left : left + own] = frame.reformat(own, height, "rgb24").to_ndarray()
            frames.append(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p"))
    with av.open(str(SAMPLE)) as source:
        to_mono = av.AudioResampler("fltp", "mono", SOUND_RATE, frame_size=1024)
        blocks = [r for f in source.decode(audio=0) for r in to_mono.resample(f)]
    return frames, blocks
