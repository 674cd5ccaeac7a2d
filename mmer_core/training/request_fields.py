"""Everything that one training needs, as plain data: JSON, command-line flags and a form say the same thing.

Loads neither torch nor pandas; only options of fusion networks and corpus readers that arrive as text need
the code that knows their types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from mmer_core.config import JsonConfig, features_folder, runs_folder
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.features.table import GIVEN
from mmer_core.labels import Modality, parse_modality
from mmer_core.training.config import PRESETS, TrainingConfig
from mmer_core.training.json_values import checked_fields

DEFAULT_PRESET = next(iter(PRESETS))
Device = Literal["auto", "cpu", "cuda", "mps"]
Damaged = Literal["absent", "drop", "refuse"]


@dataclass(frozen=True)
class RequestFields(JsonConfig):
    """One order to cross-validate fusion networks on a corpus and to fit a model of each that reads clips.

    Attributes:
        corpus: manifest (.csv), folder of clips, or corpus:FOLDER such as ravdess:/data/ravdess.
        corpus_options: options of the corpus's reader, such as {"classes": 4}.
        encoders: {modality: encoder request, or "given" for features that came with the corpus}; empty takes
            every modality that the corpus has features for.
        fusion: names of fusion networks; unimodal trains one run for each modality.
        options: options of the fusion networks, laid over those of the preset; each takes those that it has.
        search: {field of the training settings or of the options: values to try in each fold}, judged on its
            validation part.
        trials: how many random combinations of `search` to try; 0 for all.
        preset: the settings to begin with: those of `training`, and options of the fusion networks.
        training: the settings; those of the preset where they are not given.
        plan: how the corpus is cut into folds.
        folds_file: file of given folds, CSV id,fold or JSON; then the plan's kind is "given".
        views: augmented copies of sound and pictures to train on as well, extracted with the encoder option
            augment=1 to augment=N.
        damaged: what NaN features do to their utterance.
        speaker_normalise: standardise features by speaker first; looks at test speakers' unlabelled features.
        transcribe: clips without a transcript get their words by speech recognition.
        store: folder of the feature store that `extract` filled; empty for the usual one.
        out: folder of runs; empty for the usual one.
        name: of the run's folder; the network's name is added where there are several; empty for a name made
            of corpus, network and settings.
        one_by_one: train every network apart, also those of which all folds could be trained at once.
        device: where networks are trained.
    """

    corpus: str
    corpus_options: dict[str, Any] = field(default_factory=dict)
    encoders: dict[str, str] = field(default_factory=dict)
    fusion: tuple[str, ...] = ("early",)
    options: dict[str, Any] = field(default_factory=dict)
    search: dict[str, list[Any]] = field(default_factory=dict)
    trials: int = 0
    preset: str = DEFAULT_PRESET
    training: TrainingConfig = None  # type: ignore[assignment]  # filled in from the preset
    plan: FoldPlan = field(default_factory=FoldPlan)
    folds_file: str = ""
    views: int = 0
    damaged: Damaged = "absent"
    speaker_normalise: bool = False
    transcribe: bool = False
    store: str = ""
    out: str = ""
    name: str = ""
    one_by_one: bool = False
    device: Device = "auto"

    def __post_init__(self) -> None:
        for name, value in _normalised(self).items():
            object.__setattr__(self, name, value)
        _check(self)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as a JSON object; `from_json` gives an equal request."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        found |= {"training": self.training.to_json(), "plan": self.plan.to_json()}
        return dict(json.loads(json.dumps(found)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build from a JSON object; what it leaves out has its default, and training settings those of the
        preset.

        Raises:
            ValueError: an unknown field or a value of the wrong kind, in one sentence.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"a training request must be a JSON object, not {data!r}")
        if not data.get("corpus"):
            raise ValueError(
                "the training request names no corpus: set corpus, or --manifest on the command line"
            )
        return cls(**checked_fields(cls, _complete(data), "the training request"))

    @property
    def encoded(self) -> dict[Modality, str]:
        """{modality: encoder request} of what must be in the feature store."""
        return {Modality(m): encoder for m, encoder in self.encoders.items() if encoder != GIVEN}

    @property
    def runs_folder(self) -> Path:
        """The folder that holds the runs."""
        return Path(self.out).expanduser() if self.out else runs_folder()

    @property
    def store_folder(self) -> Path:
        """The folder of the feature store."""
        return Path(self.store).expanduser() if self.store else features_folder()


def _complete(data: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object with the preset's settings under its own, and with the kind of folds that a file of
    folds implies.
    """
    found = dict(data)
    preset = found.get("preset", DEFAULT_PRESET)
    if isinstance(found.get("training", {}), Mapping) and preset in list(PRESETS):
        found["training"] = {**PRESETS[preset].training, **found.get("training", {})}
    if found.get("folds_file") and isinstance(found.get("plan", {}), Mapping):
        found["plan"] = {"kind": "given", **found.get("plan", {})}
    return found


