"""The progress of a training: bars and curves, from the JSON files that it writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.json_files import object_in
from mmer_core.runs.jobs import Job, Status
from mmer_core.runs.progress import FINAL
from mmer_core.runs.run import PROGRESS
from ui.figure import CONFIG
from ui.page import ink
from ui.plot import show_figure
from ui.text import plain
from ui.train.charts import MEASURES, curves_chart, describe, worth_showing
from ui.train.durations import spoken

State = dict[str, Any]


def read_progress(folder: Path) -> State:
    """progress.json of a run, which is replaced as a whole; {} where there is none, or a damaged one."""
    return object_in(folder / PROGRESS)


def show_progress(job: Job, states: dict[str, State]) -> None:
    """A bar for the extraction, or one for each run in training.

    Args:
        job: the training.
        states: {run: its progress.json}.
    """
    if job.step < len(job.commands) - 1:
        done, total = job.encoded or (0, 0)
        clips = f"{done:,} of {total:,} clips" if total else "starting"
        share = min(1.0, done / total) if total else 0.0
        st.progress(share, text=f"Step 1 of 2, extracting features: {clips}")
        return
    step = f"Step {job.step + 1} of {len(job.commands)}, training" if len(job.commands) > 1 else "Training"
    if not any(states.values()):
        if job.status is Status.RUNNING:
            st.progress(0.0, text=f"{step}: starting, reading features")
        return
    for name, state in states.items():
        share = min(1.0, max(0.0, float(state.get("share", 0.0))))
        st.progress(share, text=f"{step}: {plain(name)}, {_place(state)}{_time_left(job, share)}")


def _place(state: State) -> str:
    """Fold and epoch: "fold 2 of 5, epoch 12 of at most 50"."""
    if not state:
        return "not begun"
    done, folds = int(state.get("done", 0)), int(state.get("folds", 0))
    epoch = f", epoch {state['epoch']} of at most {state['epochs']}" if "epoch" in state else ""
    if state.get("step") == FINAL:
        return f"all {folds} folds done; final model{epoch}"
    if done >= folds:
        return f"all {folds} folds done"
    return f"{done} of {folds} folds done; fold {int(state.get('fold', 0)) + 1}{epoch}"


def _time_left(job: Job, share: float) -> str:
    """The time that is left at the pace so far; "" where the pace is not known yet, or the training was
    continued.
    """
    if job.status is not Status.RUNNING or not 0.05 < share < 1 or job.state.get("attempt") != 1:
        return ""
    passed = time.time() - float(job.state.get("since", time.time()))
    if passed <= 0:  # the clock was set back
        return ""
    left = passed * (1 - share) / share
    return f", at most {spoken(left)} left"


def show_curves(job: Job, states: dict[str, State]) -> None:
    """The curves of one of the runs, with a choice of run and measure; nothing before there are any."""
    curves_of = {name: s["curves"] for name, s in states.items() if worth_showing(s.get("curves"))}
    if not curves_of:
        return
    name = next(iter(curves_of))
    with st.container(horizontal=True):
        if len(curves_of) > 1:
            name = st.segmented_control(
                "Run",
                list(curves_of),
                default=name,
                required=True,
                key=f"job-{job.id}-run",
                help="The run whose curves are shown.",
            )
        measure = st.selectbox(
            "Curve",
            list(MEASURES),
            format_func=lambda m: MEASURES[m][0],
            key=f"job-{job.id}-curve",
            help="The measure that is drawn for each epoch.",
            width=280,
        )
    curves = curves_of.get(name, {})
    figure, alt = curves_chart(curves, measure, ink()), describe(curves, measure)
    show_figure(figure, config=CONFIG, key=f"job-{job.id}-chart", alt=alt)
    st.caption(
        "Thin: one fold. Thick: their mean, as long as half of them still train. The validation "
        "part chooses the epoch; the test part is never drawn."
    )
