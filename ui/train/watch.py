"""Trainings that were started here: how far they are, with live curves, to stop, to go on with, to look at."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.labels import Modality, in_order, subset_name
from mmer_core.runs import jobs
from mmer_core.runs.jobs import Job, JobError, Status
from mmer_core.runs.run import PROGRESS, RunError, read_record
from ui import runs
from ui.figure import CONFIG
from ui.page import PAGES, ink
from ui.phrases import plain, sentence_case
from ui.results.charts import score
from ui.train.charts import MEASURES, curves_chart, describe, worth_showing
from ui.train.start import spoken

EVERY = 2.0  # seconds between two looks at a training that runs
SHOWN = 3  # trainings shown at once; the others when asked for
LINES = 40  # of the log
SCORES = {"accuracy": "accuracy", "ua": "UA", "weighted_f1": "weighted F1"}
LOOK = {
    Status.RUNNING: ("blue", ":material/directions_run:", "running"),
    Status.FINISHED: ("green", ":material/check_circle:", "finished"),
    Status.FAILED: ("red", ":material/error:", "failed"),
    Status.STOPPED: ("grey", ":material/pause_circle:", "stopped"),
    Status.INTERRUPTED: ("orange", ":material/bolt:", "interrupted"),
}


def show_trainings() -> None:
    """Every training, newest first; nothing if there was none."""
    found, problems = jobs.listed(runs.FOLDER)
    for problem in problems:
        st.warning(plain(sentence_case(problem)), icon=":material/report:")
    if not found:
        return
    st.header("Trainings", anchor="trainings")
    first = [job for i, job in enumerate(found) if i < SHOWN or job.status is Status.RUNNING]
    for job in first:
        _card(job)
    earlier = [job for job in found if job not in first]
    if earlier and st.toggle(
        f"Show {len(earlier)} earlier", key="train-earlier", help="Trainings before the last three; their runs are on the Results page."
    ):
        for job in earlier:
            _card(job)


def _card(job: Job) -> None:
    running = job.status is Status.RUNNING
    st.fragment(_show, run_every=EVERY if running else None, key=f"job-{job.id}")(str(job.path), running)


def _show(path: str, was_running: bool) -> None:
    """One training. When it has ended, the whole page is drawn once more, without the clock."""
    try:
        job = jobs.read(Path(path))
    except JobError:
        st.rerun()  # removed in another window
    if (job.status is Status.RUNNING) != was_running:
        st.rerun()
    colour, icon, word = LOOK[job.status]
    with st.container(border=True):
        st.markdown(f"**{plain(job.title)}** :{colour}-badge[{icon} {word}]")
        if job.reason:
            st.error(plain(sentence_case(job.reason)), icon=":material/error:")
        states = {name: _progress(runs.FOLDER / name) for name in job.runs}
        if job.status is Status.FINISHED:
            _show_figures(job)
        else:
            _show_progress(job, states)
            _show_curves(job, states)
        _show_buttons(job)
        if job.status is Status.FINISHED and any(worth_showing(state.get("curves")) for state in states.values()):
            with st.expander("Curves", icon=":material/show_chart:"):
                _show_curves(job, states)
        with st.expander("Commands and what they said", icon=":material/terminal:"):
            st.code("\n".join(map(jobs.shown, job.commands)), language="bash", wrap_lines=True)
            st.code("\n".join(job.tail.strip().splitlines()[-LINES:]) or "nothing yet", language=None, wrap_lines=True, height=240)


def _progress(folder: Path) -> dict[str, Any]:
    """progress.json of a run, which is written whole; {} before there is one or where it was damaged by hand."""
    try:
        found = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _show_progress(job: Job, states: dict[str, dict[str, Any]]) -> None:
    training = job.step == len(job.commands) - 1
    if not training:
        done, total = job.encoded or (0, 0)
        what = f"{done:,} of {total:,} clips (told at every tenth)" if total else "starting"
        st.progress(done / total if total else 0.0, text=f"Step 1 of 2, extracting features: {what}")
        return
    step = f"Step {job.step + 1} of {len(job.commands)}, training" if len(job.commands) > 1 else "Training"
    if not any(states.values()):
        if job.status is Status.RUNNING:
            st.progress(0.0, text=f"{step}: starting, reading features")
        return
    for name, state in states.items():
        share = min(1.0, max(0.0, float(state.get("share", 0.0))))
        st.progress(share, text=f"{step}: {plain(name)}, {_where(state)}{_left(job, share)}")


def _where(state: dict[str, Any]) -> str:
    """ "fold 2 of 5, epoch 12 of at most 50" """
    if not state:
        return "not begun"
    done, folds = int(state.get("done", 0)), int(state.get("folds", 0))
    if done >= folds:
        return f"all {folds} folds done"
    epoch = f", epoch {state['epoch']} of at most {state['epochs']}" if "epoch" in state else ""
    return f"{done} of {folds} folds done; fold {int(state.get('fold', 0)) + 1}{epoch}"


def _left(job: Job, share: float) -> str:
    """What is left, from the pace so far; nothing where the pace is not known yet, or the training was continued."""
    if job.status is not Status.RUNNING or not 0.05 < share < 1 or job.state.get("attempt") != 1:
        return ""
    left = (time.time() - float(job.state.get("since", time.time()))) * (1 - share) / share
    return f", at most {spoken(left)} left"


def _show_curves(job: Job, states: dict[str, dict[str, Any]]) -> None:
    drawn = {name: state["curves"] for name, state in states.items() if worth_showing(state.get("curves"))}
    if not drawn:
        return
    name = next(iter(drawn))
    with st.container(horizontal=True):
        if len(drawn) > 1:
            name = st.segmented_control("Run", list(drawn), default=name, required=True, key=f"job-{job.id}-run", help="Whose curves are shown.")
        measure = st.selectbox(
            "Curve", list(MEASURES), format_func=lambda m: MEASURES[m][0], key=f"job-{job.id}-curve", help="What is drawn for each epoch.", width=280
        )
    curves = drawn.get(name, {})
    st.plotly_chart(curves_chart(curves, measure, ink()), config=CONFIG, key=f"job-{job.id}-chart", alt=describe(curves, measure))
    st.caption(
        "Thin: one fold. Thick: their mean, as long as half of them still train. The inner part chooses the epoch; the test part is never drawn."
    )


def _show_buttons(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.status is Status.RUNNING:
            st.button(
                "Stop",
                icon=":material/stop:",
                key=f"job-{job.id}-stop",
                on_click=_do,
                args=(jobs.stop, job),
                help="What is done is kept; you can go on later.",
            )
            if job.state.get("asked"):
                st.caption("Stopping: the epoch is finished first.")
            return
        for name in _finished(job):
            st.page_link(
                PAGES / "results.py",
                label=f"Results of {name}",
                icon=":material/grid_on:",
                query_params={"run": name},
                help="Open this run on the Results page.",
            )
        if job.status is not Status.FINISHED:
            st.button(
                "Go on",
                icon=":material/play_arrow:",
                key=f"job-{job.id}-on",
                type="primary",
                on_click=_do,
                args=(jobs.resume, job),
                help="Starts the same commands again; folds and features that are done are kept.",
            )
        st.button(
            "Forget",
            icon=":material/delete:",
            key=f"job-{job.id}-remove",
            on_click=_do,
            args=(jobs.remove, job),
            help="Takes this training off the list. Its runs stay.",
        )
    problem = st.session_state.pop(f"job-{job.id}-problem", None)
    if problem:
        st.error(plain(sentence_case(problem)), icon=":material/error:")


def _finished(job: Job) -> dict[str, dict[str, Any]]:
    """{name: record} of those of its runs that are finished."""
    found = {}
    for name in job.runs:
        try:
            record = read_record(runs.FOLDER / name)
        except RunError:
            continue  # not begun, or deleted since
        if record["status"] == "finished":
            found[name] = record
    return found


def _show_figures(job: Job) -> None:
    """What came out, with everything the models read."""
    rows = []
    for name, record in _finished(job).items():
        full = record["metrics"].get(subset_name(in_order(Modality(m) for m in record["modalities"])), {})
        figures = {title: _figure(full.get(key)) for key, title in SCORES.items()}
        rows.append({"run": name, **figures, "n": full.get("n"), "leakage": record.get("leakage", {}).get("verdict", "unknown")})
    if rows:
        st.dataframe(rows, hide_index=True)
        st.caption("In per cent, out of fold, with 95 % intervals by bootstrap over the groups that the folds keep apart.")
    else:
        st.info("Its runs are no longer in the folder of runs.", icon=":material/info:")


def _figure(values: Any) -> str:
    """ "76.9 [71.2, 83.0]" """
    return score(values) if isinstance(values, list) and values[0] is not None else "unknown"


def _do(action: Any, job: Job) -> None:
    """Do something to a training; what hinders is said on its card."""
    try:
        action(job)
    except (JobError, OSError) as error:
        st.session_state[f"job-{job.id}-problem"] = str(error)
