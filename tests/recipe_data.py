"""The corpora and published weights of the recipes in small: files laid out like the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import soundfile
from filelock import FileLock

from mmer_core.clip import SAMPLE_RATE
from mmer_core.encoders.backends import face_resnet
from mmer_core.encoders.backends.face_mobile import BLOCKS
from mmer_core.labels import EMOTIONS
from recipes.face import published

FER2013_CLASSES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]  # in its order
PHRASES = {
    "neutral": ["The table is in the kitchen.", "It is four o’clock.", "He works at the bank."],
    "anger": ["Get out of my house!", "How dare you lie to me!", "I hate you, stop it now!"],
    "disgust": ["That smells revolting.", "Eww, there is a worm in it.", "How gross, I feel sick."],
    "fear": ["I am terrified of him.", "Please, don’t hurt me.", "I'm scared, something is out there."],
    "joy": ["This is wonderful, I love it!", "Hooray, we won!", "I am so happy for you."],
    "sadness": ["I miss her so much.", "My dog died yesterday.", "I feel lonely and I cry."],
    "surprise": ["Oh my God, you are pregnant?", "What? I can't believe it!", "Wow, I did not expect that!"],
}


class VoiceTable(NamedTuple):
    """A corpus of voices that is a folder with labels.csv."""

    speakers: tuple[str, ...]
    emotions: tuple[str, ...]
    language: str
    ending: str


VOICE_TABLES = {
    "tess_more": VoiceTable(("OAF",), ("neutral", "fear", "joy", "sadness"), "en", "ogg"),
    "ased_amharic": VoiceTable(("g01s01", "g02s02"), ("neutral", "anger", "joy"), "am", "ogg"),
    "nemo_polish": VoiceTable(("EB0", "KZ1"), ("neutral", "anger", "fear", "joy", "surprise"), "pl", "flac"),
    "polish_words": VoiceTable(("m1",), ("anger", "sadness"), "pl", "ogg"),
}
GOEMOTIONS_LABELS = ["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"]


def made_once(root: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `root/name` with what `make` writes into it; the first process that asks makes it, others
    wait.

    Args:
        root: a folder that the processes of one test run share.
        name: of the folder.
        make: called with the empty folder.
    """
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def write_texts(folder: Path) -> None:
    """meld and goemotions: one utterance of each emotion in a dialogue, one comment of each emotion."""
    for name in ("meld", "goemotions"):
        (folder / name).mkdir()
    for split, dialogues in (("train", 9), ("dev", 3)):
        meld_table(dialogues).to_csv(folder / "meld" / f"{split}_sent_emo.csv", index=False)
    for i, split in enumerate(("train", "dev", "test")):
        lines = [
            f'{PHRASES[e][i]} "quoted\t{GOEMOTIONS_LABELS.index(e)}\tid{j}' for j, e in enumerate(EMOTIONS)
        ]
        text = "\n".join([*lines, "two at once\t0,3\tidx"]) + "\n"
        (folder / "goemotions" / f"{split}.tsv").write_text(text, encoding="utf-8")
    (folder / "goemotions" / "labels.txt").write_text("\n".join(GOEMOTIONS_LABELS), encoding="utf-8")


def meld_table(dialogues: int) -> pd.DataFrame:
    rows = [
        {
            "Sr No.": 7 * d + u,
            "Utterance": PHRASES[e][d % 3],
            "Speaker": "Ann",
            "Emotion": e,
            "Sentiment": "-",
            "Dialogue_ID": d,
            "Utterance_ID": u,
        }
        for d in range(dialogues)
        for u, e in enumerate(EMOTIONS)
    ]
    return pd.DataFrame(rows)


def write_faces(folder: Path) -> None:
    """fer2013: noise; only the happy ones can be told."""
    (folder / "fer2013").mkdir()
    for name, n, seed in (("train", 84, 0), ("public_test", 28, 1)):
        images = np.random.default_rng(seed).integers(0, 256, (n, 48, 48), dtype=np.uint8)
        labels = (np.arange(n) % 7).astype(np.uint8)
        images[labels == 3, 30:40] = 255
        path = folder / "fer2013" / f"{name}.npz"
        np.savez(path, images=images, labels=labels, classes=np.array(FER2013_CLASSES))


