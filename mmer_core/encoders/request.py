"""How a person asks for an encoder with options: "minilm", "bert:sequence=yes", "clip:look=face:random_init=0"."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from mmer_core import encoders
from mmer_core.encoders.spec import ModalityEncoder


@dataclass(frozen=True)
class EncoderRequest:
    """An encoder and its options.

    Attributes:
        name: in the registry.
        options: (option, value) in alphabetical order, as text; only what was asked for.
    """

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From "name:option=value:option=value"; a bare option means yes.

        Raises:
            ValueError: no such encoder.
        """
        name, *parts = text.strip().split(":")
        encoders.modality_of(name)
        pairs = [part.partition("=") for part in parts if part.strip()]
        options = {option.strip().replace("-", "_"): value.strip() if equals else "yes" for option, equals, value in pairs}
        return cls(name, tuple(sorted(options.items())))

    def __str__(self) -> str:
        """The text that `parse` reads; two requests for the same have the same."""
        return ":".join([self.name, *(f"{option}={value}" for option, value in self.options)])

    def create(self, threads: int | None = None) -> ModalityEncoder:
        """Build the encoder.

        Args:
            threads: of the processor, for encoders that take this option; it changes how fast they are, not what they give.

        Raises:
            ValueError: an option that it does not have, or a value of the wrong kind.
            EncoderUnavailable: its weights cannot be had.
        """
        made = encoders.factory(self.name)
        asked = dict(self.options)
        view = asked.pop("augment", None)
        options = converted(self.name, asked, made)
        if threads is not None and "threads" in inspect.signature(made).parameters:
            options.setdefault("threads", threads)
        encoder = made(**options)
        if view is None:
            return encoder
        from mmer_core.encoders.augmented import AugmentedEncoder  # loads torch, which most commands do not need to start

        return AugmentedEncoder(encoder, _value(f"{self.name}'s option augment", int, view))


def converted(name: str, options: Mapping[str, str], made: Any) -> dict[str, Any]:
    """Options from text to the types that the encoder's class wants."""
    known = list(inspect.signature(made).parameters)
    hints = get_type_hints(made.__init__ if inspect.isclass(made) else made)
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"the encoder {name} has no option {unknown[0]!r}: known are {', '.join(known) or 'none'}")
    return {option: _value(f"{name}'s option {option}", hints[option], text) for option, text in options.items()}


def _value(what: str, hint: Any, text: str) -> Any:
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise ValueError(f"{what} cannot be {text!r}: choose one of {', '.join(get_args(hint))}")
        return text
    if get_origin(hint) in (Union, UnionType):
        return None if text.lower() == "none" else _value(what, next(a for a in get_args(hint) if a is not type(None)), text)
    if hint is bool:
        truth = {"yes": True, "true": True, "no": False, "false": False}.get(text.lower())
        if truth is None:
            raise ValueError(f"{what} is yes or no, not {text!r}")
        return truth
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            raise ValueError(f"{what} is a {'whole ' if hint is int else ''}number, not {text!r}") from None
    return Path(text) if hint is Path else text
