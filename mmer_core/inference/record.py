"""The record of a model (model.json): made of its parts, checked, and made into parts again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmer_core import __version__, checkpoint, encoders, fusion
from mmer_core.checkpoint import CheckpointError
from mmer_core.config import JsonConfig
from mmer_core.encoders.base import EncoderSpec, ModalityEncoder
from mmer_core.inference.bounds import GIVEN, does_not_fit, is_sound, may_be_large, numbers_of
from mmer_core.labels import MODALITY_TITLES, Modality, in_order
from mmer_core.options import options_of, parse_value
from mmer_core.training.multitask import MultiTask, Network

FUSION_FILE = "fusion.safetensors"
RUN_RECORD = "run.json"
MODEL_FOLDER = "model"  # of a run


@dataclass(frozen=True)
class Calibration(JsonConfig):
    """The settings that turn logits into calibrated probabilities.

    Attributes:
        temperatures: {subset of modalities, as "text+audio": T > 0}, divisors of the logits; 1 for a subset
            that is not named.
        prior: {label: p}, the answer where nothing is present; all classes alike where it is empty.
        unsure_below: the probability below which an answer is called unsure; 0 for never.
        coverage: share of held-out answers that reach it; 0 if not known.
    """

    temperatures: dict[str, float] = field(default_factory=dict)
    prior: dict[str, float] = field(default_factory=dict)
    unsure_below: float = 0.0
    coverage: float = 0.0

    def __post_init__(self) -> None:
        bad = [name for name, t in self.temperatures.items() if not (math.isfinite(t) and t > 0)]
        if bad:
            raise ValueError(f"the temperature of {bad[0]} must be above 0, not {self.temperatures[bad[0]]}")
        if self.prior and abs(sum(self.prior.values()) - 1) > 1e-3:
            raise ValueError(f"the class prior must sum to 1, not {sum(self.prior.values()):.3f}")


def computed(
    name: str,
    options: Mapping[str, Any],
    spec: EncoderSpec,
    language: str | None = None,
    languages: Sequence[str] = (),
) -> dict[str, Any]:
    """The entry of a modality whose features a registered encoder computes from a clip.

    Args:
        name: of the encoder.
        options: as its factory takes them, as JSON values or text.
        spec: of the encoder with these options.
        language: of the words it was trained on, "en"; None if another, or not known.
        languages: codes of all whose words it reads, where these are several, "en" first.
    """
    values = {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}
    entry = {"encoder": name, "options": values, "dim": spec.dim, "fingerprint": spec.fingerprint}
    several = {"languages": list(languages)} if len(languages) > 1 else {}
    return entry | ({"language": language} if language else {}) | several


def given(dim: int, source: str) -> dict[str, Any]:
    """The entry of a modality whose features came with the corpus.

    Args:
        dim: D, their width.
        source: what they are, for people.
    """
    return {"encoder": GIVEN, "dim": dim, "source": source}


def model_record(
    *,
    name: str,
    labels: Sequence[str],
    modalities: Mapping[Modality, Mapping[str, Any]],
    fusion_name: str,
    network: Network,
    calibration: Calibration,
    sentiments: Sequence[str] = (),
    licence: str = "",
    card: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of a model, as `EmotionModel` takes it and `EmotionModel.save` writes it.

    Args:
        modalities: {modality: entry}, see `computed` and `given`.
        fusion_name: the registered name of the network.
        network: whose options are kept.
        sentiments: labels of the second head of a `MultiTask`.
        licence: under which the model may be used.
        card: limits, data, figures and whatever else people should read; see `inference.card`.
    """
    plain = network.network if isinstance(network, MultiTask) else network
    return {
        "name": name,
        "version": __version__,
        "licence": licence,
        "labels": list(labels),
        "modalities": {m.value: dict(modalities[m]) for m in in_order(modalities)},
        "fusion": {"name": fusion_name, "options": plain.options.to_json()},
        "sentiments": list(sentiments),
        "sentiment_weight": network.weight if isinstance(network, MultiTask) else 0.0,
        "calibration": calibration.to_json(),
        "card": dict(card or {}),
    }


def model_folder(folder: Path) -> Path:
    """The folder of a model: `folder` itself, or that of the run in `folder`.

    Raises:
        CheckpointError: a run without a model.
    """
    if (folder / checkpoint.RECORD).is_file() or not (folder / RUN_RECORD).is_file():
        return folder
    if not (folder / MODEL_FOLDER / checkpoint.RECORD).is_file():
        raise CheckpointError(
            f"the run {folder} has no model that reads clips, since it is a shipped one, has not ended or is "
            "of an older version: train it again"
        )
    return folder / MODEL_FOLDER


