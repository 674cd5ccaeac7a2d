"""What must not change an answer, and by how much it does: `python benchmarks/invariance.py [SOUND ...]
[--picture FILE]`.

Sounds (by default that of the sample) are coded, resampled, made louder or softer, put into channels and
surrounded by silence; a picture (by default a face of the sample) is turned, mirrored, coded and made
smaller. Each is read through a file, as a person's would be. Printed is the total variation distance of the
voice's or the face's probabilities from those of the original (0 to 1), mean and largest over the files, and
how often the label stays.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import ROOT
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality
from mmer_core.media.faces import find_faces
from mmer_core.media.loading import load_clip

SAMPLE = ROOT / "samples" / "speech.mp4"
Change = Callable[[np.ndarray, Path], Path]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sounds", type=Path, nargs="*", default=[SAMPLE])
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    model = EmotionModel.load()
    waves = [load_clip(path).waveform for path in options.sounds]
    pictures = [load_clip(options.picture).frames[0] if options.picture else portrait()]
    with tempfile.TemporaryDirectory() as folder:
        report(model, Modality.AUDIO, waves, sound_changes(), Path(folder))
        report(model, Modality.VISUAL, pictures, picture_changes(), Path(folder))


def portrait() -> np.ndarray:
    """The main face of the sample with its surroundings, (H, W, 3)."""
    clip = find_faces(load_clip(SAMPLE))
    box = clip.faces.boxes[0]
    x, y = np.maximum((box[:2] + box[2:]) / 2 - (box[3] - box[1]), 0).astype(int)
    reach = int(2 * (box[3] - box[1]))
    return resized(clip.frames[clip.faces.frames[0]][y : y + reach, x : x + reach], 480)


def report(
    model: EmotionModel,
    modality: Modality,
    originals: Sequence[np.ndarray],
    changes: dict[str, Change],
    folder: Path,
) -> None:
    """Print one line for each change; the first is the original in another file."""

    def read(path: Path) -> np.ndarray:
        observation = model.observe(load_clip(path), use=[modality])
        return model.subset_probabilities(observation, [[modality]])[0]

    first = next(iter(changes.values()))
    before = [read(first(original, folder)) for original in originals]
    print(f"{modality.value}: {len(originals)} files{'':18} TV mean  largest  same label")
    for name, change in changes.items():
        after = [read(change(original, folder)) for original in originals]
        distances = [float(np.abs(a - b).sum()) / 2 for a, b in zip(after, before, strict=True)]
        same = np.mean([a.argmax() == b.argmax() for a, b in zip(after, before, strict=True)])
        print(f"  {name:36} {np.mean(distances):7.3f}  {max(distances):7.3f}  {same:8.0%}")


def sound_changes() -> dict[str, Change]:
    """{name: what writes a changed (N,) waveform to a file in a folder}."""
    noise = np.random.default_rng(0).standard_normal(60 * SAMPLE_RATE).astype(np.float32)

    def padded(before: float, after: float, level: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
        lengths = [round(s * SAMPLE_RATE) for s in (before, after)]
        return lambda w: np.concatenate([level * noise[: lengths[0]], w, level * noise[: lengths[1]]])

    plain = {
        "the same": lambda w: w,
        **{f"{s} s of silence before": padded(s, 0) for s in (0.1, 3, 5, 20)},
        **{f"{s} s of silence after": padded(0, s) for s in (0.1, 3, 5, 20)},
        "20 s of silence on both sides": padded(20, 20),
        "10 s of noise at -60 dBFS before": padded(10, 0, 1e-3),
        "20 dB softer": lambda w: w / 10,
        "10 dB louder, clipped": lambda w: np.clip(w * 3.16, -1, 1),
        "polarity inverted": np.negative,
        "constant offset of .1": lambda w: np.clip(w + 0.1, -1, 1),
        "two channels": lambda w: np.stack([w, w]),
        "two channels out of phase": lambda w: np.stack([w, -w]),
        "one of two channels dead": lambda w: np.stack([w, 0 * w]),
        "one of two channels an offset": lambda w: np.stack([w, 0 * w + 0.2]),
    }
    found = {name: _wave(change) for name, change in plain.items()}
    for rate in (8_000, 22_050, 44_100, 48_000, 96_000):
        found[f"{rate / 1000:g} kHz"] = _wave(lambda w: w, rate=rate)
    for suffix, codec in (
        (".flac", "flac"),
        (".mp3", "libmp3lame"),
        (".m4a", "aac"),
        (".opus", "libopus"),
        (".mkv", "pcm_s16le"),
    ):
        found[f"{suffix} ({codec})"] = _wave(lambda w: w, suffix=suffix, codec=codec)
    return found


def _wave(
    change: Callable[[np.ndarray], np.ndarray],
    *,
    rate: int = SAMPLE_RATE,
    suffix: str = ".wav",
    codec: str = "pcm_s16le",
) -> Change:
    """What writes a changed waveform, (N,) or two channels (2, N), with a codec."""

    def write(waveform: np.ndarray, folder: Path) -> Path:
        samples = np.atleast_2d(change(waveform)).astype(np.float32)
        layout = "mono" if len(samples) == 1 else "stereo"
        rate_written = 48_000 if codec in ("libopus", "libmp3lame", "aac") else rate
        path = folder / f"sound{suffix}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate_written, layout=layout)
            resampler = av.AudioResampler(stream.format, layout, rate_written, stream.frame_size or 0)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
            frame.sample_rate = SAMPLE_RATE
            for piece in (*resampler.resample(frame), *resampler.resample(None)):
                piece.pts = None
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
        return path

    return write


def picture_changes() -> dict[str, Change]:
    """{name: what writes a changed (H, W, 3) picture to a file in a folder}."""
    found: dict[str, Change] = {"the same": _picture(lambda p: p)}
    for degrees in (15, 30, 45, 90, 135, 180, 225, 270, 315):
        found[f"turned by {degrees}°"] = _picture(lambda p, d=degrees: turned(p, d))
    found["mirrored"] = _picture(lambda p: p[:, ::-1])
    for side in (1280, 320, 160, 96):
        found[f"{side} px"] = _picture(lambda p, s=side: resized(p, s))
    for suffix in (".jpg", ".webp", ".bmp", ".avif"):
        found[suffix] = _picture(lambda p: p, suffix)
    return found


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    side = int(np.hypot(height, width))
    matrix[:, 2] = matrix[:, 2] + side / 2 - (width / 2, height / 2)
    return cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def resized(picture: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(picture.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)


def _picture(change: Callable[[np.ndarray], np.ndarray], suffix: str = ".png") -> Change:
    def write(picture: np.ndarray, folder: Path) -> Path:
        from PIL import Image

        path = folder / f"picture{suffix}"
        Image.fromarray(np.ascontiguousarray(change(picture))).save(path)
        return path

    return write


if __name__ == "__main__":
    main()
