"""A shipped model from the results of the modalities' recipes: the product is fitted to held-out logits, and
weights, record and card are written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mmer_core import checkpoint, encoders
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.inference.card import write_card
from mmer_core.inference.record import FUSION_FILE, Calibration, computed, model_record
from mmer_core.inference.storage import SCALING
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.language import ENGLISH
from mmer_core.uncertainty import out_of_distribution
from mmer_core.uncertainty.selective_prediction import COVERAGE
from recipes import left_out
from recipes.bundle.card import DRAWN, LICENCE, LIMITS, MEASURES
from recipes.bundle.held_out import MISMATCH, HeldOut
from recipes.bundle.product import DRAWS, FittedProduct

#: Name of each modality's files in the work folder, and its step of `python -m recipes`.
FILES: dict[Modality, str] = {Modality.TEXT: "text", Modality.AUDIO: "voice", Modality.VISUAL: "face"}
_STEPS = {"text": "words", "voice": "voice", "face": "face", "out_of_distribution": "out-of-distribution"}
_STATISTICS = (".mean", ".std")  # of a head's inputs in training
_HEAD = "expert."  # of a head's tensors in the files of the recipes


@dataclass(frozen=True)
class Variant:
    """A model that differs from the default one in some modalities, and takes the rest from it.

    Attributes:
        name: of the model.
        base: the default model's folder.
        works: {modality: the work folder of its recipe} of those that differ.
    """

    name: str
    base: Path
    works: Mapping[Modality, Path]


@dataclass(frozen=True)
class StepResult:
    """The results of one modality's recipe.

    Attributes:
        modality: what it reads.
        work: folder of its files.
        report: its record.
        figures: of its out-of-distribution detector.
        held_out: its logits on held-out utterances.
    """

    modality: Modality
    work: Path
    report: dict[str, Any]
    figures: dict[str, Any]
    held_out: HeldOut

    @classmethod
    def read(cls, modality: Modality, work: Path) -> StepResult:
        """Read the files of a recipe; ValueError if one has not been made."""
        name = FILES[modality]
        report = read_report(work, name)
        figures = read_report(work, "out_of_distribution")["figures"][modality.value]
        return cls(modality, work, report, figures, HeldOut.read(work, name))

    @property
    def prior(self) -> np.ndarray:
        """(C,) class frequencies that it was trained under."""
        return _frequencies(self.report["prior"])

    @property
    def answered(self) -> np.ndarray:
        """(C,) class frequencies that it answers under."""
        return _frequencies(self.report.get("answer_prior", self.report["prior"]))

    def strangers(self) -> dict[str, dict[str, Any]]:
        """Scores on the corpora that were left out, see `left_out.strangers`; empty if none were."""
        if not (self.work / f"{FILES[self.modality]}_strangers.parquet").is_file():
            return {}  # what was held out of its training corpora stands in for them
        return left_out.strangers(
            self.held_out.corpora, self.prior, self.answered, list(self.held_out.lent.values())
        )

    def entry(self) -> dict[str, Any]:
        """How the model builds the encoder, for the record."""
        options = self.report["encoder_options"]
        files = {k: self.work / v for k, v in options.items() if k in checkpoint.FILE_OPTIONS}
        spec = encoders.create(self.report["encoder"], **{**options, **files}).spec
        language = ENGLISH if spec.modality is Modality.TEXT else None
        return computed(self.report["encoder"], options, spec, language, self.report.get("languages", ()))


def read_report(work: Path, name: str) -> dict[str, Any]:
    """The record that a step left in `work`; ValueError if it has not been run."""
    path = work / f"{name}.json"
    if not path.is_file():
        step = _STEPS[name]
        raise ValueError(f"{path} is missing: run python -m recipes --only {step} first")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def bundle(
    work: Path, out: Path, seed: int = 0, variant: Variant | None = None, draws: int = DRAWS
) -> dict[str, Any]:
    """Assemble a model in `out` from the files in `work`; returns the record that is written to model.json.

    Temperatures and weights are first fitted on one half of the held-out groups and scored on the other, for
    the card; those that are shipped are fitted on both halves.

    Args:
        work: folder of the recipes' results.
        out: folder of the model.
        seed: of the draws.
        variant: what to make instead of the default model; it is fused again, and brings only the files that
            differ.
        draws: clips that are put together for each purpose.

    Raises:
        ValueError: a step has not been run.
        CheckpointError: the default model that a variant builds on is not whole.
    """
    works = {m: variant.works.get(m, work) if variant else work for m in FILES}
    results = {m: StepResult.read(m, folder) for m, folder in works.items()}
    held_out = {m: r.held_out for m, r in results.items()}
    priors, answered = ({m: getattr(r, name) for m, r in results.items()} for name in ("prior", "answered"))
    product = FittedProduct(_network(results), seed, draws, MISMATCH)
    halves = {m: part.halves(seed) for m, part in held_out.items()}
    first, second = ({m: parts[i] for m, parts in halves.items()} for i in (0, 1))
    product.fit(first, priors, answered)
    threshold = product.unsure_below(first)
    fused = {"what": DRAWN, "unsure_below": threshold, "subsets": product.scores(second, threshold)}
    product.fit(held_out, priors, answered)
    record = model_record(
        name=variant.name if variant else "mmer-default",
        labels=EMOTIONS,
        modalities={m: r.entry() for m, r in results.items()},
        fusion_name="product",
        network=product.network,
        calibration=_calibration(product, held_out),
        licence=LICENCE,
        card=_card(results, product, fused),
    )
    needs = [file.how_to_get for r in results.values() for file in encoders.needs(r.report["encoder"])]
    if needs:
        record["needs"] = needs
    own = {m: r for m, r in results.items() if variant is None or m in variant.works}
    files = _write_files({**_tensors(product.network), **_scaling(results)}, own, out)
    checkpoint.write_record(out, record, files, variant.base if variant else None)
    write_card(out, checkpoint.read_record(out))
    return record


def _frequencies(by_name: Mapping[str, float]) -> np.ndarray:
    """(C,) in the order of `labels.EMOTIONS`."""
    return np.array([by_name[name] for name in EMOTIONS])


def _network(results: Mapping[Modality, StepResult]) -> ProductOfExperts:
    """The product with the trained heads; its combination is not fitted."""
    dims = {m: r.report["dim"] for m, r in results.items()}
    heads = {m.value: r.report["head"] for m, r in results.items()}
    network = ProductOfExperts(dims, len(EMOTIONS), heads=heads)
    for modality, result in results.items():
        tensors = checkpoint.load_tensors(result.work / f"{FILES[modality]}.safetensors")
        own = {name.removeprefix(_HEAD): t for name, t in tensors.items() if name.startswith(_HEAD)}
        network.classifiers[modality].load_state_dict(own)
    return network.eval()


def _calibration(product: FittedProduct, held_out: Mapping[Modality, HeldOut]) -> Calibration:
    prior = product.network.log_prior.double().exp().numpy()
    return Calibration(
        temperatures={name: round(t, 7) for name, t in product.temperatures.items()},
        prior={name: round(float(p), 8) for name, p in zip(EMOTIONS, prior, strict=True)},
        unsure_below=product.unsure_below(held_out),
        coverage=COVERAGE,
    )


def _card(
    results: Mapping[Modality, StepResult], product: FittedProduct, fused: Mapping[str, Any]
) -> dict[str, Any]:
    """What people should read of the model; see `inference.card`."""
    network, tried = product.network, [m for m, r in results.items() if "tried" in r.report]
    baseline = results[Modality.AUDIO].report.get("strangers", {})
    return {
        "limits": list(LIMITS),
        "strangers": {m.value: scores for m, r in results.items() if (scores := r.strangers())},
        "baseline": {
            Modality.AUDIO.value: {known: rows["mean"] for known, rows in baseline.items() if "mean" in rows}
        },
        "data": {m.value: r.report["data"] for m, r in results.items()},
        "figures": {
            **{m.value: r.report["figures"] for m, r in results.items()},
            "fused": dict(fused),
            "out_of_distribution": {m.value: r.figures for m, r in results.items()},
        },
        "tried": {m.value: results[m].report["tried"] for m in tried},
        "measures": {m.value: MEASURES[m] for m in tried},
        "fusion": {
            "weights": network.subset_weights(),
            "temperatures": dict(zip(results, network.temperature.tolist(), strict=True)),
            "priors": {
                m.value: dict(zip(EMOTIONS, np.round(r.answered, 4).tolist(), strict=True))
                for m, r in results.items()
            },
            "seed": product.seed,
        },
    }


def _tensors(network: ProductOfExperts) -> dict[str, Tensor]:
    """The product's weights, those of the heads in half precision but for their statistics."""
    return {
        name: t.half()
        if t.is_floating_point() and name.startswith("classifiers.") and not name.endswith(_STATISTICS)
        else t
        for name, t in network.state_dict().items()
    }


def _scaling(results: Mapping[Modality, StepResult]) -> dict[str, Tensor]:
    """By what the features of a modality are standardised before its head, where its recipe says so."""
    return {
        name: tensor
        for m, r in results.items()
        for name, tensor in checkpoint.load_tensors(r.work / f"{FILES[m]}.safetensors").items()
        if name.startswith(SCALING)
    }


def _write_files(
    tensors: Mapping[str, Tensor], results: Mapping[Modality, StepResult], out: Path
) -> list[str]:
    """Write the fusion's tensors, and encoders' files and detectors of these modalities; returns names."""
    out.mkdir(parents=True, exist_ok=True)
    checkpoint.save_tensors(out / FUSION_FILE, tensors)
    names = [FUSION_FILE]
    for result in results.values():
        for option in checkpoint.FILE_OPTIONS:
            if name := result.report["encoder_options"].get(option):
                shutil.copyfile(result.work / name, out / name)
                names.append(name)
    detectors = {m: out_of_distribution.load(r.work)[m] for m, r in results.items()}
    return [*names, out_of_distribution.save(out, detectors)]
