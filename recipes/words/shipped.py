"""The shipped words, taken apart for a training that goes on from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from mmer_core.encoders.backends.phrases import Phrases
from mmer_core.encoders.sentences import ADAPTER_PREFIX
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import answering_under
from recipes.words.network import HEAD_PREFIX, TextClassifier, classifier_of
from recipes.words.phrases import mixed, phrase_predictor
from recipes.words.recipes import TextTraining

_HEAD = "classifiers.text."  # of the words' tensors in a model's fusion network


@dataclass(frozen=True)
class ShippedWords:
    """The words of a model folder.

    Attributes:
        tensors: adapters and head by the names of `TextClassifier.tensors`; the head without phrases.
        phrases: the table of phrases.
        share: weight of the phrases beside the network.
        temperature: of the answers.
        answered: (C,) class frequencies that it answers under.
    """

    tensors: dict[str, Tensor]
    phrases: Phrases
    share: float
    temperature: float
    answered: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> ShippedWords:
        """From model.json, text.safetensors and fusion.safetensors of a model folder.

        Raises:
            FileNotFoundError: one of them is missing.
            ValueError: its words have no adapters or no phrases.
        """
        for name in ("model.json", "text.safetensors", "fusion.safetensors"):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name} is missing: --base names a shipped model's folder")
        file = {k: t.float() for k, t in load_file(folder / "text.safetensors").items()}
        phrases = Phrases.from_tensors(file)
        tensors = {k: t for k, t in file.items() if k.startswith(ADAPTER_PREFIX)}
        if phrases is None or not tensors:
            raise ValueError(f"{folder}/text.safetensors has no adapters or no phrases: name another --base")
        head = {
            k.removeprefix(_HEAD): t.float()
            for k, t in load_file(folder / "fusion.safetensors").items()
            if k.startswith(_HEAD)
        }
        network, share = apart(head["layers.1.weight"], head["layers.1.bias"])
        tensors |= {HEAD_PREFIX + name: tensor for name, tensor in network.items()}
        fusion = json.loads((folder / "model.json").read_text(encoding="utf-8"))["card"]["fusion"]
        answered = np.array([fusion["priors"]["text"][name] for name in EMOTIONS])
        return cls(tensors, phrases, share, fusion["temperatures"]["text"], answered / answered.sum())

    def classifier(self, options: TextTraining) -> TextClassifier:
        """The network without phrases."""
        return classifier_of(options, self.tensors)

    def logits(
        self,
        classifier: TextClassifier,
        texts: Sequence[str],
        context: Sequence[Sequence[str]] | None = None,
    ) -> np.ndarray:
        """(N, C) raw logits of network and phrases together, under the frequencies that it was trained on."""
        both = mixed(classifier.predict, phrase_predictor(classifier.encoder, self.phrases), self.share)
        return np.asarray(both(texts, context), dtype=np.float32)

    def answers(self, logits: np.ndarray, trained: np.ndarray) -> np.ndarray:
        """(N, C) calibrated logits of raw ones, as the model answers with words alone.

        Args:
            logits: of `logits`.
            trained: (C,) class frequencies that it was trained under.
        """
        return answering_under(logits, self.temperature, trained, self.answered)


def apart(weight: Tensor, bias: Tensor) -> tuple[dict[str, Tensor], float]:
    """The inverse of `phrases.join` for a head's weight (C, D + C) and bias (C,): the network's head and the
    share of the phrases.
    """
    classes = len(bias)
    dim = weight.shape[1] - classes
    both = weight * (dim + classes) ** 0.5
    share = float(torch.diagonal(both[:, dim:]).mean())
    rest = 1 - share
    return {"layers.1.weight": both[:, :dim] / dim**0.5 / rest, "layers.1.bias": bias / rest}, share