def read(folder: Path) -> dict[str, Any]:
    """The record in a folder, with everything that `EmotionModel.load` needs.

    Raises:
        CheckpointError: see `checkpoint.read_record`; or something is missing or of the wrong kind.
    """
    record = checkpoint.read_record(folder)
    try:
        sound = is_sound(record, Calibration.from_json(record["calibration"]).prior)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(
            f"{folder / checkpoint.RECORD} is not a model's record ({type(error).__name__}: {error}): "
            "restore the file or train the model again"
        ) from error
    if not sound:
        raise CheckpointError(
            f"{folder / checkpoint.RECORD} contradicts itself: restore the file or train the model again"
        )
    return record


def build_network(
    folder: Path, record: Mapping[str, Any], classes_on_disk: int, numbers: int | None = None
) -> Network:
    """The untrained network that a record describes.

    Args:
        classes_on_disk: outputs of the fusion layer in the weights file.
        numbers: how many the weights file holds; a network that needs others is not built, whatever memory a
            record asks for. None: not checked.

    Raises:
        CheckpointError: unknown here, options it does not have, or labels that do not fit the weights.
    """
    classes, sentiments = len(record["labels"]), len(record.get("sentiments", ()))
    if classes + sentiments != classes_on_disk:
        raise CheckpointError(
            f"{folder} names {classes} labels{f' and {sentiments} sentiments' if sentiments else ''}, but "
            f"its fusion layer has {classes_on_disk} outputs: copy the whole model folder again"
        )
    dims = {Modality(m): int(entry["dim"]) for m, entry in record["modalities"].items()}
    name, options = record["fusion"]["name"], record["fusion"]["options"]

    def create() -> Network:
        network = fusion.create(name, dims=dims, classes=classes_on_disk, **options)
        weight = float(record.get("sentiment_weight", 0.0))
        return MultiTask(network, classes, weight) if sentiments else network

    try:
        large = numbers is not None and may_be_large(dims.values(), options)
        if not large or numbers_of(create) in (numbers, None):
            return create()
    except (
        ValueError,
        TypeError,
        RuntimeError,
        KeyError,
        AttributeError,
        OverflowError,
        MemoryError,
    ) as error:
        raise CheckpointError(
            f"the fusion network of {folder} cannot be built ({error}): install the package that brings it, "
            "or train the model again"
        ) from error
    raise CheckpointError(does_not_fit(folder / FUSION_FILE, name))


def build_encoder(
    folder: Path, record: Mapping[str, Any], modality: Modality, device: str
) -> ModalityEncoder:
    """The encoder of a modality.

    Raises:
        CheckpointError: unknown here, options it does not have, or other features than the model was trained
            with.
        EncoderUnavailable: its pretrained weights cannot be had; the message says how.
    """
    entry = record["modalities"][modality.value]
    name = entry["encoder"]
    try:
        factory = encoders.factory(name)
        options = {
            option: checkpoint.find_file(folder, record, value)
            if option in checkpoint.FILE_OPTIONS and value
            else parse_value(factory, option, value, f"the encoder {name}")
            if isinstance(value, str)
            else tuple(value)
            if isinstance(value, list)
            else value
            for option, value in entry.get("options", {}).items()
        }
        if "device" in {option.name for option in options_of(factory)}:
            options.setdefault("device", device)
        encoder = factory(**options)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(
            f"{folder} reads {modality} with an encoder that cannot be built here ({error}): install the "
            "package that brings it, or train the model with another"
        ) from error
    if (encoder.spec.modality, encoder.spec.dim) != (modality, entry["dim"]) or (
        encoder.spec.fingerprint != entry["fingerprint"]
    ):
        raise CheckpointError(
            f"{folder} was trained with another version of the encoder {name} than the one installed here: "
            "install that version, or train the model again"
        )
    return encoder


def why_missing(modality: Modality, entry: Mapping[str, Any]) -> str:
    """One sentence: the features of a modality came with the corpus and cannot be computed from a clip."""
    known = encoders.names(modality)
    use = f"train with an encoder, such as --encoders {modality}={known[0]}" if known else "train without it"
    source = f" ({entry['source']})" if entry.get("source") else ""
    return (
        f"this model's {MODALITY_TITLES[modality].lower()} features{source} came with the corpus and cannot "
        f"be computed from a clip; {use}"
    )


def why_nothing(record: Mapping[str, Any]) -> str:
    """One sentence: all features of a model came with the corpus, with what to train instead."""
    modalities = [Modality(name) for name in record["modalities"]]
    titles = [MODALITY_TITLES[m].lower() for m in modalities]
    known = {m: encoders.names(m) for m in modalities}
    use = ",".join(f"{m}={names[0]}" for m, names in known.items() if names)
    sources = dict.fromkeys(e["source"] for e in record["modalities"].values() if e.get("source"))
    given = f" ({', '.join(sources)})" if sources else ""
    return (
        f"its {' and '.join(filter(None, [', '.join(titles[:-1]), titles[-1]]))} features{given} came with "
        f"the corpus and cannot be computed from a clip; train with encoders, such as --encoders {use}"
    )
