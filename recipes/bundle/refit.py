"""The large model on another default one: its own words stay, and voice, face and fusion become those of the
default model. It needs none of the large weights, which only fit and measure the words.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from mmer_core import checkpoint
from mmer_core.checkpoint import RECORD
from mmer_core.inference.card import write_card
from mmer_core.inference.record import FUSION_FILE
from mmer_core.labels import Modality, in_order

_WORDS = f"classifiers.{Modality.TEXT}."
_BUFFERS = ("expert_log_prior", "prior_shift", "temperature")  # a row for each modality
_OWN = Modality.TEXT.value


def refit_large(out: Path, base: Path) -> dict[str, Any]:
    """Put the words of the large model in `out` beside the voice and the face of the default one in `base`.

    Temperature and class frequencies of the words stay as they were fitted; the weights of the modalities,
    the temperatures of their subsets and the threshold are those of the default model, and no fused figures
    are stated.

    Returns:
        The record that is written to `out`.

    Raises:
        CheckpointError: one of the models is not whole.
    """
    record, default = json.loads((out / RECORD).read_text(encoding="utf-8")), checkpoint.read_record(base)
    own, theirs = (checkpoint.load_tensors(folder / FUSION_FILE) for folder in (out, base))
    tensors = {name: tensor for name, tensor in theirs.items() if not name.startswith(_WORDS)}
    tensors |= {name: tensor for name, tensor in own.items() if name.startswith(_WORDS)}
    row = in_order(Modality(name) for name in default["modalities"]).index(Modality.TEXT)
    for name in _BUFFERS:
        tensors[name] = theirs[name].clone()
        tensors[name][row] = own[name][row]
    tensors["log_prior"] = torch.log_softmax(tensors["expert_log_prior"].mean(0), dim=0)
    checkpoint.save_tensors(out / FUSION_FILE, tensors)
    files = list(record["files"])  # those of the fusion and of the words; read_record checks them again
    record = {k: v for k, v in record.items() if k not in ("schema", "files", "base")}
    record["modalities"] |= {m: e for m, e in default["modalities"].items() if m != _OWN}
    heads = record["fusion"]["options"]["heads"]
    record["fusion"] = {
        **default["fusion"],
        "options": default["fusion"]["options"]
        | {"heads": default["fusion"]["options"]["heads"] | {_OWN: heads[_OWN]}},
    }
    record["calibration"] = {
        **default["calibration"],
        "prior": dict(zip(record["labels"], tensors["log_prior"].exp().tolist(), strict=True)),
    }
    record["card"] = _card(record["card"], default["card"])
    checkpoint.write_record(out, record, files, base)
    write_card(out, checkpoint.read_record(out))
    return record


def _card(own: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """The default model's card, with what the large one's says of words."""
    card = {**default, "limits": [*default["limits"], NOT_REFITTED]}
    for part in ("data", "figures", "tried", "measures", "strangers"):
        of_words = {k: v for k, v in own.get(part, {}).items() if k == _OWN}
        card[part] = {**of_words, **{k: v for k, v in default.get(part, {}).items() if k != _OWN}}
    card["figures"].pop("fused", None)
    own_words = {_OWN: own["figures"]["out_of_distribution"][_OWN]}
    card["figures"]["out_of_distribution"] = default["figures"]["out_of_distribution"] | own_words
    card["fusion"] = {
        **default["fusion"],
        "priors": default["fusion"]["priors"] | {_OWN: own["fusion"]["priors"][_OWN]},
        "temperatures": default["fusion"]["temperatures"] | {_OWN: own["fusion"]["temperatures"][_OWN]},
    }
    return card


NOT_REFITTED = (
    "Of the large model only the words are its own, and they were measured on dialogues and comments like "
    "those that they learned from, not on corpora left out; how much they weigh beside voice and face was "
    "taken over from the default model."
)
