"""The clips behind one cell of a confusion matrix: who, what was said, how sure the run was, and the clip
itself where it is on this machine.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from mmer_core.corpora import CorpusError, Manifest
from mmer_core.labels import MODALITY_TITLES, parse_subset
from mmer_core.runs import utterances
from mmer_core.runs.run import CVRun
from mmer_core.runs.utterances import CorpusRequest, Utterances
from ui import runs
from ui.export import offer_table
from ui.figure import CONFIG
from ui.page import ink, trusted
from ui.plot import show_figure
from ui.results.charts import probability_bars
from ui.results.table import percents
from ui.results.view import keep_view, keys
from ui.text import plain, sentence_case
from ui.theme import emotion_name, emotion_title

_SOUND = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
}
_VIDEO = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
_PICTURE = (".jpg", ".jpeg", ".png", ".webp")


def show_cell(run: CVRun, subset: str, fold: int | None) -> None:
    """The two boxes that name the cell, its clips, and the one that is picked."""
    name = run.path.name
    st.markdown("#### The clips in a cell")
    with st.container(horizontal=True):
        shown = _class_box(run, "Shown", "shown", "The true emotion.")
        read = _class_box(run, "Read as", "read", "The emotion that the run predicted.")
    if shown is None or read is None:
        st.caption("Click a cell of the matrix, or choose both emotions here, to see which clips are in it.")
        return
    found, problem = _corpus(run)
    table = clips(run, subset, fold, (shown, read), found)
    right = shown == read
    heading = f"{len(table):,} clip{'' if len(table) == 1 else 's'} of {plain(shown)}"
    heading += " and rightly so" if right else f" read as {plain(read)}"
    st.markdown(f"**{heading}**" + (", the surest first. Tick one to look at it." if len(table) else "."))
    if len(table):
        event = st.dataframe(
            table,
            hide_index=True,
            key=f"clips-{name}-{subset}-{fold}-{shown}-{read}",
            on_select="rerun",
            selection_mode="single-row",
            column_config=percents(table),
            height=min(8, max(1, len(table))) * 35 + 38,
            alt=heading,
        )
        offer_table(
            table, f"clips-{name}-{subset}-{shown}-{read}" + ("" if fold is None else f"-fold-{fold}")
        )
        st.caption("The address of this page opens this cell again.")
        if rows := event["selection"]["rows"]:
            _show_clip(run, subset, table["Clip"].iloc[rows[0]], found)
    _show_corpus(run, found, problem)


def _class_box(run: CVRun, label: str, key: str, help: str) -> str | None:
    """The box with one of the two classes of the chosen cell."""
    return st.selectbox(
        label,
        run.labels,
        index=None,
        key=keys(run.path.name)[key],
        on_change=keep_view,
        args=(run,),
        format_func=emotion_name,
        placeholder="Click a cell or choose",
        width=240,
        help=help,
    )


def clips(
    run: CVRun, subset: str, fold: int | None, cell: tuple[str, str], found: Utterances | None
) -> pd.DataFrame:
    """The clips of a cell (shown, read as), most confident first: id, group, text where known, fold, and
    every probability in percent.
    """
    shown, read = cell
    rows = runs.predictions(run, subset)
    probabilities = rows[run.probability_columns].to_numpy()
    here = (rows["y_true"] == run.labels.index(shown)) & (
        probabilities.argmax(axis=1) == run.labels.index(read)
    )
    if fold is not None:
        here &= rows["fold"] == fold
    rows = rows[here].sort_values(f"p_{read}", ascending=False, kind="stable")
    unit = str(run.record["plan"].get("groups", "group")).capitalize()
    table = pd.DataFrame({"Clip": rows["id"], unit: rows["id"].map(runs.groups(run))})
    if found is not None:
        if unit != "Speaker":
            table["Speaker"] = rows["id"].map(found.table["group"]).fillna("")
        table["Text"] = rows["id"].map(found.table["text"]).fillna("")
    order = [read, *(label for label in run.labels if label != read)]
    for label in order:
        table[f"{emotion_title(label)}, %"] = (100 * rows[f"p_{label}"].astype(float)).round(1)
    return table.assign(Fold=rows["fold"].astype(int)).reset_index(drop=True)


def _show_clip(run: CVRun, subset: str, id: str, found: Utterances | None) -> None:
    rows = runs.predictions(run, subset)
    row = rows[rows["id"] == id].iloc[0]
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**{plain(id)}**")
        if found is not None:
            _play(found, id)
        for line in _each_modality(run, id):
            st.markdown(line)
    with right:
        probabilities = {label: float(row[f"p_{label}"]) for label in run.labels}
        truth = run.labels[int(row["y_true"])]
        figure = probability_bars(probabilities, truth, ink())
        show_figure(figure, config=CONFIG, key=f"clip-{run.path.name}", alt=f"The run's answer to {id}")
        st.caption(
            "Out of fold, before temperature scaling: the answer of models that were trained without this "
            "clip's group."
        )


def _each_modality(run: CVRun, id: str) -> list[str]:
    """The answer of each modality alone to a clip, as lines of Markdown; none for a run of one modality."""
    lines = []
    for subset in run.metrics:
        modalities = parse_subset(subset)
        if len(modalities) == 1 and len(run.modalities) > 1:
            rows = runs.predictions(run, subset)
            own = rows[rows["id"] == id]
            if len(own):
                best = own[run.probability_columns].iloc[0].astype(float)
                label = run.labels[int(best.to_numpy().argmax())]
                title, name = MODALITY_TITLES[modalities[0]], plain(emotion_name(label))
                lines.append(f"{title} alone: {name}, {100 * best.max():.1f} %")
    return lines


def _play(found: Utterances, id: str) -> None:
    text = str(found.table["text"].get(id, ""))
    if text:
        st.markdown(f"“{plain(text)}”")
    path = found.media(id)
    if path is None:
        st.caption("The clip itself is not in the corpus on this machine.")
    elif path.suffix.lower() in _SOUND:
        st.audio(str(path), format=_SOUND[path.suffix.lower()], alt=f"The sound of {id}")
    elif path.suffix.lower() in _VIDEO:
        st.video(str(path), format=_VIDEO[path.suffix.lower()], alt=f"The video of {id}")
    elif path.suffix.lower() in _PICTURE:
        st.image(str(path), alt=f"The picture of {id}")
    else:
        st.caption(f"Browsers can't play {plain(path.suffix)} files; the clip is {plain(str(path))}.")


def _corpus(run: CVRun) -> tuple[Utterances | None, str]:
    """The corpus of a run on this machine, or why it is not there."""
    wanted = utterances.requested(run.record)
    typed = st.session_state.get(_where_key(run), "").strip()
    if typed:
        wanted = wanted.elsewhere(typed)
    elif not wanted.exists:
        place = f"The corpus of this run ({wanted.shown})" if wanted.shown else "The corpus of this run"
        return None, f"{place} is not on this machine, so there are no words and no clips to play"
    try:
        return _utterances(
            run.path,
            run.path.stat().st_mtime_ns,
            wanted,
            tuple(runs.groups(run)),
            run.record["corpus"].get("fingerprint", ""),
        ), ""
    except (CorpusError, OSError) as error:
        return None, str(error)


def _show_corpus(run: CVRun, found: Utterances | None, problem: str) -> None:
    """Where the corpus is, or what to do so that it is found."""
    if found is not None and found.note:
        st.info(plain(found.note), icon=":material/info:")
    if problem:
        st.info(sentence_case(plain(problem)), icon=":material/folder_off:")
    if trusted() and (problem or st.session_state.get(_where_key(run))):
        shown = utterances.requested(run.record).shown or "ravdess:/data/ravdess"
        st.text_input(
            "Folder of the corpus on this machine",
            key=_where_key(run),
            persist_state="session",
            placeholder=f"/data/{run.record['corpus']['name']}",
            help=f"Where the corpus lies, as a folder or as the command names it ({shown}); its words and "
            "clips are then shown here.",
        )


def _where_key(run: CVRun) -> str:
    return f"corpus-{run.record['corpus']['name']}"


@st.cache_resource(show_spinner="Reading the corpus…", max_entries=4)
def _manifest(wanted: CorpusRequest) -> Manifest:
    return utterances.read(wanted)


@st.cache_resource(show_spinner=False, max_entries=8)
def _utterances(
    path: Path, stamp: int, wanted: CorpusRequest, _ids: tuple[str, ...], fingerprint: str
) -> Utterances:
    return utterances.of_run(_manifest(wanted), _ids, fingerprint)
