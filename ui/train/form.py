"""The training form: corpus, features, fusion models, folds and settings, as a `TrainingPlan`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mmer_core import corpora, encoders
from mmer_core.corpora.files import AUDIO_SUFFIXES
from mmer_core.folds import FoldPlan
from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.training.config import PRESETS, TrainingConfig
from ui import runs
from ui.phrases import plain
from ui.train.corpus import MADE_UP, EncoderState, choose_corpus, encoder_state
from ui.train.plan import GIVEN, TrainingPlan
from ui.train.settings import as_flags, changed_settings

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest

FETCH = "train-fetch"
OFF = "off"
MAIN_SETTINGS = ("epochs", "batch_size", "learning_rate")
PRESET_TITLES = {"s0": "S0: Adam, 50 epochs, early stopping", "s4": "S4: AdamW, 15 epochs, augmented"}
SET_ABOVE = ("--manifest", "--corpus-option", "--encoders", "--fusion", "--name", "--out", "--store", "--folds", "--folds-kind", "--list-options")
FOLD_KINDS = {
    "group": "Keep people apart: the test part has nobody from training",
    "leave-one-out": "Leave one out: each fold tests one speaker, session or dialogue",
    "official": "The corpus's own split into train, dev and test",
    "given": "Folds from a file",
    "random": "Random, which leaks: the same people on both sides",
}
FUSION_SENTENCES = {
    "unimodal": "each modality on its own, the yardstick",
    "early": "all features side by side into one network",
    "late_mean": "one network per modality, mean of their probabilities",
    "late_vote": "one network per modality, majority vote",
    "late_weighted": "one network per modality, learned weights",
    "ensemble": "early and late fusion in one network",
    "mmb": "a recurrent network per modality, then fused",
    "mmmla": "recurrent networks with attention across modalities",
    "crossmodal": "what each says alone, corrected by cross-modal attention",
}


def choose_features(manifest: Manifest) -> tuple[tuple[Modality, str], ...]:
    """One control for each modality that the corpus has; (modality, encoder or given) of those in use."""
    st.subheader("2 · Features", anchor="features")
    offered = {m: _choices(manifest, m) for m in Modality}
    missing = {name: state for _, states in offered.values() for name, state in states.items()}
    usable = {m: choices for m, (choices, _) in offered.items() if choices}
    if not usable:
        st.error("The corpus has nothing that can be encoded here.", icon=":material/error:")
        return ()
    chosen = []
    for place, (modality, choices) in zip(st.columns(len(usable)), usable.items(), strict=True):
        with place:
            encoder = st.selectbox(
                MODALITY_TITLES[modality],
                [*choices, OFF],
                index=len(choices) if modality is Modality.METADATA else 0,
                format_func=lambda name: {GIVEN: "as they came with the corpus", OFF: "not used"}.get(name, name),
                key=f"train-features-{modality}-{','.join(choices)}",
                help="What turns it into numbers. Features that are not in the store yet are extracted first.",
            )
        if encoder != OFF:
            chosen.append((modality, encoder))
    if missing:
        _show_missing(missing)
    return tuple(chosen)


def _show_missing(missing: Mapping[str, EncoderState]) -> None:
    """What is not on this machine and how to get it; those of a hub can be offered all the same."""
    with st.expander(f"{len(missing)} more encoders are not on this machine", icon=":material/block:"):
        st.markdown("\n".join(f"- **{name}**: {plain(state.missing)}." for name, state in missing.items()))
        if any(state.fetched for state in missing.values()):
            st.toggle("Offer those of the model hub", key=FETCH, help="They are fetched when the training starts, if the hub can be reached.")


def choose_models() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Fusion models, and the flags for their training."""
    from mmer_core import fusion  # loads torch, which the page need not wait for before there is a corpus

    st.subheader("3 · Fusion models", anchor="models")
    names = sorted(fusion.names(), key=lambda name: (list(FUSION_SENTENCES).index(name) if name in FUSION_SENTENCES else 99, name))
    chosen = st.multiselect(
        "Models",
        names,
        default=["early"],
        format_func=lambda name: f"{name}: {FUSION_SENTENCES[name]}" if name in FUSION_SENTENCES else name,
        key="train-fusion",
        help="Several models are trained on the same folds, so that they can be compared.",
    )
    preset = st.segmented_control(
        "Settings",
        list(PRESETS),
        default="s0",
        required=True,
        format_func=lambda p: PRESET_TITLES.get(p, p),
        key="train-preset",
        help="Published settings to begin with.",
    )
    defaults = PRESETS[preset]
    changed = changed_settings(TrainingConfig, defaults, f"train-{preset}", only=MAIN_SETTINGS)
    flags = [*(("--preset", preset) if preset != "s0" else ())]
    with st.expander("Advanced settings", icon=":material/tune:"):
        changed |= changed_settings(TrainingConfig, defaults, f"train-{preset}", leave_out=MAIN_SETTINGS)
        if len(chosen) == 1:
            st.markdown(f"**Options of {chosen[0]}**")
            options = changed_settings(fusion.factory(chosen[0]).Options, {}, f"train-{chosen[0]}", leave_out=("modality",))  # type: ignore[attr-defined]
            flags += [part for name, text in options.items() for part in ("--option", f"{name}={text}")]
        st.markdown("**Anything else**")
        flags += _more_flags()
    return tuple(chosen), (*as_flags(changed), *flags)


