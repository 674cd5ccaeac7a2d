"""The third part of the training form: fusion networks and the settings of their training."""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

from mmer_core import fusion
from mmer_core.options import Option, options_of
from mmer_core.training.config import PRESETS, TrainingConfig
from mmer_core.training.request import TrainRequest
from ui.text import plain, sentence_case
from ui.train.controls import KEPT, Form, describable
from ui.train.glossary import show_networks

MAIN = ("epochs", "batch_size", "learning_rate")
#: Fields of the request that stand among the advanced settings.
OTHERS = ("views", "damaged", "speaker_normalise", "one_by_one")


class Networks(NamedTuple):
    """This part of a request; the fields are those of `TrainRequest`, `others` are some more of them."""

    fusion: tuple[str, ...]
    preset: str
    training: TrainingConfig
    options: dict[str, Any]
    others: dict[str, Any]

    @property
    def fields(self) -> dict[str, Any]:
        """{field of the request: value}."""
        own = {name: getattr(self, name) for name in ("fusion", "preset", "training", "options")}
        return {**own, **self.others}


def choose_networks(form: Form) -> Networks:
    """Controls for fusion networks, their options, and the training settings."""
    st.subheader("3 · Fusion networks", anchor="models")
    entries = {entry.name: entry for entry in fusion.FUSION_MODELS.entries()}
    chosen = st.multiselect(
        "Networks",
        list(entries),
        default=[name for name in form.base.fusion if name in entries],
        format_func=lambda name: f"{name}: {entries[name].description}",
        key=form.key("fusion"),
        persist_state=KEPT,
        help="Several networks are trained on the same folds, so that they can be compared.",
    )
    show_networks()
    preset = st.selectbox(
        "Settings",
        list(PRESETS),
        index=list(PRESETS).index(form.base.preset),
        format_func=lambda name: f"{name.replace('_', ' ').capitalize()}: {PRESETS[name].description}",
        key=form.key("preset"),
        persist_state=KEPT,
        help="The settings to begin with: what does best, or those of a published system.",
    )
    begin = (form.base.training if preset == form.base.preset else PRESETS[preset].config()).to_json()
    known = {option.name: option for option in options_of(TrainingConfig)}
    values = form.controls([known[name] for name in MAIN], begin, f"{preset}")
    with st.expander("Advanced settings", icon=":material/tune:"):
        rest = [option for name, option in known.items() if name not in MAIN]
        values |= form.controls(rest, begin, f"{preset}")
        options = _network_options(form, tuple(chosen), preset)
        others = _others(form)
    return Networks(tuple(chosen), preset, _config(form, values, preset), options, others)


def _config(form: Form, values: dict[str, Any], preset: str) -> TrainingConfig:
    """The settings; those of the preset, and a problem, where the values are no settings."""
    try:
        return TrainingConfig(**values)
    except ValueError as error:
        form.problems.append(str(error))
        return PRESETS[preset].config()


def _network_options(form: Form, chosen: tuple[str, ...], preset: str) -> dict[str, Any]:
    """The options that differ from the preset's. Controls are shown for one network alone; with several, the
    options that were pasted stay where one of the networks has them.
    """
    known = {o.name for name in chosen for o in options_of(fusion.factory(name))}
    asked = {name: value for name, value in form.base.options.items() if name in known}
    if len(chosen) != 1:
        return asked
    (name,) = chosen
    own = dict(PRESETS[preset].options.get(name, {}))
    options = [o for o in options_of(fusion.factory(name)) if _offered(o)]
    if not options:
        return asked
    st.markdown(f"**Options of {plain(name)}**")
    values = form.controls(options, {**own, **asked}, f"{preset}-{name}")
    changed = {
        o.name: values[o.name]
        for o in options
        if o.name in asked or values[o.name] != own.get(o.name, o.default)
    }
    return {**asked, **changed}


def _offered(option: Option) -> bool:
    return describable(option) and option.name != "modality"


def _others(form: Form) -> dict[str, Any]:
    """Fields of the request itself; a search is shown, and changed as JSON."""
    st.markdown("**Data in training**")
    fields = [option for option in options_of(TrainRequest) if option.name in OTHERS]
    begin = {name: getattr(form.base, name) for name in OTHERS}
    values = form.controls(fields, begin, "request")
    for name, tried in form.base.search.items():
        st.caption(plain(sentence_case(f"search of {name}: {', '.join(map(str, tried))}")))
    return values
