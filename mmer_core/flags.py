"""Command-line flags made from configuration dataclasses: one list of options, in one place, with the class's own words as help."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def attribute_help(kind: type) -> dict[str, str]:
    """{field: what the class docstring's Attributes section says about it}."""
    section = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        entry = re.match(r"    (\w+): (.+)", line)
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name and line.startswith("     "):
            found[name] += " " + line.strip()
        elif line.strip():
            break
    return found


def add_flags(parser: argparse._ActionsContainer, kind: type, *, leave_out: Collection[str] = ()) -> None:
    """Add one flag for each field of a dataclass. Unset flags stay out of the namespace's values (None), so presets can fill them."""
    explained = attribute_help(kind)
    hints = get_type_hints(kind)
    for field in fields(kind):
        if field.name in leave_out:
            continue
        default = "" if field.default is MISSING else f" (default: {text_of(field.default)})"
        hint = hints[field.name]
        choices = get_args(hint) if get_origin(hint) is Literal else None
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            dest=field.name,
            default=None,
            type=str if choices else _parser(field.name, hint),
            choices=choices,
            metavar=None if choices else field.name.split("_")[-1].upper(),
            help=(explained.get(field.name, "") + default).replace("%", "%%"),
        )


def given(args: argparse.Namespace, kind: type) -> dict[str, Any]:
    """The fields of a dataclass that were set on the command line."""
    return {f.name: getattr(args, f.name) for f in fields(kind) if getattr(args, f.name, None) is not None}


def parse_value(kind: type, name: str, text: str) -> Any:
    """A value for one field of a dataclass from text: "1e-3", "256,128", "mean", "yes".

    Raises:
        ValueError: no such field, or text that is no such value.
    """
    hints = get_type_hints(kind)
    if name not in {f.name for f in fields(kind)}:
        raise ValueError(f"{kind.__name__} has no option {name!r}: known are {', '.join(f.name for f in fields(kind))}")
    return _convert(name, hints[name], text.strip())


def parse_pairs(kind: type, texts: Sequence[str]) -> dict[str, Any]:
    """{field: value} from texts like "pooling=max"; raises ValueError like `parse_value`."""
    pairs = [text.partition("=") for text in texts]
    broken = [name for name, equals, _ in pairs if not equals]
    if broken:
        raise ValueError(f"{broken[0]!r} says no value: write NAME=VALUE")
    return {name.strip().replace("-", "_"): parse_value(kind, name.strip().replace("-", "_"), value) for name, _, value in pairs}


def text_of(value: Any) -> str:
    """A value as `parse_value` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ",".join(map(text_of, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def command_line(values: Mapping[str, Any]) -> list[str]:
    """Flags that set these fields again."""
    return [part for name, value in values.items() for part in (f"--{name.replace('_', '-')}", text_of(value))]


def _parser(name: str, hint: Any) -> Any:
    def parse(text: str) -> Any:
        try:
            return _convert(name, hint, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def _convert(name: str, hint: Any, text: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if text not in arguments:
            raise ValueError(f"{name} cannot be {text!r}: choose one of {', '.join(arguments)}")
        return text
    if origin in (Union, UnionType):
        return None if text.lower() == "none" else _convert(name, next(a for a in arguments if a is not type(None)), text)
    if origin is tuple:
        return tuple(_convert(name, arguments[0], part.strip()) for part in text.split(",") if part.strip())
    if hint is bool:
        if text.lower() not in ("yes", "no", "true", "false"):
            raise ValueError(f"{name} is yes or no, not {text!r}")
        return text.lower() in ("yes", "true")
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            raise ValueError(f"{name} is a {'whole ' if hint is int else ''}number, not {text!r}") from None
    return text
