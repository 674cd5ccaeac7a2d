"""The voice network without some of its speakers, or without a whole corpus, and what it says of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from mmer_core.fusion.heads.mean import MeanNetwork
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS
from recipes.voice.speakers import Known, Voices, read_voices
from recipes.voice.training import VoiceTraining, train


class Reading(NamedTuple):
    """A way in which recordings are measured: what is known of the speaker, and the variant."""

    known: Known
    variant: int = 0


#: By the suffix of their columns; the first has none.
READINGS: dict[str, Reading] = {
    "as_recorded": Reading("nothing"),
    "varied": Reading("nothing", 1),
    "narrow_band": Reading("nothing", 2),
    "ordinary": Reading("ordinary"),
    "own_clips": Reading("all"),
}
_MOST = 3  # neutral clips, about ten seconds, that "ordinary" knows at most


def halves(network: MeanNetwork) -> MeanNetwork:
    """The network with its weights in half precision, as they are shipped; its statistics stay."""
    for name, tensor in network.state_dict().items():
        if name not in ("mean", "std"):
            tensor.copy_(tensor.half())
    return network


def read_apart(
    voices: Voices, silent: Voices, left_out: Sequence[bool], config: VoiceTraining
) -> pd.DataFrame:
    """What a network trained without the recordings that are left out says of them; see `table_of`."""
    learned = voices.take(i for i, out in enumerate(left_out) if not out)
    network, scaling = train(learned, silent, config)
    return table_of(halves(network), scaling, voices.take(i for i, out in enumerate(left_out) if out))


@torch.inference_mode()
def table_of(network: MeanNetwork, scaling: InputScaling, voices: Voices) -> pd.DataFrame:
    """One row for each recording: id, label, group (the speaker), corpus, gender, fold, logit_<emotion> as
    recorded, and logit_<emotion>_<reading> for the other readings.
    """
    clips = voices.clips
    columns = {k: [getattr(c, k) for c in clips] for k in ("id", "label", "corpus", "gender", "fold")}
    columns["group"] = [c.speaker for c in clips]
    for name, (known, variant) in READINGS.items():
        rng = np.random.default_rng(0)
        means = read_voices(voices, scaling, known, rng, most=_MOST, variant=variant)
        answers = network.answer(torch.from_numpy(means)).numpy()
        columns |= {f"logit_{e}{suffix(name)}": list(answers[:, i]) for i, e in enumerate(EMOTIONS)}
    return pd.DataFrame(columns)


def suffix(reading: str) -> str:
    """What the names of a reading's columns end with."""
    return "" if reading == "as_recorded" else f"_{reading}"


def logits_of(table: pd.DataFrame, reading: str = "as_recorded") -> np.ndarray:
    """(N, C) float32 of a table of `table_of`."""
    return table[[f"logit_{e}{suffix(reading)}" for e in EMOTIONS]].to_numpy(np.float32)
