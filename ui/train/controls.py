"""Controls made from descriptions of options, so that whatever registers an option has one on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from mmer_core.options import REQUIRED, Option, text_of
from mmer_core.training.request import TrainRequest
from ui.text import sentence_case

COLUMNS = 3
KEPT: Literal["session"] = "session"  # what was chosen is there again on return to the page
_BASE, _VERSION = "train-base", "train-version"
#: The form's defaults; the corpus is whatever the form names.
_DEFAULTS = TrainRequest(corpus="none")


@dataclass
class Form:
    """The training form during one run of the page.

    Attributes:
        base: the request that fills the controls: the last one that was pasted, or the defaults.
        version: counts the pasted requests; part of every key, so that a new one fills all controls anew.
        problems: a sentence for each value that cannot be used.
    """

    base: TrainRequest = _DEFAULTS
    version: int = 0
    problems: list[str] = field(default_factory=list)

    def key(self, name: str) -> str:
        """The key of a control."""
        return f"train-{self.version}-{name}"

    def controls(
        self, options: Sequence[Option], values: Mapping[str, Any], key: str, columns: int = COLUMNS
    ) -> dict[str, Any]:
        """One control for each option, in columns.

        Args:
            options: as `options.options_of` gives them.
            values: {option: value} to begin with, where it is not the option's default.
            key: of the controls; other values to begin with need another key.
            columns: controls beside each other.

        Returns:
            {option: value}; what cannot be read keeps the value it began with and is put among the problems.
        """
        chosen = {}
        for row in range(0, len(options), columns):
            places = st.columns(columns, vertical_alignment="bottom")
            for option, place in zip(options[row : row + columns], places, strict=False):
                default = values.get(option.name, "" if option.default is REQUIRED else option.default)
                with place:
                    chosen[option.name] = self.control(option, default, f"{key}-{option.name}")
        return chosen

    def control(self, option: Option, value: Any, key: str, least: int = 0, most: int | None = None) -> Any:
        """One control; see `controls`.

        Args:
            option: what it sets.
            value: what it shows at first.
            key: of the control.
            least: of a whole number.
            most: of a whole number; None for no end.
        """
        label, key, help = option.label, self.key(key), sentence_case(option.help or option.label)
        if option.choices:
            index = option.choices.index(value) if value in option.choices else 0
            return st.selectbox(label, option.choices, index=index, key=key, help=help, persist_state=KEPT)
        if option.type is bool:
            return st.toggle(label, value=bool(value), key=key, help=help, persist_state=KEPT)
        if option.type is int:
            end = None if most is None else max(most, least)
            start = max(least, int(value)) if end is None else min(max(least, int(value)), end)
            number = st.number_input(label, least, end, start, 1, key=key, help=help, persist_state=KEPT)
            return int(number)
        text = st.text_input(label, text_of(value), key=key, help=help, persist_state=KEPT)
        return self._text(option, value, text)

    def _text(self, option: Option, value: Any, text: str) -> Any:
        """The value that a text field stands for."""
        if text.strip() == text_of(value):
            return value
        try:
            return option.parse(text)
        except ValueError as error:
            self.problems.append(str(error))
            return value


def current_form() -> Form:
    """The form of this visit, without problems yet."""
    return Form(st.session_state.get(_BASE, _DEFAULTS), st.session_state.get(_VERSION, 0))


def fill(request: TrainRequest) -> None:
    """Let the form begin with this request from the next run of the page on."""
    st.session_state[_BASE] = request
    st.session_state[_VERSION] = st.session_state.get(_VERSION, 0) + 1


def describable(option: Option) -> bool:
    """Whether a person at the page should set this option: files and threads are the machine's business."""
    return (
        option.type is not Path
        and Path not in getattr(option.type, "__args__", ())
        and option.name != "threads"
    )
