"""The model in use on Analyze and Live: a choice between the shipped ones, or a trained one with the way
back; and what hears the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.checkpoint import CheckpointError, read_record
from mmer_core.inference.card import AGAINST
from mmer_core.inference.shipped import DEFAULT, MODELS, usable_models
from mmer_core.labels import MODALITY_TITLES, Modality, in_order, subset_name
from mmer_core.media import recogniser
from mmer_core.media.recogniser import RECOGNISERS, usable_recognisers
from ui.figure import gain, score
from ui.models import chosen_folder, chosen_recogniser, loader_of, record_of, use_model, use_recogniser
from ui.text import GIVEN, listed, plain, sentence_case

OWN_DATA = ("csv", "folder", "features")  # readers of data without a name of its own
TITLES = {DEFAULT: "Default", "large": "Large"}
_HEARING = (
    f"{RECOGNISERS[recogniser.WHISPER]} mishears fewer words and tells the language, but takes a second or "
    "two longer for each stretch of speech. Words in other languages than English are shown but do not "
    f"count. Live always hears with {RECOGNISERS[recogniser.DEFAULT]}, which is quicker."
)


@st.cache_data(show_spinner=False)
def usable() -> tuple[str, ...]:
    """Names of the models to choose from; searched once, for the content of a large file is checked."""
    return usable_models()


@st.cache_data(show_spinner=False)
def recognisers() -> tuple[str, ...]:
    """Names of the recognisers to choose from; searched once, like `usable`."""
    return usable_recognisers()


def is_shipped() -> bool:
    """Whether this visit uses one of the models that come with the app."""
    return chosen_folder() in MODELS.values()


def choose_model(*, hears: bool = True) -> None:
    """The model in use: a choice where several shipped ones work on this machine, or the trained one with a
    button that goes back. Then what hears the words, where there is a choice and the page `hears` with it.
    """
    if not is_shipped():
        _show_trained()
    elif loader_of(MODELS[DEFAULT]).ready and len(usable()) > 1:  # looking would slow down its loading
        now = next((name for name in usable() if MODELS[name] == chosen_folder()), DEFAULT)
        st.segmented_control(
            "Model",
            usable(),
            default=now,
            format_func=TITLES.__getitem__,
            required=True,
            key="model-choice",
            on_change=_take,
            help=_difference(),
        )
    if hears and loader_of(chosen_folder()).ready and Modality.TEXT in usable_modalities():
        _choose_recogniser()


def _choose_recogniser() -> None:
    """What hears the words, where more than one recogniser works on this machine."""
    if len(recognisers()) > 1:
        st.segmented_control(
            "Words heard by",
            recognisers(),
            default=chosen_recogniser(),
            format_func=RECOGNISERS.__getitem__,
            required=True,
            key="words-from-choice",
            on_change=lambda: use_recogniser(st.session_state["words-from-choice"]),
            help=_HEARING,
        )


def reads(record: Mapping[str, Any]) -> tuple[Modality, ...]:
    """The modalities that a model can read from a clip."""
    entries = record["modalities"]
    return in_order(Modality(m) for m, entry in entries.items() if entry["encoder"] != GIVEN)


def usable_modalities() -> tuple[Modality, ...]:
    """The modalities that the model in use can read from a clip; words, voice and face where it has no
    record.
    """
    try:
        return reads(record_of(chosen_folder()))
    except CheckpointError:  # `show_loading` says so
        return (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)


def describe_model(record: Mapping[str, Any]) -> str:
    """A trained model in a sentence: its corpus, what it reads, and its cross-validated accuracy."""
    card = record.get("card") or {}
    read = listed([MODALITY_TITLES[m].lower() for m in reads(record)] or ["nothing"])
    sentence = f"trained on {_corpus(card)}, {len(record['labels'])} emotions; it reads {read}"
    figures = card.get("figures", {}).get("cross_validation", {})
    row = figures.get("subsets", {}).get(subset_name(Modality(m) for m in record["modalities"]))
    if row:
        ends = row.get("intervals", {}).get("accuracy", (None, None))
        sentence += f"; accuracy {score((row['accuracy'], *ends))} % on {figures['what']}"
    return sentence_case(sentence)


def _corpus(card: Mapping[str, Any]) -> str:
    """The data of a model: names of corpora, or the file or folder of a person's own."""
    reader, _, path = str((card.get("training") or {}).get("corpus", "")).partition(":")
    if reader in OWN_DATA and path:
        return Path(path).name
    names = dict.fromkeys(d["name"] for rows in card.get("data", {}).values() for d in rows)
    return listed(list(names) or ["an unnamed corpus"])


def _show_trained() -> None:
    """Name, facts and the way back."""
    with st.container(border=True):
        try:
            record = record_of(chosen_folder())
        except CheckpointError:  # `show_loading` says why
            st.markdown(f"**Model in use:** {plain(chosen_folder().parent.name)}")
        else:
            st.markdown(f"**Model in use:** {plain(record['name'])}")
            st.caption(plain(describe_model(record)))
        st.button(
            "Back to the shipped model",
            icon=":material/undo:",
            key="model-back",
            on_click=use_model,
            args=(MODELS[DEFAULT],),
            help="Analyze and Live then use the model again that comes with the app.",
        )


def _take() -> None:
    use_model(MODELS[st.session_state["model-choice"]])


@st.cache_data(show_spinner=False)
def _difference() -> str:
    """The difference of the large model to the default one, with its gains as its card states them."""
    gains = read_record(MODELS["large"])["card"]["figures"][Modality.TEXT.value][AGAINST]
    alone, context, web = (
        gain(row["weighted_f1"], row["low"], row["high"])
        for row in (gains["alone"], gains["in dialogue"], gains["comments"])
    )
    return (
        "The large model reads words with a larger network, whose weights are on this machine. On "
        "dialogues that it was not trained on, its "
        f"weighted F1 differs by {alone} points for sentences alone, and by {context} with the turns before "
        f"them; on comments from the web by {web}. "
        "Intervals (95 %) that include 0 may be chance. "
        "Voice and face are read by the same networks. It needs about .5 GB more memory."
    )
