"""Options of anything that can be created: one description, and the one conversion from text to values.

An option is a field of a dataclass, or a keyword argument of a class or function. Its type comes from the
annotation, its help from the docstring's Attributes or Args section; command line and pages show both.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mmer_core.json_files import parse_json

#: Default of an option that must be given.
REQUIRED: Any = MISSING
_TRUTH = dict.fromkeys(("yes", "true", "on", "1"), True) | dict.fromkeys(("no", "false", "off", "0"), False)


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: of the field or argument.
        type: its annotation.
        default: its value where nothing is given; `REQUIRED` if there is none.
        label: the name in words, for a form.
        help: one phrase from the docstring; empty if it says nothing.
    """

    name: str
    type: Any
    default: Any
    label: str
    help: str

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of a `Literal`; empty for every other type."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def flag(self) -> str:
        """The option on a command line ("--learning-rate")."""
        return f"--{self.name.replace('_', '-')}"

    def parse(self, text: str, owner: str = "") -> Any:
        """The value that a text stands for: "1e-3", "256,128", "mean", "yes", "none", a JSON object.

        Args:
            text: as a person writes it.
            owner: what the option belongs to, for the message.

        Raises:
            ValueError: the text is no such value.
        """
        what = f"the option {self.name} of {owner}" if owner else self.name
        return _convert(what, self.type, text.strip())


def options_of(target: Any, *, leave_out: Collection[str] = ()) -> tuple[Option, ...]:
    """The options of a dataclass, a class or a function, in the order of definition.

    Args:
        target: fields of a dataclass; fields of the dataclass `Options` of a class that has one, as fusion
            networks do; else the arguments that have a default or can only be given by name.
        leave_out: names that are not wanted.
    """
    target = getattr(target, "Options", target)
    if inspect.isclass(target) and is_dataclass(target):
        hints = get_type_hints(target)
        defaults = {
            f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(target)
        }
    else:
        made = target.__init__ if inspect.isclass(target) else target
        hints = get_type_hints(made)
        defaults = {
            p.name: REQUIRED if p.default is p.empty else p.default
            for p in inspect.signature(target).parameters.values()
            if p.kind is p.KEYWORD_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty)
        }
    explained = attribute_help(target)
    return tuple(
        Option(name, hints.get(name, str), default, _label(name), explained.get(name, ""))
        for name, default in defaults.items()
        if name not in leave_out
    )


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def attribute_help(target: Any) -> dict[str, str]:
    """{name: its line of the docstring's Attributes or Args section}; a class adds to those of its bases."""
    if not inspect.isclass(target):
        return _section(inspect.getdoc(target) or "")
    found: dict[str, str] = {}
    for kind in reversed(target.__mro__[:-1]):
        for owner in (kind, vars(kind).get("__init__")):
            found |= _section(inspect.cleandoc(getattr(owner, "__doc__", None) or ""))
    return found


def _section(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name, inside = "", False
    for line in text.splitlines():
        entry = re.match(r"    (\w+): (.+)", line)
        if line in ("Attributes:", "Args:"):
            inside = True
        elif inside and entry:
            name = entry[1]
            found[name] = entry[2]
        elif inside and name and line.startswith("     "):
            found[name] += " " + line.strip()
        elif line.strip():
            name, inside = "", False
    return found


def add_flags(parser: argparse._ActionsContainer, target: Any, *, leave_out: Collection[str] = ()) -> None:
    """Add one flag for each option. Flags that are not set stay None, so that presets can fill them."""
    for option in options_of(target, leave_out=leave_out):
        default = "" if option.default is REQUIRED else f" (default: {text_of(option.default)})"
        parser.add_argument(
            option.flag,
            dest=option.name,
            default=None,
            type=_parser(option),
            metavar=f"{{{text_of(option.choices)}}}" if option.choices else option.name.upper(),
            help=(option.help + default).replace("%", "%%"),
        )


def given(args: argparse.Namespace, target: Any) -> dict[str, Any]:
    """The options that were set on the command line."""
    values = {option.name: getattr(args, option.name, None) for option in options_of(target)}
    return {name: value for name, value in values.items() if value is not None}


def parse_value(target: Any, name: str, text: str, owner: str = "") -> Any:
    """The value of one option from text.

    Args:
        target: see `options_of`.
        name: of the option.
        text: see `Option.parse`.
        owner: words for the target in a message ("the encoder bert").

    Raises:
        ValueError: no such option, or text that is no such value.
    """
    known = {option.name: option for option in options_of(target)}
    if name not in known:
        raise ValueError(
            f"{owner or target.__name__} has no option {name!r}: known are {', '.join(known) or 'none'}"
        )
    return known[name].parse(text, owner)


def parse_pairs(target: Any, texts: Sequence[str], owner: str = "") -> dict[str, Any]:
    """{option: value} from texts like "pooling=max"; the bare name of a switch means yes.

    Raises:
        ValueError: like `parse_value`, or another option than a switch without a value.
    """
    kinds = {option.name: option.type for option in options_of(target)}
    values = {}
    for text in texts:
        before, equals, value = text.partition("=")
        name = before.strip().replace("-", "_")
        if not equals and kinds.get(name, bool) is not bool:
            raise ValueError(f"{before.strip()!r} says no value: write NAME=VALUE")
        values[name] = parse_value(target, name, value if equals else "yes", owner)
    return values


def text_of(value: Any) -> str:
    """A value as `Option.parse` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ",".join(map(text_of, value))
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def _parser(option: Option) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return option.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def _convert(what: str, hint: Any, text: str) -> Any:
    """The value of type `hint`; ValueError that begins with `what`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        values = {text_of(value): value for value in arguments}
        if text not in values:
            raise ValueError(f"{what} cannot be {text!r}: choose one of {', '.join(values)}")
        return values[text]
    if origin in (Union, UnionType):
        kind = next(a for a in arguments if a is not type(None))
        return None if text.lower() == "none" else _convert(what, kind, text)
    if origin is tuple:
        return tuple(_convert(what, arguments[0], part.strip()) for part in text.split(",") if part.strip())
    return _object(what, text) if origin is dict else _scalar(what, hint, text)


def _scalar(what: str, kind: Any, text: str) -> Any:
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise ValueError(f"{what} is yes or no, not {text!r}")
        return _TRUTH[text.lower()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{what} is a {'whole ' if kind is int else ''}number, not {text!r}") from None
    return Path(text) if kind is Path else text


def _object(what: str, text: str) -> dict[str, Any]:
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError(f"{what} is a JSON object, not {text!r}")
    return value