def choose_folds(manifest: Manifest) -> tuple[str, ...]:
    """The flags that say how the corpus is cut."""
    st.subheader("4 · Folds", anchor="folds")
    has_split = len(set(manifest.table["split"]) - {""}) > 1
    kinds = [kind for kind in FOLD_KINDS if kind != "official" or has_split]
    kind = st.selectbox(
        "How to cut", kinds, format_func=FOLD_KINDS.__getitem__, key="train-folds-kind", help="What is tested, and what it must not have met."
    )
    units = [u for u, column in corpora.manifest.GROUP_COLUMNS.items() if (manifest.table[column] != "").all()] or ["speaker"]
    groups_place, number_place, seed_place = st.columns(3)
    with groups_place:
        unit = st.selectbox(
            "Keep apart", units, key=f"train-groups-{','.join(units)}", help="What is never on two sides; only what the corpus tells is offered."
        )
    groups = len(set(manifest.table[corpora.manifest.GROUP_COLUMNS[unit]]))
    flags: list[str] = []
    with number_place:
        if kind == "given":
            file = st.text_input(
                "File",
                key="train-folds-file",
                placeholder="/data/folds.csv",
                help="A CSV with the columns id and fold, or JSON with the speakers of each fold.",
            )
            flags += ["--folds", str(Path(file.strip()).expanduser().absolute()) if file.strip() else "folds.csv"]
        elif kind in ("group", "random"):
            most = max(2, groups if kind == "group" else 20)
            number = st.number_input(
                "Folds", 2, most, min(5, most), key=f"train-folds-{kind}-{most}", help="How often the corpus is cut; each utterance is tested once."
            )
            flags += ["--folds", str(number)]
    if kind not in ("group", "given"):
        flags += ["--folds-kind", kind]
    if unit != "speaker":
        flags += ["--groups", unit]
    with seed_place:
        seed = st.number_input(
            "Seed", value=0, min_value=0, step=1, key="train-seed", help="Of folds, first weights and batches; the same seed gives the same figures."
        )
    if seed:
        flags += ["--seed", str(seed)]
    with st.expander("Advanced folds", icon=":material/tune:"):
        flags += as_flags(changed_settings(FoldPlan, {}, "train-plan", only=("validation", "repeat")))
    return tuple(flags)


def choose_name(corpus: str, classes: int, plan_fusions: tuple[str, ...]) -> str:
    """The name of the run; a free one is proposed."""
    first = f"{corpus}-{classes}-{plan_fusions[0] if len(plan_fusions) == 1 else 'models'}"
    taken = {p.name for p in runs.FOLDER.iterdir()} if runs.FOLDER.is_dir() else set()
    free = next(n for i in range(1, 10_000) if not any(t == (n := first if i == 1 else f"{first}-{i}") or t.startswith(f"{n}-") for t in taken))
    return st.text_input(
        "Name of the run", value=free, key=f"train-name-{free}", help="Of its folder; the model is added when there are several."
    ).strip()


def _choices(manifest: Manifest, modality: Modality) -> tuple[list[str], dict[str, EncoderState]]:
    """What can stand for a modality of this corpus; and the encoders that are not on this machine."""
    table = manifest.table
    paths = table["path"][table["path"] != ""]
    evidence = {
        Modality.TEXT: bool((table["text"] != "").any()),
        Modality.AUDIO: bool(len(paths)),
        Modality.VISUAL: bool((~paths.str.lower().str.endswith(AUDIO_SUFFIXES)).any()),
        Modality.METADATA: bool(((table["dialogue"] != "") & (table["utterance"] >= 0)).any()),
    }[modality]
    states = {name: encoder_state(name) for name in encoders.FAMILIES[modality]} if evidence else {}
    fetch = bool(st.session_state.get(FETCH))
    ready = [name for name, state in states.items() if state.spec is not None or (fetch and state.fetched)]
    return [GIVEN] * manifest.has_features(modality) + ready, {name: state for name, state in states.items() if state.spec is None}


def _more_flags() -> list[str]:
    text = st.text_input(
        "More flags of the command line",
        key="train-more",
        placeholder="--search learning_rate=1e-3|1e-4 --speaker-normalise",
        help="Anything that python -m mmer_core train --help lists.",
    )
    try:
        parts = shlex.split(text)
    except ValueError as error:
        st.error(plain(f"These flags cannot be read ({error}): close the quotation."), icon=":material/error:")
        return []
    doubled = next((part for part in parts if part.partition("=")[0] in SET_ABOVE), None)
    if doubled is not None:
        st.error(plain(f"{doubled} is set by the form: leave it out here."), icon=":material/error:")
        return []
    return parts


def filled_form() -> tuple[TrainingPlan, Manifest] | None:
    """The whole form; None as long as there is no corpus."""
    corpus = choose_corpus()
    if corpus is None:
        return None
    spec, options, manifest = corpus
    features = choose_features(manifest)
    fusions, train_flags = choose_models()
    fold_flags = choose_folds(manifest)
    st.subheader("5 · Check and start", anchor="start")
    name = choose_name("made-up" if Path(spec).name == MADE_UP else manifest.corpus, len(manifest.labels), fusions)
    return TrainingPlan(spec, options, features, fusions, fold_flags, train_flags, name, runs.FOLDER), manifest
