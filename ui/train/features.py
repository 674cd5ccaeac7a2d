"""The second part of the training form: what turns each modality into numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from mmer_core import encoders
from mmer_core.corpora.files import AUDIO_SUFFIXES, PICTURE_SUFFIXES
from mmer_core.encoders.request import EncoderRequest
from mmer_core.features.table import GIVEN
from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.options import Option, options_of, text_of
from ui.text import plain, sentence_case
from ui.train.controls import KEPT, Form, describable
from ui.train.glossary import show_encoders

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest
    from mmer_core.encoders import EncoderSpec

FETCH = "train-fetch"
OFF = "off"


class EncoderState(NamedTuple):
    """Whether an encoder can be had on this machine.

    Attributes:
        spec: its record; None if something is missing.
        missing: the missing part, and how to get it.
        fetched: it would be fetched from a hub when first used, where that can be reached.
    """

    spec: EncoderSpec | None
    missing: str = ""
    fetched: bool = False


@st.cache_resource(show_spinner=False, max_entries=32)
def encoder_state(request: str) -> EncoderState:
    """The state of one encoder, given as "name:option=value". Asks no network."""
    from mmer_core.encoders.weights import HubFile

    try:
        asked = EncoderRequest.parse(request)
        missing = next((file for file in encoders.needs(asked.name) if file.find() is None), None)
        if missing is not None:
            return EncoderState(None, missing.how_to_get, isinstance(missing, HubFile))
        return EncoderState(asked.create().spec)
    except (encoders.EncoderUnavailable, ValueError, ImportError, OSError) as error:
        return EncoderState(None, str(error).splitlines()[0])


def choose_features(form: Form, manifest: Manifest) -> tuple[dict[str, str], bool]:
    """One control for each modality that the corpus has.

    Returns:
        {modality: encoder request, or "given"}, and whether speech recognition writes missing words.
    """
    st.subheader("2 · Features", anchor="features")
    offered = {m: _choices(form, manifest, m) for m in Modality}
    usable = {m: choices for m, (choices, _) in offered.items() if choices}
    if not usable:
        st.error("The corpus has nothing that can be encoded here.", icon=":material/error:")
        return {}, False
    chosen = {}
    for place, (modality, choices) in zip(st.columns(len(usable)), usable.items(), strict=True):
        with place:
            encoder = _choose_encoder(form, manifest, modality, choices)
        if encoder != OFF:
            chosen[str(modality)] = encoder
    show_encoders([name for choices in usable.values() for name in choices if name != GIVEN])
    chosen = _encoder_options(form, chosen)
    if missing := {name: state for _, states in offered.values() for name, state in states.items()}:
        _show_missing(missing)
    return chosen, _transcribe(form, manifest, chosen)


def _choose_encoder(form: Form, manifest: Manifest, modality: Modality, choices: list[str]) -> str:
    """The select box of one modality, and its choice in words below."""
    first = (
        form.base.encoders.get(modality, OFF)
        if form.base.encoders
        else _proposed(manifest, modality, choices)
    )
    encoder = st.selectbox(
        MODALITY_TITLES[modality],
        [*choices, OFF],
        index=choices.index(first) if first in choices else len(choices),
        format_func=lambda name: {GIVEN: "as they came with the corpus", OFF: "not used"}.get(name, name),
        key=form.key(f"features-{modality}-{','.join(choices)}"),
        persist_state=KEPT,
        help="The encoder that turns it into numbers. Features that are not in the store yet are extracted "
        "first.",
    )
    if encoder not in (GIVEN, OFF):
        entry = encoders.ENCODERS.entry(EncoderRequest.parse(encoder).name)
        cost = f"; about {entry.seconds_per_clip:g} s a clip" if entry.seconds_per_clip else ""
        st.caption(plain(sentence_case(f"{entry.description}{cost}")))
    return encoder


def _proposed(manifest: Manifest, modality: Modality, choices: list[str]) -> str:
    """The choice that a new form begins with: the first, but neither dialogue nor words that nobody wrote."""
    unwritten = modality is Modality.TEXT and choices[0] != GIVEN and not _has_words(manifest)
    return OFF if modality is Modality.METADATA or unwritten else choices[0]


def _choices(form: Form, manifest: Manifest, modality: Modality) -> tuple[list[str], dict[str, EncoderState]]:
    """The possible features of a modality of this corpus; and the encoders that are not on this machine."""
    states = {n: encoder_state(n) for n in encoders.names(modality)} if _has(manifest, modality) else {}
    fetch = bool(st.session_state.get(FETCH))
    ready = [name for name, state in states.items() if state.spec is not None or (fetch and state.fetched)]
    asked = form.base.encoders.get(modality)
    if asked and asked != GIVEN and states and asked not in ready:
        ready.insert(0, asked)
    given = [GIVEN] * manifest.has_features(modality)
    return given + ready, {name: state for name, state in states.items() if state.spec is None}


def _has(manifest: Manifest, modality: Modality) -> bool:
    """Whether the corpus has something of this modality that an encoder can read."""
    table = manifest.table
    if modality is Modality.TEXT:
        return _has_words(manifest) or _has(manifest, Modality.AUDIO)
    if modality is Modality.METADATA:
        return bool(((table["dialogue"] != "") & (table["utterance"] >= 0)).any())
    silent = AUDIO_SUFFIXES if modality is Modality.VISUAL else PICTURE_SUFFIXES
    return bool((~table["path"][table["path"] != ""].str.lower().str.endswith(silent)).any())


def _has_words(manifest: Manifest) -> bool:
    return bool((manifest.table["text"] != "").any())


def _encoder_options(form: Form, chosen: dict[str, str]) -> dict[str, str]:
    """The same encoders with the options that a person changed."""
    known = {m: _options(e) for m, e in chosen.items() if e != GIVEN}
    if not any(known.values()):
        return chosen
    found = dict(chosen)
    with st.expander("Options of the encoders", icon=":material/tune:"):
        for modality, options in known.items():
            if options:
                found[modality] = _with_options(form, chosen[modality], options)
    return found


def _options(encoder: str) -> tuple[Option, ...]:
    factory = encoders.factory(EncoderRequest.parse(encoder).name)
    return tuple(option for option in options_of(factory) if describable(option))


def _with_options(form: Form, encoder: str, options: tuple[Option, ...]) -> str:
    """The controls of one encoder; the request with what they say."""
    request = EncoderRequest.parse(encoder)
    asked, begin = dict(request.options), {}
    for option in options:
        if option.name in asked:
            try:
                begin[option.name] = option.parse(asked[option.name])
            except ValueError as error:
                form.problems.append(str(error))
    st.markdown(f"**{plain(request.name)}**")
    for name, value in form.controls(options, begin, f"encoder-{encoder}").items():
        default = next(option.default for option in options if option.name == name)
        if name in asked or value != default:
            asked[name] = text_of(value)
    return str(EncoderRequest(request.name, tuple(sorted(asked.items()))))


def _show_missing(missing: Mapping[str, EncoderState]) -> None:
    """The encoders that are not on this machine and how to get them; those of a hub can be offered all the
    same.
    """
    with st.expander(f"{len(missing)} more encoders are not on this machine", icon=":material/block:"):
        st.markdown("\n".join(f"- **{name}**: {plain(state.missing)}." for name, state in missing.items()))
        if any(state.fetched for state in missing.values()):
            st.toggle(
                "Offer those of the model hub",
                key=FETCH,
                help="They are fetched when the training starts, if the hub can be reached.",
            )


def _transcribe(form: Form, manifest: Manifest, chosen: Mapping[str, Any]) -> bool:
    """The switch for speech recognition, where some clips have sound and no words and text is read."""
    if chosen.get(Modality.TEXT, GIVEN) == GIVEN:
        return False
    table = manifest.table
    sound = (table["path"] != "") & ~table["path"].str.lower().str.endswith(PICTURE_SUFFIXES)
    without = int((sound & (table["text"] == "")).sum())
    if not without:
        return False
    return st.toggle(
        "Write down what is said",
        value=form.base.transcribe or not _has_words(manifest),
        key=form.key("transcribe"),
        persist_state=KEPT,
        help=f"{without:,} clips have sound and no words. Speech recognition (English) writes them down "
        "before features are extracted, about .5 s a clip; they are kept with the features.",
    )