def _normalised(request: RequestFields) -> dict[str, Any]:
    """Fields in the one form that JSON and flags give back: no spaces around texts, tuples for lists in
    options, modalities by their own name and in order.
    """
    found: dict[str, Any] = {
        f.name: getattr(request, f.name).strip()
        for f in fields(request)
        if isinstance(getattr(request, f.name), str)
    }
    encoders = {parse_modality(m): str(e).strip() for m, e in request.encoders.items()}
    found["encoders"] = {str(m): encoders[m] for m in Modality if m in encoders}
    found["fusion"] = tuple(dict.fromkeys(name.strip() for name in request.fusion if name.strip()))
    found["options"] = {k: _frozen(v) for k, v in request.options.items()}
    found["corpus_options"] = {k: _frozen(v) for k, v in request.corpus_options.items()}
    found["search"] = {k: [_frozen(v) for v in values] for k, values in request.search.items()}
    if request.training is None:
        found["training"] = PRESETS.get(request.preset, PRESETS[DEFAULT_PRESET]).config()
    if request.plan.kind == "given":
        found["plan"] = replace(request.plan, folds=FoldPlan().folds)  # the file says how many there are
    return found


def _frozen(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _check(request: RequestFields) -> None:
    """Raise ValueError for what no training can be made of."""
    checked_fields(
        type(request), {f.name: getattr(request, f.name) for f in fields(request)}, "the training request"
    )
    if not request.corpus:
        raise ValueError("nothing to train on: name a corpus")
    if not request.fusion:
        raise ValueError("no fusion network is named: name one, for example early")
    if request.preset not in PRESETS:
        raise ValueError(f"unknown preset {request.preset!r}: choose one of {', '.join(PRESETS)}")
    for modality, encoder in request.encoders.items():
        if not encoder or "," in encoder:
            raise ValueError(
                f"{encoder!r} is no encoder for {modality}: write for example text=minilm,audio=given"
            )
    for name, values in request.search.items():
        if not values:
            raise ValueError(f"the search of {name} has no values: give at least one")
    for name in ("trials", "views"):
        if getattr(request, name) < 0:
            raise ValueError(f"{name} must not be negative, and is {getattr(request, name)}")
    _check_folds(request)


def _check_folds(request: RequestFields) -> None:
    if request.folds_file and request.plan.kind != "given":
        raise ValueError(
            f"the file {request.folds_file} gives the folds, so their kind cannot be {request.plan.kind}: "
            "leave one of them out"
        )
    if request.plan.kind == "given" and not request.folds_file:
        raise ValueError("given folds need a file that says the fold of each id: name it with --folds FILE")
    if request.folds_file.isdigit():
        raise ValueError(
            f"{request.folds_file!r} reads as a number of folds: write the file as ./{request.folds_file}"
        )
