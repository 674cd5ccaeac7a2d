"""Multimodal emotion recognition: the public API.

    model = load_model()                    # the shipped model, "large", or the folder of a model or a run
    prediction = model.predict("clip.mp4")  # a Prediction: label, probabilities, unimodal predictions, notes
    why = explain(model, model.observe(load_clip("clip.mp4")))  # an Explanation: words, moments, face
    for utterance in read_recording("talk.mp4", model).utterances:  # of up to three hours
        print(utterance.start, utterance.end, utterance.words, utterance.label)

    manifest = read_corpus("ravdess:/data/ravdess")
    extract(manifest, {"audio": "voice_frames", "visual": "face_cnn"})
    request = TrainRequest("ravdess:/data/ravdess", encoders={"audio": "voice_frames", "visual": "face_cnn"})
    (run,) = cross_validate(request)        # the run's model: load_model(run.path)

Importing this package loads neither torch nor transformers; what is named above is imported when it is used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmer_core.corpora import read as read_corpus
    from mmer_core.crossval.cross_validation import cross_validate
    from mmer_core.explanation.explanation import explain
    from mmer_core.explanation.parts import Explanation
    from mmer_core.features.extraction import extract
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.prediction import Prediction
    from mmer_core.inference.shipped import load_model
    from mmer_core.media.loading import load_clip
    from mmer_core.recordings.reading import read_recording
    from mmer_core.runs.comparison import compare
    from mmer_core.training.request import TrainRequest

__version__ = "0.2.0"
__all__ = [
    "EmotionModel",
    "Explanation",
    "Prediction",
    "TrainRequest",
    "compare",
    "cross_validate",
    "explain",
    "extract",
    "load_clip",
    "load_model",
    "read_corpus",
    "read_recording",
]

# Nothing leaves this computer: onnxruntime reports its use unless told not to, and so does huggingface_hub.
for _name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_name, "1")

_PLACES = {
    "EmotionModel": ("mmer_core.inference.emotion_model", "EmotionModel"),
    "Explanation": ("mmer_core.explanation.parts", "Explanation"),
    "Prediction": ("mmer_core.inference.prediction", "Prediction"),
    "TrainRequest": ("mmer_core.training.request", "TrainRequest"),
    "compare": ("mmer_core.runs.comparison", "compare"),
    "cross_validate": ("mmer_core.crossval.cross_validation", "cross_validate"),
    "explain": ("mmer_core.explanation.explanation", "explain"),
    "extract": ("mmer_core.features.extraction", "extract"),
    "load_clip": ("mmer_core.media.loading", "load_clip"),
    "load_model": ("mmer_core.inference.shipped", "load_model"),
    "read_corpus": ("mmer_core.corpora", "read"),
    "read_recording": ("mmer_core.recordings.reading", "read_recording"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
