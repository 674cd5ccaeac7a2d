"""What is measured side by side: the tasks, and who does them with which inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.compared import inputs
from benchmarks.compared.environments import Environment

Role = Literal["ours", "theirs", "floor"]
OURS = "This project"
FER = Environment(
    "fer",
    "tensorflow-cpu==2.21.0 opencv-contrib-python<5 pandas requests tqdm Pillow matplotlib setuptools<81",
    alone="fer==25.10.3",
)
DEEPFACE = Environment(
    "deepface",
    "beautifulsoup4 filelock requests werkzeug",
    alone="deepface==0.0.103 gdown retina-face",
    borrows=True,
)
PYFEAT = Environment(
    "py-feat",
    alone="py-feat==2.1.5 seaborn numexpr scikit-image joblib easing_functions celluloid torchcodec "
    "xgboost-cpu skops matplotlib",
    borrows=True,
)
OPENSMILE = Environment("opensmile", "opensmile==2.6.0")
MMSA = Environment("mmsa", alone="MMSA==2.2.1 easydict nvidia-ml-py", borrows=True)


@dataclass(frozen=True)
class Entrant:
    """One row of the table.

    Attributes:
        title: of the tool.
        role: this project, another tool, or what neither can beat.
        module: in `benchmarks.compared`.
        inputs: what the module gets.
        environment: its own; None for this project's.
        repeat: answers after the first.
    """

    title: str
    role: Role
    module: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    environment: Environment | None = None
    repeat: int = 3


@dataclass(frozen=True)
class Task:
    """One section of the table: the same input for everyone.

    Attributes:
        title: what is done.
        unit: what the warm seconds are of.
        entrants: who does it.
    """

    title: str
    unit: str
    entrants: tuple[Entrant, ...]


def every_task(folder: Path, clip: Path | None, voices: int, repeat: int) -> list[Task]:
    """All tasks; their inputs lie in `folder` afterwards.

    Args:
        folder: for inputs that are made.
        clip: somebody's own video for the tasks that read one; None for those that are made.
        voices: how many voice clips.
        repeat: answers after the first.
    """
    face = clip or inputs.face_video(folder)
    if clip is not None:
        shown = [(f"{clip.name}: analyze", clip)]
    else:
        shown = [
            (f"Analyze {seconds} s of 1280x720 with sound", inputs.phone_video(folder, seconds))
            for seconds in (10, 60)
        ]
    title = f"{clip.name}: every face" if clip else f"Face video, {inputs.FACE_FRAMES} frames of 640x360"
    return [
        Task(title, "the video", faces(str(face), repeat)),
        *(Task(name, "the video", analyze(str(path), repeat)) for name, path in shown),
        Task(f"Voice, {voices} clips of 3 s", "all clips", voice(str(inputs.voices(folder, voices)), repeat)),
        Task("Train fusion, 1284 utterances", "an epoch", fusion(str(inputs.fusion_features(folder)))),
    ]


def faces(path: str, repeat: int) -> tuple[Entrant, ...]:
    """Reading the face of every frame."""
    every = {"path": path, "use": ["visual"], "every_frame": True}
    one = {"path": path}
    return (
        Entrant(OURS, "ours", "mmer_clip", every, repeat=repeat),
        Entrant("fer", "theirs", "fer_video", one, FER, 2),
        Entrant("DeepFace", "theirs", "deepface_video", one, DEEPFACE, 1),
        Entrant("Py-Feat", "theirs", "pyfeat_video", one, PYFEAT, 1),
        Entrant("Decoding alone", "floor", "floor_decoding", one, repeat=repeat),
        Entrant("Face networks alone", "floor", "floor_networks", every, repeat=repeat),
    )


def analyze(path: str, repeat: int) -> tuple[Entrant, ...]:
    """Words, voice and face of a video."""
    one = {"path": path}
    return (
        Entrant(OURS, "ours", "mmer_clip", one, repeat=repeat),
        Entrant("Decoding alone", "floor", "floor_decoding", one, repeat=repeat),
        Entrant("Speech recognition alone", "floor", "floor_speech", one, repeat=repeat),
        Entrant("Networks alone", "floor", "floor_networks", one, repeat=repeat),
    )


def voice(path: str, repeat: int) -> tuple[Entrant, ...]:
    """Features of a voice."""

    def ours(title: str, role: Role, encoder: str) -> Entrant:
        return Entrant(title, role, "mmer_voice", {"path": path, "encoder": encoder}, repeat=repeat)

    def smile(title: str, features: str) -> Entrant:
        inputs = {"path": path, "features": features}
        return Entrant(title, "theirs", "opensmile_voice", inputs, OPENSMILE, repeat=1)

    return (
        ours(f"{OURS}, voice_frames", "ours", "voice_frames"),
        ours(f"{OURS}, lld", "ours", "lld"),
        smile("openSMILE, eGeMAPS v02", "eGeMAPSv02"),
        smile("openSMILE, ComParE 2016", "ComParE_2016"),
        ours("Network of voice_frames alone", "floor", "floor"),
    )


def fusion(path: str) -> tuple[Entrant, ...]:
    """Training until four epochs have brought nothing."""
    common = {"path": path, "batch_size": 128, "patience": 4}

    def one(title: str, role: Role, module: str, network: str, environment: Environment | None) -> Entrant:
        return Entrant(title, role, module, {**common, "network": network}, environment, repeat=0)

    mine = [one(f"{OURS}, {name}", "ours", "mmer_fusion", name, None) for name in ("late_mean", "early")]
    names = ("lf_dnn", "ef_lstm")  # TFN takes minutes
    return (*mine, *(one(f"MMSA, {name.upper()}", "theirs", "mmsa_fusion", name, MMSA) for name in names))
