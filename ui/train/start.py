"""The last part of the training form: leakage check, time, commands, and the button that starts them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from mmer_core.encoders import EncoderUnavailable
from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.runs import jobs
from mmer_core.runs.run import RunError, read_record
from mmer_core.training.request import TrainRequest
from ui import runs
from ui.text import listed, plain, sentence_case
from ui.train.commands import (
    FoldCheck,
    PlanError,
    check_folds,
    commands,
    experiments,
    extract_command,
    features_are_there,
    run_names,
    train_command,
)
from ui.train.corpus import FRESH, read_corpus
from ui.train.durations import duration_sentences

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest

STARTED = "train-started"  # a training was started from this window just now
VERDICT_STYLE = {
    "clean": ("green", ":material/verified:"),
    "overlap in text only": ("blue", ":material/info:"),
    "speakers on both sides": ("orange", ":material/warning:"),
    "cannot tell": ("orange", ":material/help:"),
    "leaks": ("red", ":material/warning:"),
}


def show_start(request: TrainRequest, manifest: Manifest) -> None:
    """Checks, commands and the button; whatever stands in the way is one sentence."""
    try:
        names = run_names(request)
        _check_names(names)
        experiments(request)
        folds = _folds(_without_networks(request))
        with st.spinner("Estimating the time…"):
            extract = bool(request.encoded) and not _stored(_features_only(request), _store_stamp(request))
            sentences = duration_sentences(request, manifest, folds, extract=extract)
    except (ValueError, EncoderUnavailable) as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
        return
    leakage, duration = st.columns(2, gap="medium")
    with leakage, st.container(border=True, height="stretch"):
        agreed = _show_leakage(folds, request)
    with duration, st.container(border=True, height="stretch"):
        st.markdown("**Time**  \n" + "\n\n".join(sentences))
    shown = [extract_command(request)] if extract else []
    st.code("\n".join(map(jobs.shown, [*shown, train_command(request)])), language="bash", wrap_lines=True)
    st.caption(
        f"{'These commands are' if extract else 'This command is'} started in a process apart: closing the "
        f"page or the app does not stop {'them' if extract else 'it'}."
    )
    if st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not agreed,
        key="train-start",
        help="Starts the commands above in a process of their own.",
    ):
        _start(request, manifest, commands(request, extract=extract), names)
    if st.session_state.pop(STARTED, None):
        st.success("Started. [Watch it above](#trainings); you may leave the page.", icon=":material/check:")


def _start(
    request: TrainRequest, manifest: Manifest, steps: tuple[tuple[str, ...], ...], names: tuple[str, ...]
) -> None:
    modalities = listed([MODALITY_TITLES[Modality(m)].lower() for m in request.encoders])
    title = f"{request.name}: {', '.join(request.fusion)} on {modalities}, {len(manifest):,} utterances"
    try:
        jobs.start(runs.home(), title, steps, names, request.to_json())
    except jobs.JobError as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
        return
    st.session_state[STARTED] = True
    st.rerun()


def _check_names(names: tuple[str, ...]) -> None:
    """Raise PlanError for a name that is taken."""
    for name in names:
        folder = runs.home() / name
        if not folder.exists():
            continue
        try:
            status = read_record(folder)["status"]
        except RunError as error:
            raise PlanError(f"{name} is taken by something that is no run: choose another name") from error
        if status == "finished":
            raise PlanError(f"there is a finished run called {name} already: choose another name")


def _without_networks(request: TrainRequest) -> TrainRequest:
    """The request with only what decides its folds, so that another name or network does not check again."""
    blank = TrainRequest(request.corpus)
    return replace(
        blank, corpus_options=request.corpus_options, plan=request.plan, folds_file=request.folds_file
    )


def _features_only(request: TrainRequest) -> TrainRequest:
    """The request with only what decides its features."""
    blank = TrainRequest(request.corpus)
    names = ("corpus_options", "encoders", "views", "transcribe", "store")
    return replace(blank, **{name: getattr(request, name) for name in names})


@st.cache_resource(
    show_spinner="Checking the folds…", max_entries=16, ttl=FRESH, hash_funcs={TrainRequest: str}
)
def _folds(request: TrainRequest) -> FoldCheck:
    return check_folds(request, _manifest(request))


def _manifest(request: TrainRequest) -> Manifest:
    return read_corpus(request.corpus, tuple(request.corpus_options.items()))


def _store_stamp(request: TrainRequest) -> tuple[int, ...]:
    """Changes when features are added to the store."""
    files = [request.store_folder / name for name in ("index.sqlite", "index.sqlite-wal")]
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


@st.cache_data(show_spinner=False, max_entries=16, ttl=FRESH, hash_funcs={TrainRequest: str})
def _stored(request: TrainRequest, stamp: tuple[int, ...]) -> bool:
    return features_are_there(request, _manifest(request))


def _show_leakage(folds: FoldCheck, request: TrainRequest) -> bool:
    """The verdict; whether training may start."""
    report = folds.report
    colour, icon = VERDICT_STYLE[str(report.verdict)]
    st.markdown(f"**Leakage check** :{colour}-badge[{icon} {report.verdict}]")
    st.markdown(plain(report.reason))
    for sentence in report.unknown:
        st.markdown(plain(sentence_case(sentence)))
    with st.popover(
        "Folds and overlaps",
        icon=":material/table:",
        help="How many utterances each fold trains on, selects on and tests.",
    ):
        st.dataframe(folds.sizes, hide_index=True)
        if report.overlaps:
            st.dataframe(report.table(), hide_index=True)
    if folds.leaks:
        st.caption("Random folds were chosen: the run will be marked as leaking wherever it is shown.")
    if str(report.verdict) != "leaks" or folds.leaks:
        return True
    return st.checkbox(
        "Train anyway; the run will be marked as leaking",
        key=f"train-leak-{request.corpus}",
        help="Its figures measure memory, not skill.",
    )