def write_voices(folder: Path) -> None:
    """Two actors of RAVDESS in two folds, four speakers of EMO-DB, TESS, and the corpora with a labels.csv;
    the pitch says the emotion.
    """
    for actor in (1, 2):
        for emotion in range(1, 9):
            name = f"03-01-{emotion:02d}-01-01-01-{actor:02d}.flac"
            beep(folder / "ravdess" / "audio" / name, 100 * emotion + actor)
    (folder / "ravdess" / "folds.json").write_text(json.dumps({"folds": [[1], [2]]}))
    for speaker in ("03", "08", "10", "09"):
        for i, letter in enumerate("WFL"):
            beep(folder / "emodb" / f"{speaker}a01{letter}a.flac", 150 + 100 * i + int(speaker))
    for i, emotion in enumerate(("angry", "sad")):
        beep(folder / "tess" / emotion / f"YAF_back_{emotion}.flac", 300 + 100 * i)
    for name, corpus in VOICE_TABLES.items():
        write_voice_table(folder / "voices" / name, corpus)


def write_voice_table(folder: Path, corpus: VoiceTable) -> None:
    """labels.csv and a recording of each emotion by each speaker."""
    rows = []
    for k, speaker in enumerate(corpus.speakers):
        for emotion in corpus.emotions:
            path = f"audio/{speaker}_{emotion}_1.{corpus.ending}"
            beep(folder / path, 110 + 90 * EMOTIONS.index(emotion) + 7 * k)
            rows.append((path, emotion, emotion.upper(), speaker, corpus.language))
    columns = ["path", "label7", "original_label", "speaker", "language"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "labels.csv", index=False)


def beep(path: Path, hertz: float, seconds: float = 0.4) -> None:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(int(hertz)).standard_normal(len(time))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * hertz * time) + 0.001 * noise, SAMPLE_RATE)


def write_published(folder: Path) -> None:
    """The published face networks with random weights."""
    write_faceres(folder / published.FACERES.label, np.random.default_rng(0))
    write_recognition(folder, np.random.default_rng(1))


def write_faceres(path: Path, random: np.random.Generator) -> None:
    """faceres.bin: numbers that are not read, then the convolutions."""
    parts = [random.normal(size=published._OTHER_HEADS), *faceres_layer(random, 3, 3, 3, 32, scaled=False)]
    before = 32
    for width, _ in BLOCKS:
        parts += faceres_layer(random, 3, 3, before, 1, scaled=True)
        parts += faceres_layer(random, 1, 1, before, width, scaled=False)
        before = width
    path.write_bytes(np.concatenate([part.ravel() for part in parts]).astype("<f2").tobytes() + bytes(8))


def faceres_layer(random: np.random.Generator, *shape: int, scaled: bool) -> list[np.ndarray]:
    """A convolution in the file: kernel, the depthwise one's scale, bias, and the two bounds of its ReLU6."""
    inputs = shape[0] * shape[1] * (1 if scaled else shape[2])
    width = shape[2] if scaled else shape[3]
    contrast = published.STARTS["mobile"].contrast if shape[2] == 3 else 1
    kernel = random.normal(size=shape) * (2 / inputs) ** 0.5 / contrast
    scale = [random.uniform(0.5, 2, width)] if scaled else []
    return [kernel, *scale, random.normal(size=width) / 10, np.array([6.0, 0.0])]


def write_recognition(folder: Path, random: np.random.Generator) -> None:
    """face_recognition_model.bin and its manifest: two stages lie there as they are, all else is rounded to
    one byte.
    """
    entries, data = [], b""
    for name, shape in _recognition_layers().items():
        contrast = published.STARTS["resnet"].contrast if shape[2] == 3 else 1
        kernel = random.normal(size=shape) * (1 / np.prod(shape[:3])) ** 0.5 / contrast
        parts = {
            "conv/filters": kernel,
            "conv/bias": random.normal(size=shape[3]) / 99,
            "scale/weights": random.uniform(0.5, 1.5, shape[3]),
            "scale/biases": random.normal(size=shape[3]) / 10,
        }
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
    rounded = {"dtype": "uint8", "scale": 1.0, "min": 0.0}
    entries.append({"name": "fc", "shape": [256, 128], "dtype": "float32", "quantization": rounded})
    (folder / published.RECOGNITION.label).write_bytes(data)
    names = folder / published.RECOGNITION_NAMES.label
    names.write_text(json.dumps([{"weights": entries}]), encoding="utf-8")


def _recognition_layers() -> dict[str, tuple[int, int, int, int]]:
    """{name: shape} of dlib's convolutions, the first and two for each block."""
    shapes, before = {"conv32_down": (7, 7, 3, 32)}, 32
    for width, depth in [*zip(face_resnet.WIDTHS, face_resnet.DEPTHS, strict=True), (256, 1)]:
        for i in range(depth):
            number = "down" if width != before else i + (width == 32)
            name = "conv256_down_out" if len(shapes) == 27 else f"conv{width}_{number}"
            shapes |= {f"{name}/conv1": (3, 3, before, width), f"{name}/conv2": (3, 3, width, width)}
            before = width
    return shapes
