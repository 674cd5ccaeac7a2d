"""Trainings that were started here: progress, curves, results, and buttons to stop and to continue them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.labels import Modality, in_order, subset_name
from mmer_core.runs import jobs
from mmer_core.runs.jobs import Job, JobError, Status
from mmer_core.runs.run import RunError, read_record
from ui import runs
from ui.figure import score
from ui.text import plain, sentence_case
from ui.train.charts import worth_showing
from ui.train.progress import read_progress, show_curves, show_progress
from ui.use_model import ablation_link, offer_model, results_link

EVERY = 2.0  # seconds between two readings of a training that runs
SHOWN = 3  # trainings shown at once; the others when asked for
LINES = 40  # of the output
MOST = 12  # runs that Results compares at once
SCORES = {"accuracy": "accuracy", "ua": "UA", "weighted_f1": "weighted F1"}
STYLE = {
    Status.RUNNING: ("blue", ":material/directions_run:", "running"),
    Status.FINISHED: ("green", ":material/check_circle:", "finished"),
    Status.FAILED: ("red", ":material/error:", "failed"),
    Status.STOPPED: ("grey", ":material/pause_circle:", "stopped"),
    Status.INTERRUPTED: ("orange", ":material/bolt:", "interrupted"),
}


def show_trainings() -> None:
    """Every training, newest first; nothing if there was none."""
    found, problems = jobs.listed(runs.home())
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
        f"Show {len(earlier)} earlier",
        key="train-earlier",
        help="Trainings before the last three; their runs are on the Results page.",
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
    colour, icon, word = STYLE[job.status]
    with st.container(border=True):
        st.markdown(f"**{plain(job.title)}** :{colour}-badge[{icon} {word}]")
        if job.reason:
            st.error(plain(sentence_case(job.reason)), icon=":material/error:")
        states = {name: read_progress(runs.folder_of(name) / name) for name in job.runs}
        if job.status is Status.FINISHED:
            _show_figures(job)
        else:
            show_progress(job, states)
            show_curves(job, states)
        _show_buttons(job)
        if job.status is Status.FINISHED and any(
            worth_showing(state.get("curves")) for state in states.values()
        ):
            with st.expander("Curves", icon=":material/show_chart:"):
                show_curves(job, states)
        with st.expander("Log", icon=":material/terminal:"):
            st.code("\n".join(map(jobs.shown, job.commands)), language="bash", wrap_lines=True)
            st.code(
                "\n".join(job.tail.strip().splitlines()[-LINES:]) or "nothing yet",
                language=None,
                wrap_lines=True,
                height=240,
            )


def _show_buttons(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.status is Status.RUNNING:
            _button(job, jobs.stop, "Stop", "stop", "What is done is kept; you can go on later.")
            if job.state.get("asked"):
                st.caption("Stopping: the epoch is finished first.")
            return
        names = list(_finished(job))
        if len(names) > 1:
            results_link(names[:MOST], "Compare these")
        for name in names:
            results_link([name], f"Results of {name}")
        if job.status is not Status.FINISHED:
            help = "Starts the same commands again; folds and features that are done are kept."
            _button(job, jobs.resume, "Go on", "play_arrow", help)
        help = "Takes this training off the list. Its runs stay."
        _button(job, jobs.remove, "Remove from this list", "delete", help)
    for name, record in _finished(job).items():
        _show_ways_on(job, name, record, alone=len(job.runs) == 1)
    if problem := st.session_state.pop(f"job-{job.id}-problem", None):
        st.error(plain(sentence_case(problem)), icon=":material/error:")


def _show_ways_on(job: Job, name: str, record: dict[str, Any], *, alone: bool) -> None:
    """The ablation and the model of one of its runs."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if not alone:
            st.markdown(f"**{plain(name)}**", width="content")
        if len(record["modalities"]) > 1:
            ablation_link(name)
    offer_model(runs.folder_of(name) / name, key=f"job-{job.id}")


def _button(job: Job, action: Callable[[Job], object], label: str, icon: str, help: str) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"job-{job.id}-{label.lower().replace(' ', '-')}",
        type="primary" if label == "Go on" else "secondary",
        on_click=_do,
        args=(action, job),
        help=help,
    )


def _finished(job: Job) -> dict[str, dict[str, Any]]:
    """{name: record} of those of its runs that are finished."""
    found = {}
    for name in job.runs:
        try:
            record = read_record(runs.folder_of(name) / name)
        except RunError:
            continue  # not begun, or deleted since
        if record["status"] == "finished":
            found[name] = record
    return found


def _show_figures(job: Job) -> None:
    """The scores of its runs with all their modalities."""
    rows = []
    for name, record in _finished(job).items():
        full = record["metrics"].get(subset_name(in_order(Modality(m) for m in record["modalities"])), {})
        figures = {title: _figure(full.get(key)) for key, title in SCORES.items()}
        rows.append(
            {
                "run": name,
                **figures,
                "n": full.get("n"),
                "leakage": record.get("leakage", {}).get("verdict", "unknown"),
            }
        )
    if rows:
        st.dataframe(rows, hide_index=True)
        st.caption(
            "In per cent, out of fold, with 95 % intervals by bootstrap over the groups that the "
            "folds keep apart."
        )
    else:
        st.info("Its runs are no longer in the folder of runs.", icon=":material/info:")


def _figure(values: Any) -> str:
    """ "76.9 [71.2, 83.0]" """
    return score(values) if isinstance(values, list) and values[0] is not None else "unknown"


def _do(action: Any, job: Job) -> None:
    """Do something to a training; a failure is shown on its card."""
    try:
        action(job)
    except (JobError, OSError) as error:
        st.session_state[f"job-{job.id}-problem"] = str(error)
