"""How much of a speaker a recording must hold before their own baseline helps, and what spoils it.

Corpora that were left out of training are read against baselines of 1 to 16 clips of the same speaker. A
recording gives clips without labels; so they are taken as the corpus draws them, with more of the emotion
that is asked about, with clips of another speaker among them, as errors of diarisation put there, or with the
clip itself. `python -m recipes.studies.baseline_curve --data DIR --work DIR` trains and measures.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmer_core.fusion.heads.mean import MeanNetwork
from mmer_core.inference.scoring import InputScaling
from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS
from recipes.command import recipe_parser, run_recipe
from recipes.left_out import MEANS, Answering, LeftOut, fit_temperature, scores
from recipes.voice.clips import cached_moments, fill_cache, sounds_without_voice, voice_clips
from recipes.voice.figures import EQUAL
from recipes.voice.folds import halves
from recipes.voice.speakers import Voices
from recipes.voice.training import VoiceTraining, train

COUNTS = (1, 2, 4, 8, 16)  # clips that a baseline is made of


@dataclass(frozen=True)
class Heard:
    """What a baseline is made of: other clips of the same speaker, as the corpus draws them, but for this.

    Attributes:
        same: share of clips of the emotion of the clip that is asked about; None for as many as there are.
        neutral: only neutral clips, and known to be ordinary speech.
        stranger: share of clips that are of one other speaker of the corpus.
        itself: the clip that is asked about is one of them.
    """

    same: float | None = None
    neutral: bool = False
    stranger: float = 0.0
    itself: bool = False


KINDS: dict[str, Heard] = {
    "as they come": Heard(),
    "neutral": Heard(neutral=True),
    "15 % of another speaker": Heard(stranger=0.15),
    "all of another speaker": Heard(stranger=1.0),
    "the clip itself among them": Heard(itself=True),
    "50 % of the same emotion": Heard(same=0.5),
    "70 % of the same emotion": Heard(same=0.7),
    "all of the same emotion": Heard(same=1.0),
}


def drawn(
    voices: Voices,
    speakers: Mapping[str, Sequence[int]],
    row: int,
    heard: Heard,
    *,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Positions (K,) of the clips that the baseline of the clip at `row` is made of; K is `count`, or less
    where the speaker has less.

    Args:
        voices: clips of one corpus.
        speakers: theirs, see `Voices.of_speakers`.
        row: position of the clip that is asked about.
        heard: what the baseline is made of.
        count: of clips in it.
        rng: draws them.
    """
    own, label = speakers[voices.clips[row].speaker], voices.clips[row].label
    others = rng.permutation([i for i in (voices.ordinary(own) if heard.neutral else own) if i != row])
    if heard.same is not None:
        alike = np.array([voices.clips[i].label == label for i in others], dtype=bool)
        enough = round(heard.same * count)
        others = np.concatenate([others[alike][:enough], others[~alike][: count - enough]])
    if heard.itself:
        others = np.concatenate([[row], others])
    chosen = others[:count].astype(int)
    strangers = [name for name in speakers if name != voices.clips[row].speaker]
    if heard.stranger and strangers:
        stranger = speakers[strangers[int(rng.integers(len(strangers)))]]
        mistaken = rng.random(len(chosen)) < heard.stranger
        chosen[mistaken] = rng.choice(stranger, int(mistaken.sum()))
    return chosen


