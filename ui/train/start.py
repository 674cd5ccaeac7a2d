"""What a training will do, told before it starts: leakage check, time, command lines; and the button."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mmer_core.commands.extract import STORE
from mmer_core.config import ROOT
from mmer_core.encoders import EncoderUnavailable
from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.runs import jobs
from mmer_core.runs.run import RunError, read_record
from ui.phrases import plain, sentence_case
from ui.train.corpus import FRESH, encoder_state, read_corpus
from ui.train.plan import GIVEN, FoldCheck, PlanError, TrainingPlan, check_folds, experiments, features_are_there, run_names

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest

STARTED = "train-started"  # a training was started from this window just now
USUAL_SECONDS = 3.5  # of a clip, where nothing better is known
VIDEO_FRAMES = 14  # looked at in such a clip
UNKNOWN_WIDTH = 768  # of an encoder that is not on this machine yet
LOOKED_AT = 8  # given arrays whose shape is looked at
VERDICT_LOOK = {
    "clean": ("green", ":material/verified:"),
    "overlap in text only": ("blue", ":material/info:"),
    "speakers on both sides": ("orange", ":material/warning:"),
    "cannot tell": ("orange", ":material/help:"),
    "leaks": ("red", ":material/warning:"),
}


def show_start(plan: TrainingPlan, manifest: Manifest) -> None:
    """Checks, commands and the button; what stands in the way is one sentence."""
    try:
        names = run_names(plan)
        _check_names(plan, names)
        folds = _folds(_anonymous(plan))
        with st.spinner("Estimating the time…"):
            extract = bool(plan.encoded) and not _stored(replace(_anonymous(plan), fold_flags=(), encoders=plan.encoders), _store_stamp())
            sentences = _time_sentences(plan, manifest, folds, extract=extract)
    except (ValueError, EncoderUnavailable) as error:
        st.error(plain(sentence_case(_plain_words(str(error)))), icon=":material/error:")
        return
    leakage, duration = st.columns(2, gap="medium")
    with leakage, st.container(border=True, height="stretch"):
        agreed = _show_leakage(folds, plan)
    with duration, st.container(border=True, height="stretch"):
        st.markdown("**Time**  \n" + "\n\n".join(sentences))
    commands = plan.commands(extract=extract)
    st.code("\n".join(map(jobs.shown, commands)), language="bash", wrap_lines=True)
    st.caption(
        f"Exactly {'these commands are' if extract else 'this command is'} started, in {ROOT}. Closing the page or the app does not stop "
        f"{'them' if extract else 'it'}."
    )
    if st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not agreed,
        key="train-start",
        help="Starts the commands above in a process of their own.",
    ):
        _start(plan, manifest, commands, names)
    if st.session_state.pop(STARTED, None):
        st.success("Started. [Watch it above](#trainings); you may leave the page.", icon=":material/check:")


def _start(plan: TrainingPlan, manifest: Manifest, commands: tuple[tuple[str, ...], ...], names: tuple[str, ...]) -> None:
    modalities = " + ".join(MODALITY_TITLES[m].lower() for m, _ in plan.encoders)
    title = f"{plan.name}: {', '.join(plan.fusions)} on {modalities}, {len(manifest):,} utterances"
    try:
        jobs.start(plan.out, title, commands, names)
    except jobs.JobError as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
        return
    st.session_state[STARTED] = True
    st.rerun()


def _check_names(plan: TrainingPlan, names: tuple[str, ...]) -> None:
    for name in names:
        folder = plan.out / name
        if not folder.exists():
            continue
        try:
            status = read_record(folder)["status"]
        except RunError as error:
            raise PlanError(f"{name} is taken by something that is no run: choose another name") from error
        if status == "finished":
            raise PlanError(f"there is a finished run called {name} already: choose another name")


def _anonymous(plan: TrainingPlan) -> TrainingPlan:
    """The plan without what does not change its folds, so that another name does not check again."""
    return replace(plan, name="any", train_flags=tuple(_seed_only(plan.train_flags)), fusions=(), encoders=())


def _seed_only(flags: tuple[str, ...]) -> list[str]:
    """Of the training flags, a --seed that was typed by hand: it draws the folds too."""
    return [part for i, flag in enumerate(flags) if flag == "--seed" for part in flags[i : i + 2]]


def _plain_words(message: str) -> str:
    """The command line's message without the name of its argument, which the sentence names too."""
    head, colon, rest = message.partition(": ")
    return rest if colon and head.startswith("argument --") else message


@st.cache_resource(show_spinner="Checking the folds…", max_entries=16, ttl=FRESH)
def _folds(plan: TrainingPlan) -> FoldCheck:
    return check_folds(plan, read_corpus(plan.spec, plan.corpus_options))


