"""The clips of this visit in one line: press one to go back to it, or choose one to compare with."""

from __future__ import annotations

import streamlit as st

from mmer_core.media.loading import display_name
from ui.analyze.files import files, several
from ui.analyze.samples import sample_of, samples
from ui.analyze.source import Source, choose, chosen, stretch_words
from ui.analyze.visit import visit
from ui.forgetting import forget_button
from ui.text import plain

_LONGEST_NAME = 24  # letters
_OTHER = "compared-with"


def show_strip() -> None:
    """The strip, for two clips or more; what to compare the clip with, and the way to forget all."""
    own, now = visit(), chosen()
    if not own.sources:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="strip-row"):
        if len(own.sources) > 1:
            listed = {s.digest: s for s in own.sources}
            key = f"strip-{now.digest[:12] if now else ''}-{len(listed)}"
            st.pills(
                "This visit's clips",
                list(listed),
                format_func=lambda digest: plain(name_of(listed[digest])),
                default=now.digest if now is not None and now.digest in listed else None,
                required=now is not None,
                key=key,
                label_visibility="collapsed",
                on_change=_go,
                args=(key,),
                help="The clips of this visit, newest first. They are kept until you close the page.",
            )
        if now is not None:
            offer_comparison()
        forget_button("Forget all", "forget-clips", quiet=True)


def name_of(source: Source) -> str:
    """A source in a few letters."""
    sample = sample_of(source)
    name = sample.title if sample else f"“{source.text}”" if source.is_words else display_name(source.name)
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return short if source.stretch is None else f"{short} {stretch_words(source.stretch)}"


def _go(key: str) -> None:
    digest = st.session_state[key]
    found = next((s for s in visit().sources if s.digest == digest), None)
    if found is not None:
        choose(found)


def compared_with() -> Source | None:
    """The clip to show beside the chosen one; None for no comparison."""
    other: Source | None = st.session_state.get(_OTHER)
    return other if other != chosen() else None


def offer_comparison() -> None:
    """A list of the visit's other clips and of the samples, or the way back to one clip."""
    if compared_with() is not None:
        st.button(
            "End the comparison",
            icon=":material/close:",
            key="compare-end",
            on_click=compare_with,
            args=(None,),
            help="Show the first of the two alone again.",
        )
        return
    now = chosen()
    in_table = several()  # with a list of its own
    offered = (*visit().sources, *(() if in_table else files()), *(sample.source() for sample in samples()))
    others: dict[str, Source] = {}
    for source in offered:
        if source not in in_table and (now is None or source.digest != now.digest):
            others.setdefault(source.digest, source)
    with st.popover("Compare with…", icon=":material/compare:", key="compare"):
        for source in others.values():
            st.button(
                plain(name_of(source)),
                key=f"compare-{source.digest[:16]}",
                type="tertiary",
                on_click=compare_with,
                args=(source,),
                help="Show it beside this clip.",
            )


def compare_with(other: Source | None) -> None:
    """Show a clip beside the chosen one; None ends that."""
    st.session_state[_OTHER] = other
