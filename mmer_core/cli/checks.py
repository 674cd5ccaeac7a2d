"""The checks behind `mmer doctor`. Each returns a sentence that says what works, or raises with one that says
what does not and what to do about it.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import tempfile
import wave
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from mmer_core import config
from mmer_core.clip import SAMPLE_RATE

#: What phones, browsers and recorders write.
CODECS = ("h264", "hevc", "vp8", "vp9", "aac", "opus", "mp3", "flac", "mjpeg", "png")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ENOUGH = 2 * 2**30  # bytes of free disk
INSTALL = "install mmer again" if config.INSTALLED else "run pip install -r requirements.txt"


class Missing(Exception):
    """Something optional is not there; the message says how to get it."""


def python() -> str:
    """The interpreter and the machine."""
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def torch() -> str:
    """Whether torch runs, and with the installed torchvision, which only encoders from a hub need."""
    import torch

    try:
        vision = version("torchvision")
    except PackageNotFoundError:
        return (
            f"torch {torch.__version__}; torchvision, which some encoders from a hub need, is not installed"
        )
    try:
        from torchvision.ops import nms

        # a pair that does not match breaks here, at the first operator of torchvision's own
        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise RuntimeError(
            f"torch and torchvision do not work together ({reason}): install a matching pair, such as the "
            "one in requirements.txt"
        ) from error
    return f"torch {torch.__version__} and torchvision {vision} match"


def app() -> str:
    """Whether the packages of the app are there."""
    try:
        return f"Streamlit {version('streamlit')}, streamlit-webrtc {version('streamlit-webrtc')}"
    except PackageNotFoundError as error:
        raise Missing(
            f"{error.name} is not installed; only the app needs it: run pip install '.[app]' in a checkout"
        ) from None


def media() -> str:
    """Whether files are decoded."""
    import av

    from mmer_core.media.decoder.sandbox import available
    from mmer_core.media.loading import load_upload

    lacking = [name for name in CODECS if name not in av.codecs_available]
    if lacking:
        raise RuntimeError(f"PyAV {av.__version__} cannot decode {', '.join(lacking)}: {INSTALL}")
    clip = load_upload(_tone_file(), "tone.wav")
    if clip.waveform is None or abs(clip.duration - 1) > 0.1:
        raise RuntimeError(f"a second of sound did not come back from the decoding process: {INSTALL}")
    held = " and ".join(name.capitalize() for name in available())
    also = f", held by {held}" if held else "; this system has neither Landlock nor seccomp to hold it"
    return (
        f"PyAV {av.__version__} decodes with {len(av.codecs_available)} codecs, in a process of its own{also}"
    )


def face_detector() -> str:
    """Whether the face detector runs."""
    from mmer_core.media.yunet import yunet

    yunet()(np.zeros((64, 64, 3), dtype=np.uint8), 20)
    return f"YuNet runs (OpenCV {version('opencv-python')})"


def speech_recognition() -> str:
    """Whether the speech recognition runs."""
    from mmer_core.media.speech import transcribe

    transcribe(_tone())
    return f"Moonshine tiny runs, English (moonshine-voice {version('moonshine-voice')})"


def whisper_base() -> str:
    """Whether the other recogniser runs."""
    from mmer_core.media.recogniser import WHISPER, SpeechUnavailable, check_usable, recogniser

    try:
        check_usable(WHISPER)
    except SpeechUnavailable as reason:
        raise Missing(str(reason)) from None
    recogniser(WHISPER).words(_tone())
    return f"runs (ctranslate2 {version('ctranslate2')}); chosen by --words-from {WHISPER} or in the app"


def shipped_model() -> str:
    """Whether the shipped model is complete and answers."""
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.media.loading import text_clip

    model = EmotionModel.load(config.DEFAULT_CHECKPOINT)  # checks the sha256 of every file
    prediction = model.predict(text_clip("I am so happy to see you."))
    name, sha256 = model.identity["name"], model.identity["sha256"]
    return (
        f"{name} {sha256[:12]} in {config.DEFAULT_CHECKPOINT} is complete and answers "
        f"({prediction.label}, {prediction.probability:.0%})"
    )


def shipped_encoders() -> set[str]:
    """Names of the encoders that the shipped model is made of; empty if it cannot be read."""
    from mmer_core.checkpoint import CheckpointError, read_record

    try:
        record = read_record(config.DEFAULT_CHECKPOINT)
    except CheckpointError:  # said by `shipped_model`
        return set()
    return {entry["encoder"] for entry in record["modalities"].values()}


def encoder(name: str) -> str:
    """Whether a registered encoder can be created here."""
    from mmer_core import encoders
    from mmer_core.encoders.weights import HubFile

    files = encoders.needs(name)
    for file in files:
        if file.find() is None:
            hub = isinstance(file, HubFile)
            where = "fetched from the hub when first used; where that cannot be reached, " if hub else ""
            raise Missing((where or "not here: ") + file.how_to_get)
    if files:
        return "its weights are on this machine"
    spec = encoders.create(name).spec
    return f"{spec.dim} features, {spec.source}, {spec.licence}"


def plug_in_problems() -> list[str]:
    """One sentence for each encoder, fusion network or corpus reader that could not be taken up."""
    from mmer_core.corpora import READERS
    from mmer_core.encoders import ENCODERS
    from mmer_core.fusion import FUSION_MODELS

    return [sentence for registry in (ENCODERS, FUSION_MODELS, READERS) for sentence in registry.problems]


def local_weights() -> str:
    """The folder of weights that were fetched by hand."""
    folder = config.models_folder()
    if folder is None:
        raise Missing(
            "the variable MMER_MODELS is not set; it may name a folder with weights that were "
            "downloaded by hand"
        )
    if not folder.is_dir():
        raise Missing(f"MMER_MODELS names {folder}, which is no folder: create it or change the variable")
    return f"MMER_MODELS is {folder}"


def runs() -> str:
    """Where runs are written and found."""
    own, *others = config.run_folders()
    _writable(own, "set MMER_RUNS to a folder that is")
    also = "".join(f"; shipped ones are read from {folder}" for folder in others if folder.is_dir())
    return f"written to {own}{also}"


def features() -> str:
    """Where encoded features are kept."""
    folder = config.features_folder()
    _writable(folder, "name another with --store")
    return f"kept in {folder}"


def disk() -> str:
    """Whether there is room."""
    parts = []
    for what, folder in (
        ("for runs", _existing(config.runs_folder())),
        ("for temporary files", Path(tempfile.gettempdir())),
    ):
        free = shutil.disk_usage(folder).free
        if free < ENOUGH:
            left = f"only {free / 2**30:.1f} GB are free {what} ({folder})"
            raise RuntimeError(f"{left}: make room, or set MMER_RUNS or TMPDIR")
        parts.append(f"{free / 2**30:.0f} GB free {what}")
    return ", ".join(parts)


def browser() -> str:
    """Whether the browser tests can run."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        raise Missing("no Chromium was found; only the browser tests need it (Debian: apt install chromium)")
    try:
        return f"{found} with Playwright {version('playwright')}"
    except PackageNotFoundError:
        raise Missing(
            "Playwright is not installed; only the browser tests need it: run pip install -r "
            "requirements-dev.txt"
        ) from None


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _writable(folder: Path, advice: str) -> None:
    if not os.access(_existing(folder), os.W_OK):
        raise RuntimeError(f"{folder} cannot be written: {advice}")


def _tone() -> np.ndarray:
    """A second of 220 Hz."""
    return (0.1 * np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 220 / SAMPLE_RATE)).astype(np.float32)


def _tone_file() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((_tone() * 32767).astype("<i2").tobytes())
    return stream.getvalue()
