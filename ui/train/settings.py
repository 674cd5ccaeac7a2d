"""Controls made from configuration dataclasses, and the flags that set what was changed: the same list of options as the command line's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import streamlit as st

from mmer_core import flags
from ui.phrases import sentence_case

COLUMNS = 3


def changed_settings(
    kind: type, defaults: Mapping[str, Any], key: str, *, only: Collection[str] = (), leave_out: Collection[str] = ()
) -> dict[str, str]:
    """One control for each field of a dataclass, in columns.

    Args:
        kind: the dataclass; its docstring's Attributes section explains the fields.
        defaults: values that replace those of the class.
        key: of the controls; other defaults need another key.
        only: the fields to show, in this order; empty for all.
        leave_out: fields not to show.

    Returns:
        {field: text} of the fields that differ from their default, as the command line reads them.
    """
    known = {f.name: f for f in fields(kind)}
    hints, explained = get_type_hints(kind), flags.attribute_help(kind)
    names = [name for name in only or known if name not in leave_out]
    changed = {}
    for row in range(0, len(names), COLUMNS):
        for name, place in zip(names[row : row + COLUMNS], st.columns(COLUMNS, vertical_alignment="center"), strict=False):
            default = defaults.get(name, known[name].default)
            with place:
                text = _control(name, hints[name], default, f"{key}-{name}", sentence_case(explained.get(name, name)))
            if text != flags.text_of(default):
                changed[name] = text
    return changed


def as_flags(changed: Mapping[str, str]) -> tuple[str, ...]:
    """The flags that set these fields."""
    return tuple(part for name, text in changed.items() for part in (f"--{name.replace('_', '-')}", text))


def _control(name: str, hint: Any, default: Any, key: str, help: str) -> str:
    """One control; its value as text. What cannot be read as such a value is told when the command line is checked."""
    label = name.replace("_", " ").capitalize()
    read: Callable[[Any], str] = flags.text_of
    if get_origin(hint) is Literal:
        choices = list(get_args(hint))
        return read(st.selectbox(label, choices, index=choices.index(default), key=key, help=help))
    if hint is bool:
        return read(st.toggle(label, value=default, key=key, help=help))
    if hint is int:
        return read(st.number_input(label, value=default, min_value=0, step=1, key=key, help=help))
    return st.text_input(label, value=read(default), key=key, help=help).strip()
