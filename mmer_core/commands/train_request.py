"""From the flags of `train` to the study and its experiments."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core import corpora, flags, fusion
from mmer_core.corpora import Manifest
from mmer_core.corpora.folds import fold_order
from mmer_core.crossval.experiment import Experiment, Study
from mmer_core.extraction.corpus_features import GIVEN, feature_table
from mmer_core.extraction.store import FeatureStore
from mmer_core.features.preparation import normalised_by_group, without_damage
from mmer_core.features.table import FeatureTable
from mmer_core.folds import FoldPlan, cut
from mmer_core.labels import Modality, parse_modality
from mmer_core.training.config import PRESETS, TrainingConfig

TRAINING_FIELDS = {f.name for f in fields(TrainingConfig)}


def fold_plan(args: argparse.Namespace) -> FoldPlan:
    """The plan that the flags describe; a file of folds makes them given."""
    values = {name: value for name, value in flags.given(args, FoldPlan).items() if name != "folds"}
    if str(args.folds).isdigit():
        return FoldPlan(**{**values, "kind": args.folds_kind or "group", "folds": int(args.folds)})
    if args.folds_kind:
        raise ValueError(f"--folds {args.folds} gives the folds, so --folds-kind cannot be set: leave one of them out")
    return FoldPlan(**{**values, "kind": "given"})


def make_study(args: argparse.Namespace, manifest: Manifest, plan: FoldPlan) -> Study:
    """Features and folds."""
    encoders = parse_encoders(args.encoders)
    tables = [read_features(args, manifest, plan, encoders)]
    tables += [read_features(args, manifest, plan, augmented(encoders, view)) for view in range(1, args.views + 1)]
    table, *views = [without_damage(table, args.damaged) for table in tables]
    if args.speaker_normalise:
        table, *views = [normalised_by_group(table) for table in (table, *views)]
    folds = cut(plan, y=table.y, groups=table.groups, ids=table.ids, labels=table.labels, split=table.split, given=given_folds(args, manifest, plan))
    return Study(table, folds, plan.seed, side_by_side=not args.one_by_one, views=tuple(in_order_of(table, view) for view in views))


def read_features(args: argparse.Namespace, manifest: Manifest, plan: FoldPlan, encoders: Mapping[Modality, str]) -> FeatureTable:
    """The features that the corpus brought, and those in the feature store."""
    store = FeatureStore(args.store) if any(encoder != GIVEN for encoder in encoders.values()) else None
    return feature_table(manifest, encoders, groups=plan.groups, store=store, scratch=args.out)


def augmented(encoders: Mapping[Modality, str], view: int) -> dict[Modality, str]:
    """The same encoders on a changed copy of the clips; words and dialogue stay as they are.

    Raises:
        ValueError: no encoder reads sound or pictures.
    """
    changed = {m: e for m, e in encoders.items() if m in (Modality.AUDIO, Modality.VISUAL) and e != GIVEN}
    if not changed:
        raise ValueError("--views needs an encoder of sound or pictures in --encoders: features that came with the corpus cannot be augmented")
    return {**encoders, **{m: f"{encoder}:augment={view}" for m, encoder in changed.items()}}


def in_order_of(table: FeatureTable, view: FeatureTable) -> FeatureTable:
    """The view with exactly the table's utterances.

    Raises:
        ValueError: the view lacks one.
    """
    row = {id_: i for i, id_ in enumerate(view.ids.tolist())}
    lacking = [id_ for id_ in table.ids.tolist() if id_ not in row]
    if lacking:
        raise ValueError(f"an augmented copy of {lacking[0]} could not be encoded: train without --views or mend the clip")
    return view.take(np.array([row[id_] for id_ in table.ids.tolist()]))


def given_folds(args: argparse.Namespace, manifest: Manifest, plan: FoldPlan) -> dict[str, int] | None:
    """{id: fold} from the file of folds, if one was named."""
    if plan.kind != "given":
        return None
    named = corpora.read_folds(Path(args.folds), manifest)
    number = {name: i for i, name in enumerate(fold_order(named))}
    return {str(id_): number[fold] for id_, fold in named.items()}


def parse_encoders(text: str) -> dict[Modality, str]:
    """{modality: encoder} from "text=minilm,audio=mel_cnn"."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    broken = [name for name, _, encoder in pairs if not encoder.strip()]
    if broken:
        raise ValueError(f"--encoders {broken[0]!r} names no encoder: write for example text=minilm,audio=given")
    return {parse_modality(name): encoder.strip() for name, _, encoder in pairs}


def make_experiments(args: argparse.Namespace, modalities: Sequence[Modality]) -> dict[str, Experiment]:
    """{name: what to train}: one for each fusion model, one for each modality where the model is unimodal.

    Raises:
        ValueError: an option or a value that none of the models has.
    """
    names = [name.strip() for name in args.fusion.split(",") if name.strip()]
    kinds = {name: fusion.factory(name).Options for name in names}  # type: ignore[attr-defined]
    config = TrainingConfig(**{**PRESETS[args.preset], **flags.given(args, TrainingConfig)})
    _known_to_one(kinds, [*args.option, *args.search])
    found = {}
    for name, kind in kinds.items():
        own = {f.name for f in fields(kind)}
        options = flags.parse_pairs(kind, [pair for pair in args.option if _key(pair) in own])
        search = {
            _key(pair): _values(kind if _key(pair) in own else TrainingConfig, pair) for pair in args.search if _key(pair) in own | TRAINING_FIELDS
        }
        alone = name == "unimodal" and len(modalities) > 1
        for use in [(m,) for m in modalities] if alone else [tuple(modalities)]:
            found[f"{name}-{use[0]}" if alone else name] = Experiment(name, use, options, config, search, args.trials)
    return found


def _known_to_one(kinds: Mapping[str, type], pairs: Sequence[str]) -> None:
    known = TRAINING_FIELDS.union(*({f.name for f in fields(kind)} for kind in kinds.values()))
    unknown = [_key(pair) for pair in pairs if _key(pair) not in known]
    if unknown:
        raise ValueError(f"none of {', '.join(kinds)} has an option {unknown[0]!r}: see --list-options")


def _key(pair: str) -> str:
    return pair.partition("=")[0].strip().replace("-", "_")


def _values(kind: type, pair: str) -> list[Any]:
    """The values of one --search, split at | or, where no value is itself a list, at commas."""
    text = pair.partition("=")[2]
    single = "|" in text or isinstance(flags.parse_value(kind, _key(pair), text.split(",")[0]), tuple)
    return [flags.parse_value(kind, _key(pair), part) for part in text.split("|" if single else ",")]
