"""The words of other languages beside the English ones, as the files that a bundle reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.uncertainty import out_of_distribution
from recipes.left_out import fit_temperature, read, usable
from recipes.words.language_detector import joined_detector
from recipes.words.network import HEAD_PREFIX

#: What the training of the other languages leaves in its work folder.
WEIGHTS, REPORT, DETECTOR = "languages.safetensors", "languages.json", "languages_detector"
LEFT_OUT = "languages_strangers.parquet"
#: Of the way from MELD's class frequencies to equal ones: those under which other languages are answered.
#: Under those of the English words, half of the way, two of three emotional sentences are called neutral, so
#: little do the weaker vectors say against it.
STEP = 1.0


def merge_languages(work: Path, out: Path, step: float = STEP) -> dict[str, Any]:
    """Write to `out` the files of all steps in `work`, in which the words of the other languages stand beside
    the English ones; a bundle of `out` reads them, one of `work` does not.

    Args:
        work: folder of all steps' files.
        out: another folder.
        step: see `STEP`. The product takes back the class frequencies of the English words in both, so with
            another step than theirs, words beside a voice or a face count too much against neutral.

    Returns:
        The report that is written to `out/text.json`.

    Raises:
        ValueError: the steps words and languages have not been run, or `out` is `work`.
    """
    for name in ("text.json", "text.safetensors", REPORT, WEIGHTS):
        if not (work / name).is_file():
            raise ValueError(f"{work / name} is missing: run the steps words and languages first")
    if out.resolve() == work.resolve():
        raise ValueError(f"{out} is the folder of the English words: name another for those of all languages")
    out.mkdir(parents=True, exist_ok=True)
    for path in work.iterdir():
        if path.suffix in (".json", ".parquet", ".safetensors") and not path.name.startswith("languages"):
            shutil.copyfile(path, out / path.name)
    english, languages = (_report(work / name) for name in ("text.json", REPORT))
    temperature = _english_temperature(work, english)
    tensors = load_file(work / "text.safetensors")
    merged = {
        f"{HEAD_PREFIX}english.{name.removeprefix(HEAD_PREFIX)}" if name.startswith(HEAD_PREFIX) else name: t
        for name, t in tensors.items()
    }
    merged |= _other(work, english, temperature, step)
    save_file(merged, out / "text.safetensors")
    head = {"english": english["dim"], **english["head"]["options"]}
    report = english | {
        "encoder": "words_by_language",
        "head": {"name": "words_by_language", "options": head},
        "dim": english["dim"] + languages["dim"] + 1,
        "languages": languages["languages"],
        "data": [*english["data"], languages["data"][0]],
        "figures_by_language": languages["figures"],
        "languages_step": step,
        "english_temperature": temperature,
    }
    write_json(out / "text.json", report)
    detectors = out_of_distribution.load(work)
    if Modality.TEXT in detectors:
        other = out_of_distribution.load(work / DETECTOR)[Modality.TEXT]
        joined = joined_detector(detectors[Modality.TEXT], other)
        out_of_distribution.save(out, detectors | {Modality.TEXT: joined})
    return report


def _report(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _other(work: Path, english: Mapping[str, Any], temperature: float, step: float) -> dict[str, Tensor]:
    """The classifier of other languages, half precision: the product divides its logits by the temperature of
    the English words and shifts them to the class frequencies under which these are answered.
    """
    trained, answered = _frequencies(english, "prior"), _frequencies(english, "answer_prior")
    bias = np.log((1 - step) * trained + step / len(trained)) - np.log(answered)
    tensors = load_file(work / WEIGHTS)
    shifts = {name: torch.from_numpy(bias) if name.endswith("bias") else 0.0 for name in tensors}
    return {name: ((t + shifts[name]) * temperature).half() for name, t in tensors.items()}


def _frequencies(report: Mapping[str, Any], name: str) -> np.ndarray:
    """(C,) float32 class frequencies that English words are trained or answered under."""
    by_name = report.get(name, report["prior"])
    return np.array([by_name[emotion] for emotion in EMOTIONS], dtype=np.float32)


def _english_temperature(work: Path, report: Mapping[str, Any]) -> float:
    """The temperature that a bundle fits to the English words; 1 if what it fits it on is not there."""
    held_out = work / "text_strangers.parquet"
    if not held_out.is_file():
        return 1.0
    corpora, _ = usable(read(held_out))
    trained, answered = _frequencies(report, "prior"), _frequencies(report, "answer_prior")
    return fit_temperature(list(corpora.values()), trained, answered)