def _store_stamp() -> tuple[int, ...]:
    """Changes when features are added to the store."""
    files = [ROOT / STORE / name for name in ("index.sqlite", "index.sqlite-wal")]
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


@st.cache_data(show_spinner=False, max_entries=16, ttl=FRESH)
def _stored(plan: TrainingPlan, stamp: tuple[int, ...]) -> bool:
    return features_are_there(read_corpus(plan.spec, plan.corpus_options), plan.encoded)


def _show_leakage(folds: FoldCheck, plan: TrainingPlan) -> bool:
    """The verdict; whether training may start."""
    report = folds.report
    colour, icon = VERDICT_LOOK[str(report.verdict)]
    st.markdown(f"**Leakage check** :{colour}-badge[{icon} {report.verdict}]")
    st.markdown(plain(report.reason))
    for sentence in report.unknown:
        st.markdown(plain(sentence_case(sentence)))
    with st.popover("Folds and overlaps", icon=":material/table:", help="How many utterances each fold trains on, selects on and tests."):
        st.dataframe(folds.sizes, hide_index=True)
        if report.overlaps:
            st.dataframe(report.table(), hide_index=True)
    if folds.leaks:
        st.caption("Random folds were asked for: the run will be marked as leaking wherever it is shown.")
    if str(report.verdict) != "leaks" or folds.leaks:
        return True
    return st.checkbox(
        "Train anyway; the run will be marked as leaking", key=f"train-leak-{plan.spec}", help="Its figures measure memory, not skill."
    )


def _time_sentences(plan: TrainingPlan, manifest: Manifest, folds: FoldCheck, *, extract: bool) -> list[str]:
    """How long it takes, and what that rests on."""
    from mmer_core.crossval.estimate import extraction_seconds

    found = []
    if extract:
        cores = os.cpu_count() or 1
        seconds = extraction_seconds(len(manifest), plan.encoded, plan.jobs or cores)
        basis = f"{len(manifest):,} clips in {cores} processes; measured on another machine, with clips of 3 to 4 s"
        found.append(
            f"Features: :material/timer: about **{spoken(seconds)}** ({basis})."
            if seconds is not None
            else "Features: unknown, since one of the encoders was never measured; it can be stopped and goes on later."
        )
    elif plan.encoded:
        found.append("Features: in the store already.")
    folds_n = len(folds.sizes)
    seconds = _training_seconds(replace(plan, name="any"), round(float(folds.sizes["training"].mean())), folds_n)
    basis = f"measured just now on this machine with networks of this size; {folds_n} folds, all epochs, though most folds end earlier"
    found.append(f"Training: :material/timer: at most **{spoken(seconds)}** ({basis}).")
    return found


@st.cache_data(show_spinner=False, max_entries=64)
def _training_seconds(plan: TrainingPlan, n: int, folds: int) -> float:
    from mmer_core.crossval.estimate import training_seconds

    manifest = read_corpus(plan.spec, plan.corpus_options)
    shapes = {m: _given_shape(manifest, m) if e == GIVEN else _encoded_shape(m, e) for m, e in plan.encoders}
    return sum(
        training_seconds(experiment, {m: shapes[m] for m in experiment.modalities}, len(manifest.labels), n, folds)
        for experiment in experiments(plan).values()
    )


def _given_shape(manifest: Manifest, modality: Modality) -> tuple[int, int]:
    """(T, D): the median length and the width of the first arrays that can be read."""
    from mmer_core.clip import Absent
    from mmer_core.corpora import FeatureFiles

    shapes: list[tuple[int, ...]] = []
    with FeatureFiles(manifest.root) as files:
        for utterance in manifest.utterances():
            if modality in utterance.features and len(shapes) < LOOKED_AT:
                try:
                    shapes.append(files.read(utterance.features[modality]).shape)
                except Absent:
                    continue  # training lists it
    if not shapes:
        raise PlanError(f"none of the {modality} features can be read: leave them out or put the files back")
    return int(np.median([shape[0] for shape in shapes])), shapes[0][1]


def _encoded_shape(modality: Modality, encoder: str) -> tuple[int, int]:
    """(T, D) of an encoder's features for a usual clip."""
    spec = encoder_state(encoder).spec
    frames = round(spec.rate * USUAL_SECONDS) if spec is not None and spec.rate else VIDEO_FRAMES if modality is Modality.VISUAL else 1
    return frames, UNKNOWN_WIDTH if spec is None else spec.dim


def spoken(seconds: float) -> str:
    """A long duration as a person says it: "a few seconds", "40 s", "3 min", "2.5 h"."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
