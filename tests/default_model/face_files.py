"""FER2013 and published face weights in small: files laid out like the real ones, with random contents."""

import json

import numpy as np

from mmer_core.default_model import face_published
from mmer_core.default_model.face_published import STARTS
from mmer_core.encoders import face_resnet
from mmer_core.encoders.face_mobile import BLOCKS

CLASSES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]  # FER2013's order


def write_part(path, n, seed):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 48, 48), dtype=np.uint8)
    labels = (np.arange(n) % 7).astype(np.uint8)
    images[labels == 3, 30:40] = 255  # the happy ones can be told
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=images, labels=labels, classes=np.array(CLASSES))


def write_faceres(path, random):
    """faceres.bin: numbers that are not read, then the convolutions."""
    parts = [random.normal(size=face_published._OTHER_HEADS), *faceres_layer(random, 3, 3, 3, 32, scaled=False)]
    before = 32
    for width, _ in BLOCKS:
        parts += [*faceres_layer(random, 3, 3, before, 1, scaled=True), *faceres_layer(random, 1, 1, before, width, scaled=False)]
        before = width
    path.write_bytes(np.concatenate([part.ravel() for part in parts]).astype("<f2").tobytes() + bytes(8))


def faceres_layer(random, *shape, scaled):
    """What a convolution has in the file: kernel, the depthwise one's scale, bias, and the two bounds of its ReLU6."""
    inputs = shape[0] * shape[1] * (1 if scaled else shape[2])
    width = shape[2] if scaled else shape[3]
    kernel = random.normal(size=shape) * (2 / inputs) ** 0.5 / (STARTS["mobile"].contrast if shape[2] == 3 else 1)
    return [kernel, *([random.uniform(0.5, 2, width)] if scaled else []), random.normal(size=width) / 10, np.array([6.0, 0.0])]


def write_recognition(folder, random):
    """face_recognition_model.bin and its manifest: two stages lie there as they are, all else is rounded to one byte."""
    shapes = {"conv32_down": (7, 7, 3, 32)}
    before = 32
    for width, depth in [*zip(face_resnet.WIDTHS, face_resnet.DEPTHS, strict=True), (256, 1)]:
        for i in range(depth):
            name = "conv256_down_out" if len(shapes) == 27 else f"conv{width}_{'down' if width != before else i + (width == 32)}"
            shapes |= {f"{name}/conv1": (3, 3, before, width), f"{name}/conv2": (3, 3, width, width)}
            before = width
    entries, data = [], b""
    for name, shape in shapes.items():
        kernel = random.normal(size=shape) * (1 / np.prod(shape[:3])) ** 0.5 / (STARTS["resnet"].contrast if shape[2] == 3 else 1)
        parts = {"conv/filters": kernel, "conv/bias": random.normal(size=shape[3]) / 99}
        parts |= {"scale/weights": random.uniform(0.5, 1.5, shape[3]), "scale/biases": random.normal(size=shape[3]) / 10}
        for part, values in parts.items():
            entry = {"name": f"{name}/{part}", "shape": list(values.shape), "dtype": "float32"}
            if part == "conv/filters" and name.startswith("conv64"):
                data += values.astype("<f4").tobytes()
            else:
                low, step = float(values.min()), float(np.ptp(values)) / 255
                entry["quantization"] = {"dtype": "uint8", "scale": step, "min": low}
                data += ((values - low) / step).round().astype(np.uint8).tobytes()
            entries.append(entry)
    data += bytes(256 * 128)
    entries.append({"name": "fc", "shape": [256, 128], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 1.0, "min": 0.0}})
    (folder / face_published.RECOGNITION.name).write_bytes(data)
    (folder / face_published.RECOGNITION_NAMES.name).write_text(json.dumps([{"weights": entries}]), encoding="utf-8")
