"""What the model is, where it comes from, how good it is, and what it must not be used for. Figures come from the checkpoint, none from here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.checkpoint import CheckpointError, read_record
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.default_model.card import LIMITS, PROHIBITED
from mmer_core.labels import MODALITY_TITLES
from ui.about.certainty import (
    caution_sentence,
    risk_lines,
    risk_sentence,
    risk_subsets,
    threshold_label,
    unlabelled_sentence,
    unlike_table,
    voice_table,
)
from ui.about.charts import class_bars, class_figures, subset_bars
from ui.about.model_card import card_body, data_table, fused_table, gain_table, label_table, part_table
from ui.export import offer_figure
from ui.figure import CONFIG, STILL, subset_title
from ui.page import frame, ink
from ui.phrases import sentence_case

log = logging.getLogger(__name__)
LAW = "https://eur-lex.europa.eu/eli/reg/2024/1689/oj"


def show_model(folder: Path) -> None:
    """The model's parts with data and figures, from the folder's record and its model card."""
    try:
        record = read_record(folder)
    except CheckpointError as error:
        st.error(sentence_case(str(error)), title="No model", icon=":material/error:")
        return
    st.caption(f"{record['name']} {record['version']} · {sentence_case(record['licence'])}")
    st.markdown(data_table(record))
    show_parts(record)
    show_together(record)
    show_certainty(record)
    show_fairness(record)
    show_card(folder, "The whole model card, with every figure")


def show_card(folder: Path, title: str) -> None:
    """The model card of a checkpoint, folded away; nothing where it has none."""
    card = folder / "README.md"
    if card.is_file():
        with st.expander(title, icon=":material/description:"):
            st.markdown(card_body(card.read_text(encoding="utf-8")))


def show_parts(record: Mapping[str, Any]) -> None:
    """Each modality alone: which emotions it finds, and its scores."""
    st.markdown("##### Which emotions each finds on its own")
    figures = class_figures(record)
    for place, found in zip(st.columns(max(1, len(figures)), gap="medium"), figures, strict=False):
        with place:
            name = found.modality.value
            st.markdown(f"**{MODALITY_TITLES[found.modality]}**")
            st.caption(found.caption)
            chart = class_bars(found, ink())
            said = ", ".join(f"{emotion} {100 * value:.1f} %" for emotion, value in found.values.items())
            st.plotly_chart(chart, config=STILL, key=f"classes-{name}", alt=f"{MODALITY_TITLES[found.modality]} alone, {found.caption}: {said}")
            offer_figure(chart, f"model-{name}-emotions")
    st.markdown("##### Scores on its own")
    st.caption(
        "In per cent, on data that was not in training; where the corpus tells people apart, on other people. "
        "UA is the mean over the emotions of how many were found, so that rare ones count as much; F1 is weighted by how often each occurs."
    )
    st.markdown(part_table(record))


def show_together(record: Mapping[str, Any]) -> None:
    """The fused answer for every subset of the modalities."""
    st.markdown("##### Together")
    st.caption(sentence_case(f"scored on {record['figures']['fused']['what']}") + " Bars are UA.")
    left, right = st.columns(2, gap="medium")
    with left:
        chart = subset_bars(record, ink())
        rows = record["figures"]["fused"]["subsets"]
        said = ", ".join(f"{subset_title(name).lower()} {100 * row['ua']:.1f} %" for name, row in rows.items())
        st.plotly_chart(chart, config=STILL, key="subsets", alt=f"Mean recall of every subset of the modalities: {said}")
        offer_figure(chart, "model-subsets")
    with right:
        st.markdown(fused_table(record))


def show_certainty(record: Mapping[str, Any]) -> None:
    """What calling some answers unsure gains, and how often unlike input is warned of; nothing where the record does not say."""
    if risk_subsets(record):
        st.markdown("##### Knowing when not to know")
        what = f"{sentence_case('scored on ' + record['figures']['fused']['what'])} The further left, the fewer and the surer answers."
        st.caption(f"{risk_sentence(record)} {what}".strip())
        chart = risk_lines(record, ink())
        st.plotly_chart(chart, config=CONFIG, key="risk", alt=threshold_label(record))
        offer_figure(chart, "model-risk-coverage")
    if warned := unlike_table(record):
        st.markdown("##### How often the warning about unlike input appears")
        st.caption(
            "An input farther from the training data than nearly all held-out input gets a warning: rare there, and better frequent on the rest."
        )
        st.markdown(warned)


def show_fairness(record: Mapping[str, Any]) -> None:
    """How the figures differ between groups of people, as far as the data tells them apart."""
    if voices := voice_table(record):
        st.markdown("##### For whom it works better")
        st.caption(f"The voice alone, cross-validation by speaker. {unlabelled_sentence(record)} {caution_sentence(record)}".strip())
        st.markdown(voices)


def show_large(folder: Path) -> None:
    """The model that some machines can use beside the default one; nothing where it is not there or does not fit."""
    try:
        record = read_record(folder)
    except CheckpointError as error:
        log.info("the large model is not shown: %s", error)
        return
    st.subheader("The large model", anchor="large", icon=":material/psychology:")
    st.markdown(
        "Analyze and Live offer a second model where its weights are on the machine that runs this app. It reads words with a larger network; voice "
        "and face are read by the same networks as before."
    )
    st.markdown(gain_table(record))
    st.markdown("\n".join(f"- To use it: {how_to_get}; then start the app again." for how_to_get in record["needs"]))
    show_card(folder, "Its model card, with every figure")


with frame("About"):
    st.title("What the answers rest on")
    st.markdown(
        "The app looks for seven emotions in words, voice and face, first each on its own, then together. It learned them from what people labelled."
    )

    use, privacy = st.columns(2, gap="medium")
    with use:
        st.subheader("Not for", anchor="not-for", icon=":material/block:")
        st.markdown("\n".join(f"- {line[:1].upper()}{line[1:]}." for line in PROHIBITED))
        st.caption(f"The law in full: [Regulation (EU) 2024/1689]({LAW}), Articles 5 and 50.")
    with privacy:
        st.subheader("Your clips", anchor="privacy", icon=":material/lock:")
        st.markdown(
            "- Everything is computed in this app's own process, on the computer that runs it; nothing is sent anywhere else, "
            "and there is no telemetry.\n"
            "- Camera and microphone are read only after you press start, and only until you press stop.\n"
            "- A file is written once to a temporary folder to be read, and removed at once.\n"
            "- The last few clips stay in memory while this page is open, so that they need not be read again. Nothing is kept after that.\n"
            "- Ask the people in a clip before you analyse it."
        )

    st.subheader("The model", anchor="model", icon=":material/neurology:")
    show_model(DEFAULT_CHECKPOINT)
    show_large(LARGE_CHECKPOINT)

    st.subheader("Limits", anchor="limits", icon=":material/warning:")
    st.markdown("\n".join(f"- {line}" for line in LIMITS))

    st.subheader("Names of emotions", anchor="labels", icon=":material/label:")
    st.markdown("Corpora use different names. These count as one of the seven; others, such as boredom, are left out.")
    st.markdown(label_table())
