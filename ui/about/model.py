"""One model on the About page: limits, scores with people it has not met, the rest of its card in folds."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.checkpoint import CheckpointError
from mmer_core.labels import MODALITY_TITLES
from ui.about.certainty import (
    risk_lines,
    risk_sentence,
    risk_subsets,
    threshold_label,
    unlabelled_sentence,
    unlike_table,
    voice_table,
)
from ui.about.charts import class_bars, class_figures, subset_bars
from ui.about.model_card import (
    card_body,
    data_list,
    figures_of,
    fused_table,
    gain_table,
    part_table,
    subset_figures,
)
from ui.about.strangers import baseline_sentence, corpus_tables, mean_table
from ui.export import offer_figure
from ui.figure import CONFIG, STILL, subset_title
from ui.model_choice import describe_model
from ui.models import record_of
from ui.page import ink
from ui.plot import show_figure
from ui.text import plain, sentence_case

log = logging.getLogger(__name__)


def show_shipped(folder: Path) -> None:
    """What the card of the model that comes with the app holds, folded away by subject."""
    if (record := record_or_error(folder)) is None:
        return
    card = record["card"]
    st.caption(f"{record['name']} {record['version']} · {sentence_case(record['licence'])}")
    with _fold("What it was trained on", "database"):
        st.markdown(data_list(card))
    with _fold("Which emotions each modality finds", "bar_chart"):
        _show_modalities(card)
    with _fold("Each modality alone, and all together", "join"):
        _show_fused(card)
    _show_certainty(card, float(record["calibration"]["unsure_below"]))
    _show_fairness(card)
    _show_whole_card(folder, "The whole model card, with every figure")


def show_trained(folder: Path) -> None:
    """The trained model that this visit uses."""
    st.header("The model in use", anchor="in-use", icon=":material/neurology:")
    if (record := record_or_error(folder)) is None:
        return
    card = record["card"]
    st.markdown(f"**{plain(record['name'])}**: {plain(describe_model(record))}")
    if subset_figures(card):
        st.subheader("Scores")
        st.caption(
            f"{sentence_case('scored on ' + figures_of(card)['cross_validation']['what'])} In per cent, with "
            "95 % intervals. Bars are UA, the mean over the emotions of how many were found."
        )
        _show_subsets(card, "in-use")
    show_limits(card)
    with _fold("What it was trained on", "database"):
        st.markdown(data_list(card))
        if warned := unlike_table(card):
            st.markdown(warned)
    if card.get("training"):
        with _fold("The request that it was trained by", "data_object"):
            st.code(json.dumps(card["training"], indent=1), language="json", wrap_lines=True)
    _show_whole_card(folder, "Its model card, with every figure")


def show_large(folder: Path) -> None:
    """The model that some machines can use beside the default one; nothing where it is not there or does not
    fit.
    """
    try:
        record = record_of(folder)
    except CheckpointError as error:
        log.info("the large model is not shown: %s", error)
        return
    st.header("The large model", anchor="large", icon=":material/psychology:")
    st.markdown(
        "Analyze and Live offer a second model where its weights are on the machine that runs this "
        "app. It reads words with a larger network; voice "
        "and face are read by the same networks as before."
    )
    with _fold("What it gains, and how to get it", "trending_up"):
        st.markdown(gain_table(record["card"]))
        needs = [f"- To use it: {how_to_get}; then start the app again." for how_to_get in record["needs"]]
        st.markdown("\n".join(needs))
    _show_whole_card(folder, "Its model card, with every figure")


def show_limits(card: Mapping[str, Any]) -> None:
    """The limits that a card states."""
    if card.get("limits"):
        st.subheader("Limits", anchor=False)
        st.markdown("\n".join(f"- {plain(line)}" for line in card["limits"]))


def show_strangers(card: Mapping[str, Any]) -> None:
    """The scores to expect of people and places that were in no training data."""
    if not (means := mean_table(card)):
        return
    st.header("How good it is with people it has not met", anchor="strangers", icon=":material/groups:")
    st.markdown(
        "Your clips show such people. Each corpus was left out of training and then read, one clip at a "
        f"time, by a model that learned from the others. {baseline_sentence(card)}".strip()
    )
    st.markdown(means)
    st.caption(
        "In per cent. Right: how many answers were. Says: how sure they were on average, ideally the same. "
        "UA: the mean over the emotions of how many were found. ECE: the calibration error, 0 at best."
    )
    with _fold("Every corpus left out of training", "table_rows"):
        st.markdown(corpus_tables(card))


def record_or_error(folder: Path) -> Mapping[str, Any] | None:
    """The record of a model; None after saying why there is none."""
    try:
        return record_of(folder)
    except CheckpointError as error:
        st.error(plain(sentence_case(str(error))), title="No model", icon=":material/error:")
        return None


def _fold(title: str, icon: str) -> AbstractContextManager[Any]:
    """A part of the card, folded away."""
    return st.expander(title, icon=f":material/{icon}:")


def _show_whole_card(folder: Path, title: str) -> None:
    """The model card of a folder, folded away; nothing where it has none."""
    card = folder / "README.md"
    if card.is_file():
        with _fold(title, "description"):
            st.markdown(card_body(card.read_text(encoding="utf-8")))


def _show_modalities(card: Mapping[str, Any]) -> None:
    """The emotions that each modality alone finds."""
    figures = class_figures(card)
    for place, found in zip(st.columns(max(1, len(figures)), gap="medium"), figures, strict=False):
        with place:
            name = found.modality.value
            st.markdown(f"**{MODALITY_TITLES[found.modality]}**")
            st.caption(found.caption)
            chart = class_bars(found, ink())
            values = ", ".join(f"{emotion} {100 * value:.1f} %" for emotion, value in found.values.items())
            alt = f"{MODALITY_TITLES[found.modality]} alone, {found.caption}: {values}"
            show_figure(chart, config=STILL, key=f"classes-{name}", alt=alt)
            offer_figure(chart, f"model-{name}-emotions")


def _show_fused(card: Mapping[str, Any]) -> None:
    """Scores of each modality alone and of the fused answer for every subset of them."""
    st.markdown("**Each modality alone**")
    st.caption(
        "In per cent, on data that was not in training but of the same corpora, so better than you can "
        "expect; where the corpus names the people, on other people. "
        "UA is the mean over the emotions of how many were found, so that rare ones count as much; "
        "F1 is weighted by how often each occurs."
    )
    st.markdown(part_table(card))
    st.markdown("**Together**")
    st.caption(sentence_case(f"scored on {figures_of(card)['fused']['what']}") + " Bars are UA.")
    _show_subsets(card, "model")


def _show_subsets(card: Mapping[str, Any], key: str) -> None:
    """Bars and table of all subsets side by side."""
    left, right = st.columns(2, gap="medium")
    with left:
        chart = subset_bars(card, ink())
        values = ", ".join(
            f"{subset_title(name).lower()} {100 * row['ua']:.1f} %"
            for name, row in subset_figures(card).items()
        )
        alt = f"Mean recall of every subset of the modalities: {values}"
        show_figure(chart, config=STILL, key=f"{key}-subsets", alt=alt)
        offer_figure(chart, f"{key}-subsets")
    with right:
        st.markdown(fused_table(card))


def _show_certainty(card: Mapping[str, Any], unsure_below: float) -> None:
    """The gain from calling some answers unsure, and the frequency of the warning about unlike input."""
    if risk_subsets(card):
        with _fold("Answers that are called unsure", "help"):
            where = sentence_case(f"scored on {figures_of(card)['fused']['what']}")
            caption = f"{where} The further left, the fewer and the surer answers."
            st.caption(f"{risk_sentence(card, unsure_below)} {caption}".strip())
            chart = risk_lines(card, ink())
            show_figure(chart, config=CONFIG, key="risk", alt=threshold_label(card))
            offer_figure(chart, "model-risk-coverage")
    if warned := unlike_table(card):
        with _fold("How often it warns of unlike input", "warning"):
            st.caption(
                "An input farther from the training data than nearly all held-out input gets a warning: that "
                "should be rare for held-out input and frequent elsewhere."
            )
            st.markdown(warned)


def _show_fairness(card: Mapping[str, Any]) -> None:
    """The differences between groups of people, as far as the data names them."""
    if voices := voice_table(card):
        with _fold("For whom it works better", "diversity_3"):
            st.caption(f"The voice alone, cross-validation by speaker. {unlabelled_sentence(card)}")
            st.markdown(voices)
