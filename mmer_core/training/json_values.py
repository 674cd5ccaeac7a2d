"""JSON values checked against the type hints of a dataclass, so that a wrong one is a sentence instead of a
traceback somewhere in a training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def checked_fields(kind: type, data: Mapping[str, Any], what: str = "") -> dict[str, Any]:
    """Return the values of some fields of a dataclass, converted where JSON has another type for them: lists
    become tuples, whole numbers become floats, objects become nested dataclasses.

    Args:
        kind: the dataclass.
        data: {field: value}; fields that are left out keep their defaults.
        what: name of the dataclass in messages; default that of the class.

    Raises:
        ValueError: a field that it does not have, or a value of the wrong kind.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{what or kind.__name__} must be a JSON object, not {data!r}")
    known = [field.name for field in fields(kind)]
    unknown = [str(name) for name in data if name not in known]
    if unknown:
        raise ValueError(f"{what or kind.__name__} has no field {unknown[0]!r}: known are {', '.join(known)}")
    hints = get_type_hints(kind)
    return {name: checked(name, hints[name], value) for name, value in data.items()}


def checked(name: str, hint: Any, value: Any) -> Any:
    """Return one value as its type hint wants it.

    Raises:
        ValueError: it is of another kind; the message names the field and says what it must be.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if value is None else checked(name, inner, value)
    if origin in (list, tuple):
        return origin(
            checked(f"{name}[{i}]", arguments[0], part) for i, part in enumerate(_list(name, value))
        )
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        return _mapping(name, arguments[1], value)
    if is_dataclass(hint) and not isinstance(value, hint):  # type: ignore[arg-type]
        return hint(**checked_fields(hint, value, name))  # type: ignore[arg-type, operator]
    return _scalar(name, hint, value)


def _list(name: str, value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a list, not {value!r}")
    return value


def _mapping(name: str, hint: Any, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} must be an object with names, not {value!r}")
    return {key: checked(f"{name}[{key!r}]", hint, part) for key, part in value.items()}


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _scalar(name: str, hint: Any, value: Any) -> Any:
    if hint is Any or is_dataclass(hint):
        return value
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(
                f"{name} cannot be {value!r}: choose one of {', '.join(map(str, get_args(hint)))}"
            )
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and number:
        return float(value)
    if hint is int and number and float(value).is_integer():
        return int(value)
    if hint in (bool, str) and isinstance(value, hint):
        return value
    raise ValueError(f"{name} must be {_WORDS.get(hint, hint)}, not {value!r}")
