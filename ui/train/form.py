"""The training form: a `TrainRequest` in controls, and as JSON to copy and to paste."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core import corpora, encoders, fusion
from mmer_core.config import runs_folder
from mmer_core.json_files import parse_json
from mmer_core.options import options_of
from mmer_core.training.request import TrainRequest
from ui import runs
from ui.text import plain, sentence_case
from ui.train.controls import Form, current_form, fill
from ui.train.corpus import choose_corpus, name_corpus, short_name
from ui.train.features import choose_features
from ui.train.folds import choose_folds
from ui.train.networks import choose_networks

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest

PASTED, _PASTE_PROBLEM = "train-pasted", "train-paste-problem"


def filled_form() -> tuple[TrainRequest, Manifest] | None:
    """The whole form; None as long as there is no corpus or a value cannot be used."""
    _show_plugin_problems()
    form = current_form()
    corpus = choose_corpus(form)
    if corpus is None:
        _show_json(None)
        return None
    request = _request(form, *corpus)
    if request is None:
        return None
    _show_json(request)
    return request, corpus[-1]


def _request(form: Form, spec: str, options: dict[str, Any], manifest: Manifest) -> TrainRequest | None:
    """The rest of the form as a request, or None after saying what cannot be used."""
    features, transcribe = choose_features(form, manifest)
    networks = choose_networks(form)
    plan, folds_file = choose_folds(form, manifest)
    st.subheader("5 · Check and start", anchor="start")
    own: dict[str, Any] = {
        "name": _choose_name(form, f"{short_name(spec, manifest)}-{len(manifest.labels)}", networks.fusion),
        "device": _choose_device(form),
        "out": "" if runs.home() == runs_folder() else str(runs.home()),
    }
    data: dict[str, Any] = {
        "corpus": spec,
        "corpus_options": options,
        "encoders": features,
        "transcribe": transcribe,
    }
    folds: dict[str, Any] = {"plan": plan, "folds_file": folds_file}
    if not networks.fusion:
        form.problems.append("no fusion network is chosen: choose at least one")
    request = None
    if not form.problems:
        try:
            request = replace(form.base, **data, **networks.fields, **folds, **own)
        except ValueError as error:
            form.problems.append(str(error))
    for problem in form.problems:
        st.error(plain(sentence_case(problem)), icon=":material/error:")
    return request


def _show_plugin_problems() -> None:
    """A sentence for each plug-in that cannot be used; everything else goes on."""
    for registry in (corpora.READERS, encoders.ENCODERS, fusion.FUSION_MODELS):
        for problem in registry.problems:
            st.warning(plain(sentence_case(problem)), icon=":material/extension_off:")


def _choose_name(form: Form, beginning: str, networks: tuple[str, ...]) -> str:
    """The name of the run; a free one is proposed."""
    first = form.base.name or f"{beginning}-{networks[0] if len(networks) == 1 else 'networks'}"
    taken = {p.name for p in runs.home().iterdir()} if runs.home().is_dir() else set()
    proposals = (first if i == 1 else f"{first}-{i}" for i in range(1, 10_000))
    free = next(n for n in proposals if not any(t == n or t.startswith(f"{n}-") for t in taken))
    return st.text_input(
        "Name of the run",
        value=free,
        key=form.key(f"name-{free}"),
        help="The name of its folder; the network is added when there are several.",
    ).strip()


def _choose_device(form: Form) -> str:
    """Where to train; asked only where there is an accelerator."""
    from mmer_core.training.device import ACCELERATORS

    there = [name for name, available in ACCELERATORS.items() if available()]
    if not there:
        return form.base.device if form.base.device in ("auto", "cpu") else "auto"
    option = next(o for o in options_of(TrainRequest) if o.name == "device")
    choices = ["auto", "cpu", *there]
    index = choices.index(form.base.device) if form.base.device in choices else 0
    help = sentence_case(option.help)
    return str(st.selectbox(option.label, choices, index=index, key=form.key("device"), help=help))


def _show_json(request: TrainRequest | None) -> None:
    """The request as JSON, and a box that fills the form from one."""
    with st.expander("The request as JSON", icon=":material/data_object:"):
        if request is not None:
            st.caption("The form as one file: `mmer train --request FILE` trains the same.")
            st.code(json.dumps(request.to_json(), indent=1), language="json", height=240)
        st.text_area(
            "Paste a request",
            key=PASTED,
            height=120,
            placeholder='{"corpus": "folder:/data/clips", "fusion": ["early", "mmmla"]}',
            help="JSON as shown here or in a run's run.json; it fills the form. What it leaves out has its "
            "default.",
        )
        st.button("Fill the form", on_click=_take_pasted, help="Put the pasted request into the form.")
        if problem := st.session_state.pop(_PASTE_PROBLEM, ""):
            st.error(plain(sentence_case(problem)), icon=":material/error:")


def _take_pasted() -> None:
    try:
        data = parse_json(st.session_state[PASTED])
        if not isinstance(data, dict):
            raise ValueError("the pasted text is JSON, but no object: paste the whole request")
        request = TrainRequest.from_json(data.get("request", data))
    except json.JSONDecodeError as error:
        st.session_state[_PASTE_PROBLEM] = (
            f"the pasted text is not JSON ({error.msg} in line {error.lineno}): paste the whole request"
        )
    except ValueError as error:
        st.session_state[_PASTE_PROBLEM] = str(error)
    else:
        name_corpus(request.corpus)
        fill(request)
        st.session_state[PASTED] = ""