def read_against(
    voices: Voices, scaling: InputScaling, heard: Heard, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """(N, D) float32 standardised means of one corpus's clips, each against a baseline of its own, and how
    long the baselines are on average, in seconds.
    """
    means = np.empty((len(voices), len(scaling.mean)), dtype=np.float32)
    speakers, seconds = voices.of_speakers(), 0.0
    for row, moments in enumerate(voices.moments):
        rows, used = drawn(voices, speakers, row, heard, count=count, rng=rng), scaling
        if len(rows):
            baseline = replace(voices.pooled(rows), ordinary=heard.neutral)
            used, seconds = scaling.towards(baseline), seconds + baseline.seconds
        means[row] = (moments[0].mean - used.mean) / used.sd
    return means, seconds / max(1, len(voices))


@dataclass(frozen=True)
class LeftOutVoice:
    """A corpus, and a network and an average speaker that know nothing of it."""

    voices: Voices
    network: MeanNetwork
    scaling: InputScaling

    @torch.inference_mode()
    def read(self, heard: Heard, count: int, seed: int) -> tuple[LeftOut, float]:
        """What the network says of the corpus, see `read_against`, and the seconds of the baselines."""
        rng = np.random.default_rng(seed)
        means, seconds = read_against(self.voices, self.scaling, heard, count, rng)
        labels = np.array([EMOTIONS.index(str(clip.label)) for clip in self.voices.clips])
        groups = np.array([clip.speaker for clip in self.voices.clips])
        return LeftOut(self.network.answer(torch.from_numpy(means)).numpy(), labels, groups), seconds


def curve(
    corpora: Mapping[str, LeftOutVoice],
    kinds: Mapping[str, Heard] | None = None,
    counts: Sequence[int] = COUNTS,
    seed: int = 0,
) -> dict[str, dict[str, dict[str, float]]]:
    """{kind: {count: mean scores over the corpora, and seconds}}, and "nothing": {"0": ...}.

    The temperature of each corpus is fitted as the shipped one: on what is said of the others where nothing
    is known of a speaker.
    """
    unknown = {name: one.read(Heard(), 0, seed)[0] for name, one in corpora.items()}
    answering = {
        name: Answering(
            fit_temperature([part for other, part in unknown.items() if other != name], EQUAL, EQUAL),
            EQUAL,
            EQUAL,
        )
        for name in corpora
    }

    def mean_scores(heard: Heard, count: int) -> dict[str, float]:
        rows = []
        for name, one in corpora.items():
            part, seconds = one.read(heard, count, seed)
            found = scores(answering[name].logits(part.logits), part.labels)
            rows.append({key: found[key] for key in MEANS} | {"seconds": seconds})
        return {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}

    found = {"nothing": {"0": mean_scores(Heard(), 0)}}
    for kind, heard in (KINDS if kinds is None else kinds).items():
        found[kind] = {str(count): mean_scores(heard, count) for count in counts}
        print(f"voice: baselines, {kind}", flush=True)
    return found


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]], score: str = "ua") -> str:
    """One of the scores as a Markdown table: a row for each kind, a column for each number of clips."""
    counts = list(next(rows for kind, rows in found.items() if kind != "nothing"))
    seconds = next(rows for kind, rows in found.items() if kind != "nothing")
    header = ["baseline of", *(f"{count} ({seconds[count]['seconds']:.0f} s)" for count in counts)]
    rows = [header, ["---"] * len(header)]
    rows += [
        [kind, *(f"{cells[count][score]:.3f}" for count in counts)]
        for kind, cells in found.items()
        if kind != "nothing"
    ]
    unknown = f"nothing known: {found['nothing']['0'][score]:.3f}"
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", unknown])


def measure(data: Path, work: Path, seed: int = 0) -> dict[str, Any]:
    """Train a network without each corpus, write `work/voice_baselines.json` and print its UA."""
    clips, quiet = voice_clips(data), sounds_without_voice()
    fill_cache([*clips, *quiet], work / "cache")
    voices = Voices(clips, cached_moments(clips, work / "cache"))
    silent = Voices(quiet, cached_moments(quiet, work / "cache"))
    corpora = {}
    for corpus in dict.fromkeys(clip.corpus for clip in clips):
        inside = [clip.corpus == corpus for clip in clips]
        learned = voices.take(i for i, out in enumerate(inside) if not out)
        network, scaling = train(learned, silent, VoiceTraining(seed=seed))
        own = voices.take(i for i, out in enumerate(inside) if out)
        corpora[corpus] = LeftOutVoice(own, halves(network), scaling)
        print(f"voice: without {corpus}", flush=True)
    found = curve(corpora, seed=seed)
    write_json(work / "voice_baselines.json", found)
    print(table(found), flush=True)
    return found


def _run(args: argparse.Namespace) -> None:
    measure(args.data, args.work, args.seed)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this table."""
    description = "Measure how much of a speaker a baseline needs, on corpora left out of training."
    run_recipe(recipe_parser(description, "ravdess, emodb, tess and voices"), argv, _run)


if __name__ == "__main__":
    main()
