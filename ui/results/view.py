"""What of a run is looked at, in the address of the page: the modalities, the fold and a cell of the matrix.
A link opens it again, and one step back goes back.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from mmer_core.runs.run import CVRun
from ui.results.table import VIEW

ALL = "All folds"
_SEEN = "results-view"


def keys(name: str) -> dict[str, str]:
    """Keys of the controls of a run that the address keeps: modalities, fold, shown and read emotion."""
    return {part: f"{part}-{name}" for part in ("subset", "fold", "shown", "read")}


def folds_of(run: CVRun) -> list[str]:
    """The choices of the box of folds after "All folds"."""
    return [f"Fold {fold}" for fold in range(len(run.metrics[run.full]["folds"]["accuracy"]["each"]))]


def restore_view(run: CVRun) -> None:
    """Set the controls to what the address says, where that has changed since they were drawn."""
    now = {key: st.query_params.get(key, "") for key in VIEW}
    seen = (run.path.name, now)
    if st.session_state.get(_SEEN) == seen:
        return
    st.session_state[_SEEN] = seen
    found, of = keys(run.path.name), st.session_state
    shown, _, read = now["cell"].partition(",")
    known = shown in run.labels and read in run.labels
    of[found["shown"]], of[found["read"]] = (shown, read) if known else (None, None)
    if len(run.metrics) > 1:
        of[found["subset"]] = now["modalities"] if now["modalities"] in run.metrics else run.full
    fold = f"Fold {now['fold']}"
    of[found["fold"]] = fold if fold in folds_of(run) else ALL


def keep_view(run: CVRun) -> None:
    """Write into the address what the controls say; to be called when one of them was changed."""
    found = {part: st.session_state.get(key) for part, key in keys(run.path.name).items()}
    view: Mapping[str, str] = {
        "modalities": str(found["subset"] or "") if found["subset"] != run.full else "",
        "fold": str(found["fold"] or "").removeprefix("Fold ") if found["fold"] != ALL else "",
        "cell": f"{found['shown']},{found['read']}" if found["shown"] and found["read"] else "",
    }
    st.session_state[_SEEN] = (run.path.name, dict(view))
    rest = {key: value for key, value in st.query_params.to_dict().items() if key not in VIEW}
    wanted = {**rest, **{key: value for key, value in view.items() if value}}
    if wanted != st.query_params.to_dict():
        st.query_params.from_dict(wanted)
