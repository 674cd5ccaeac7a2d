"""From a training request to the study and its experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core import corpora
from mmer_core.corpora import Manifest
from mmer_core.corpora.folds import fold_order
from mmer_core.crossval.experiment import Experiment, Study
from mmer_core.encoders.request import EncoderRequest
from mmer_core.evaluation.folds import Fold, make_folds
from mmer_core.features.corpus_table import feature_table
from mmer_core.features.preparation import normalised_by_group, without_damage
from mmer_core.features.store import FeatureStore
from mmer_core.features.table import GIVEN, FeatureTable
from mmer_core.inference import record as records
from mmer_core.labels import Modality
from mmer_core.media.language import ENGLISH, mostly_english
from mmer_core.training.config import PRESETS, TrainingConfig
from mmer_core.training.device import resolve
from mmer_core.training.json_values import checked_fields
from mmer_core.training.request import TrainRequest
from mmer_core.training.request_flags import TRAINING_FIELDS, option_kinds


def read_corpus(request: TrainRequest) -> Manifest:
    """The corpus of a request.

    Raises:
        CorpusError: it is not there, or cannot be read as what it should be.
    """
    return corpora.read(request.corpus, **request.corpus_options)


def make_study(request: TrainRequest, manifest: Manifest) -> Study:
    """Features and folds of a request.

    Args:
        request: what is trained.
        manifest: its corpus, as `read_corpus` gives it.

    Raises:
        ValueError: features that are not there, or a corpus that cannot be cut this way.
    """
    encoders = {Modality(m): encoder for m, encoder in request.encoders.items()}
    tables = [read_features(request, manifest, encoders)]
    tables += [
        read_features(request, manifest, augmented(encoders, view)) for view in range(1, request.views + 1)
    ]
    device = str(resolve(request.device))
    table, *views = [without_damage(table, request.damaged) for table in tables]
    if request.speaker_normalise:
        table, *views = [normalised_by_group(table) for table in (table, *views)]
    return Study(
        table,
        cut(
            request,
            manifest,
            y=table.y,
            groups=table.groups,
            ids=table.ids,
            split=table.split,
        ),
        request.plan.seed,
        side_by_side=not request.one_by_one,
        views=tuple(in_order_of(table, view) for view in views),
        device=device,
        entries=model_entries(request, table, manifest),
    )


def model_entries(
    request: TrainRequest, table: FeatureTable, manifest: Manifest
) -> dict[Modality, Mapping[str, Any]]:
    """{modality: its entry in the record of a model}: the encoder that computed its features, or that they
    came with the corpus.
    """
    encoded = request.encoded
    found: dict[Modality, Mapping[str, Any]] = {
        m: records.given(dim, f"features of the corpus {manifest.corpus}")
        for m, dim in table.dims.items()
        if m not in encoded
    }
    if encoded:
        store = FeatureStore(request.store_folder)
        for modality, text in encoded.items():
            asked = EncoderRequest.parse(text.partition("@")[0])
            spec = store.spec(store.fingerprint(text))
            language = None
            if modality is Modality.TEXT and mostly_english(manifest.table["text"].tolist()):
                language = ENGLISH
            found[modality] = records.computed(asked.name, dict(asked.options), spec, language)
        store.close()
    return found


def corpus_folds(request: TrainRequest, manifest: Manifest) -> list[Fold]:
    """The folds of a request over the whole corpus, before it is known which utterances have features.

    Raises:
        ValueError: it cannot be cut this way; one sentence says why.
    """
    split = manifest.table["split"].to_numpy(dtype=str)
    return cut(
        request,
        manifest,
        y=manifest.y,
        groups=manifest.groups(request.plan.groups, required=not request.plan.leaks),
        ids=np.array(manifest.ids, dtype=str),
        split=split if (split != "").any() else None,
    )


def cut(
    request: TrainRequest,
    manifest: Manifest,
    *,
    y: np.ndarray,
    groups: np.ndarray,
    ids: np.ndarray,
    split: np.ndarray | None,
) -> list[Fold]:
    """The folds of N utterances of the corpus; y, groups, ids and split are (N,), see `make_folds`."""
    return make_folds(
        request.plan,
        y=y,
        groups=groups,
        ids=ids,
        labels=manifest.labels,
        split=split,
        given=given_folds(request, manifest),
    )


def read_features(
    request: TrainRequest, manifest: Manifest, encoders: Mapping[Modality, str]
) -> FeatureTable:
    """The features that the corpus brought, and those in the feature store."""
    encoded = any(encoder != GIVEN for encoder in encoders.values())
    store = FeatureStore(request.store_folder) if encoded else None
    return feature_table(
        manifest,
        encoders,
        groups=request.plan.groups,
        groups_needed=not request.plan.leaks,  # random folds keep nothing apart
        store=store,
        transcribe=request.transcribe,
        scratch=request.runs_folder,
    )


def augmented(encoders: Mapping[Modality, str], view: int) -> dict[Modality, str]:
    """The same encoders on a changed copy of the clips; words and dialogue stay as they are.

    Raises:
        ValueError: no encoder reads sound or pictures.
    """
    changed = {m: e for m, e in encoders.items() if m in (Modality.AUDIO, Modality.VISUAL) and e != GIVEN}
    if not changed:
        raise ValueError(
            "--views needs an encoder of sound or pictures in --encoders: features that came with "
            "the corpus cannot be augmented"
        )
    return {**encoders, **{m: f"{encoder}:augment={view}" for m, encoder in changed.items()}}


def in_order_of(table: FeatureTable, view: FeatureTable) -> FeatureTable:
    """The view with exactly the table's utterances.

    Raises:
        ValueError: the view lacks one.
    """
    row = {id_: i for i, id_ in enumerate(view.ids.tolist())}
    lacking = [id_ for id_ in table.ids.tolist() if id_ not in row]
    if lacking:
        raise ValueError(
            f"an augmented copy of {lacking[0]} could not be encoded: train without --views or mend the clip"
        )
    return view.take(np.array([row[id_] for id_ in table.ids.tolist()]))


def given_folds(request: TrainRequest, manifest: Manifest) -> dict[str, int] | None:
    """{id: fold} from the file of folds, if one is named."""
    if not request.folds_file:
        return None
    named = corpora.read_folds(Path(request.folds_file).expanduser(), manifest)
    number = {name: i for i, name in enumerate(fold_order(named))}
    return {str(id_): number[fold] for id_, fold in named.items()}


def make_experiments(request: TrainRequest, modalities: Sequence[Modality]) -> dict[str, Experiment]:
    """{name: what to train}: one for each fusion network, one for each modality where the network is
    unimodal.

    Raises:
        ValueError: an option or a value that none of the networks has.
    """
    kinds = option_kinds(request.fusion)
    known = TRAINING_FIELDS.union(*({f.name for f in fields(kind)} for kind in kinds.values()))
    unknown = [name for name in (*request.options, *request.search) if name not in known]
    if unknown:
        raise ValueError(f"none of {', '.join(kinds)} has an option {unknown[0]!r}: see --list-options")
    found: dict[str, Experiment] = {}
    for name, kind in kinds.items():
        own = {f.name for f in fields(kind)}
        preset = PRESETS[request.preset].options.get(name, {})
        given = {key: value for key, value in {**preset, **request.options}.items() if key in own}
        search = {
            key: [_checked(kind if key in own else TrainingConfig, key, value, name) for value in values]
            for key, values in request.search.items()
            if key in own | TRAINING_FIELDS
        }
        experiment = Experiment(
            name,
            tuple(modalities),
            checked_fields(kind, given, f"the network {name}"),
            request.training,
            search,
            request.trials,
        )
        if name == "unimodal" and len(modalities) > 1:
            found |= {f"{name}-{m}": replace(experiment, modalities=(m,)) for m in modalities}
        else:
            found[name] = experiment
    return found


def _checked(kind: type, key: str, value: Any, network: str) -> Any:
    return checked_fields(kind, {key: value}, f"the network {network}")[key]
