"""Put the trained experts together: fit their product on held-out predictions and write the checkpoint with its model card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core import __version__, checkpoint, encoders, familiarity
from mmer_core.abstention import COVERAGE
from mmer_core.default_model.card import write_card
from mmer_core.default_model.fusing import HeldOut, fit_product, score_product, unsure_below
from mmer_core.fusion.experts import build_product
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import EMOTIONS, Modality

#: The work file of each modality; the model card lists them in this order.
STEP_OF: dict[Modality, str] = {Modality.TEXT: "text", Modality.AUDIO: "voice", Modality.VISUAL: "face"}


@dataclass(frozen=True)
class Variant:
    """A model that differs from the default one in some modalities, and takes the rest from it.

    Attributes:
        name: of the model.
        base: the default model's folder.
        works: {modality: the work folder of its steps} of those that differ.
    """

    name: str
    base: Path
    works: Mapping[Modality, Path]


def bundle(work: Path, out: Path, seed: int = 0, variant: Variant | None = None) -> dict[str, Any]:
    """Assemble `out` from the step files in `work`; returns the record that is written to model.json.

    Temperatures and weights are first fitted on one half of the held-out groups and scored on the other, for the card; what is
    shipped is fitted on both halves.

    Args:
        variant: what to make instead of the default model; it is fused anew, and brings only the files that differ.

    Raises:
        ValueError: a step has not been run.
        CheckpointError: the default model that a variant builds on is not whole.
    """
    works = {m: variant.works.get(m, work) if variant else work for m in STEP_OF}
    reports = {m: _report(works[m], step) for m, step in STEP_OF.items()}
    cautions = {m: report.get("caution", 0.0) for m, report in reports.items()}
    held_out = {m: HeldOut.read(works[m] / f"{step}_validation.parquet", cautions[m]) for m, step in STEP_OF.items()}
    priors = {m: _frequencies(report["prior"]) for m, report in reports.items()}
    modalities = {m.value: _entry(m, report) for m, report in reports.items()}
    model = build_product(modalities, len(EMOTIONS)).eval()
    answered = {m: _frequencies(report.get("answer_prior", report["prior"])) for m, report in reports.items()}
    figures = _fused_figures(model, held_out, priors, answered, seed)
    fit_product(model, held_out, priors, seed, answered)
    _load_experts(model, works)
    out.mkdir(parents=True, exist_ok=True)
    own = {m: folder for m, folder in works.items() if variant is None or m in variant.works}
    files = [*_write_weights(model, own, out, modalities), _copy_familiarity(own, out)]
    record = {
        "name": variant.name if variant else "mmer-default",
        "version": __version__,
        "labels": list(EMOTIONS),
        "modalities": modalities,
        "licence": "research and other non-commercial use only, as the training data demands (CC BY-NC-SA 4.0 and research-only corpora)",
        "fusion": {
            "model": "product of calibrated experts",
            "weights": model.subset_weights(),
            "temperatures": model.temperature.tolist(),
            "subset_temperatures": model.subset_temperatures(),
            "answer_priors": {m.value: dict(zip(EMOTIONS, np.round(prior, 4).tolist(), strict=True)) for m, prior in answered.items()},
            "unsure_below": unsure_below(model, held_out, seed),
            "coverage": COVERAGE,
            "cautions": {m.value: caution for m, caution in cautions.items()},
            "seed": seed,
        },
        "tried": {m.value: report["tried"] for m, report in reports.items() if "tried" in report},
        "figures": {
            **{m.value: report["figures"] for m, report in reports.items()},
            "fused": figures,
            "familiarity": {m.value: _report(folder, "familiarity")["figures"][m.value] for m, folder in works.items()},
        },
    }
    if needs := _needs(modalities):
        record["needs"] = needs
    checkpoint.write_record(out, record, files, variant.base if variant else None)
    write_card(out, checkpoint.read_record(out))
    return record


def _report(work: Path, step: str) -> dict[str, Any]:
    path = work / f"{step}.json"
    if not path.is_file():
        raise ValueError(f"{path} is missing: run `train-default --only {step}` first")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _frequencies(by_name: Mapping[str, float]) -> np.ndarray:
    """(C,) in the order of `labels.EMOTIONS`."""
    return np.array([by_name[name] for name in EMOTIONS])


def _copy_familiarity(works: Mapping[Modality, Path], out: Path) -> str:
    """What each modality's step learned of its training data, in one file; returns its name."""
    return familiarity.save(out, {m: familiarity.load(folder)[m] for m, folder in works.items()})


def _entry(modality: Modality, report: Mapping[str, Any]) -> dict[str, Any]:
    """How the predictor builds the encoder and the expert of one modality."""
    return {key: report[key] for key in ("encoder", "encoder_options", "expert", "expert_options", "data")} | {"seed": report["seed"]}


def _needs(modalities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How a person gets the weights that neither the model nor the requirements bring, one line for each file."""
    return [file.how_to_get for entry in modalities.values() for file in encoders.needs(entry["encoder"])]


def _fused_figures(
    model: ProductOfExperts,
    held_out: Mapping[Modality, HeldOut],
    priors: Mapping[Modality, np.ndarray],
    answered: Mapping[Modality, np.ndarray],
    seed: int,
) -> dict[str, Any]:
    """Scores of every subset on halves of the held-out groups that its temperatures and weights were not fitted on."""
    halves = {m: part.halves(seed) for m, part in held_out.items()}
    fit_product(model, {m: h[0] for m, h in halves.items()}, priors, seed, answered)
    threshold = unsure_below(model, {m: h[0] for m, h in halves.items()}, seed)
    return {
        "what": "label-matched draws of held-out utterances, not real clips: an upper bound for real people",
        "unsure_below": threshold,
        "subsets": score_product(model, {m: h[1] for m, h in halves.items()}, threshold, seed),
    }


def _load_experts(model: ProductOfExperts, works: Mapping[Modality, Path]) -> None:
    """Weights of each expert: `expert.*` in its step's safetensors; for the face the linear head of its network, `head.*`."""
    for modality, step in STEP_OF.items():
        prefix, inside = ("head.", "linear.") if modality is Modality.VISUAL else ("expert.", "")
        tensors = checkpoint.load_tensors(works[modality] / f"{step}.safetensors")
        own = {inside + name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        model.experts[modality.value].load_state_dict(own)


def _write_weights(model: ProductOfExperts, works: Mapping[Modality, Path], out: Path, modalities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write fusion.safetensors and copy the files of the encoders in `works`; returns the names written."""
    half = {name: t.half() if t.is_floating_point() and name.startswith("experts.") else t for name, t in model.state_dict().items()}
    checkpoint.save_tensors(out / "fusion.safetensors", half)
    names = ["fusion.safetensors"]
    for modality, folder in works.items():
        for option in checkpoint.FILE_OPTIONS:
            name = modalities[modality.value]["encoder_options"].get(option)
            if name:
                shutil.copyfile(folder / name, out / name)
                names.append(name)
    return names
