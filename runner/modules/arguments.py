"""Checked arguments (plain data) -> the frozen dataclass a module works with.

The schema has already refused what a user may have written wrongly, so a mismatch here means that a
schema and its `Args` disagree: a bug of ours, reported as TypeError with the place.

| type in Args            | accepts                                                      |
|-------------------------|--------------------------------------------------------------|
| str, int, bool, None    | exactly that (a bool is not an int)                          |
| float                   | any number                                                   |
| object                  | anything, as it is                                           |
| Secret                  | text, or a Secret                                            |
| Literal                 | one of its values                                            |
| tuple[X, ...]           | a list of X, or one X, which becomes a tuple of one          |
| Mapping[str, X]         | a mapping                                                    |
| a dataclass             | a mapping with its fields                                    |
| X | Y                   | the first that fits                                          |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from runner.secret import Secret

T = TypeVar("T")

Duration = str | int | float
"""As written: "90s", "15m" or a number of seconds; `units.seconds` reads it."""

REST: Final[Mapping[str, object]] = {"rest": True}
"""Metadata of the one field that takes every property no other field is named after."""


def build(args_type: type[T], values: Mapping[str, object]) -> T:
    """`values`, defaults already filled in, as an `args_type`; TypeError if the two disagree."""
    return _dataclass(args_type, values, args_type.__qualname__)


def property_name(field: Field[Any]) -> str:
    """The schema's name of a field: a trailing underscore only keeps it from being a Python keyword."""
    return field.name.rstrip("_")


def convert(hint: Any, value: object, where: str = "value") -> Any:
    """`value` as the type `hint` says; TypeError naming `where` if it does not fit."""
    origin = get_origin(hint)
    if hint is object or hint is Any:
        return value
    if origin in (Union, UnionType):
        return _union(get_args(hint), value, where)
    if origin is Literal:
        return _literal(get_args(hint), value, where)
    if origin is tuple:
        return _tuple(get_args(hint)[0], value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(get_args(hint)[1], value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, value, where)
    return _scalar(hint, value, where)


def _dataclass(args_type: type[T], values: object, where: str) -> T:
    if not isinstance(values, Mapping):
        raise _mismatch(where, "a mapping", values)
    hints = _hints(cast(type, args_type))
    left = dict(values)
    found: dict[str, object] = {}
    rest: Field[Any] | None = None
    for field in fields(args_type):  # type: ignore[arg-type]  # callers pass dataclasses only; T cannot say so
        key = property_name(field)
        if field.metadata.get("rest"):
            rest = field
        elif key in left:
            found[field.name] = convert(hints[field.name], left.pop(key), f"{where}.{key}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise TypeError(f"{where} needs {key!r}, which its schema does not require")
    if rest is not None:
        found[rest.name], left = convert(hints[rest.name], left, where), {}
    if left:
        raise TypeError(f"{where} has no {', '.join(map(repr, left))}, which its schema allows")
    return args_type(**found)


@cache
def _hints(args_type: type) -> Mapping[str, Any]:
    return get_type_hints(args_type)


def _union(members: tuple[Any, ...], value: object, where: str) -> Any:
    for member in members:
        try:
            return convert(member, value, where)
        except TypeError:
            continue
    raise _mismatch(where, " or ".join(getattr(m, "__name__", str(m)) for m in members), value)


def _literal(choices: tuple[Any, ...], value: object, where: str) -> Any:
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    raise _mismatch(where, f"one of {', '.join(map(repr, choices))}", value)


def _tuple(item: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        return (convert(item, value, where),)
    return tuple(convert(item, one, f"{where}[{index}]") for index, one in enumerate(value))


def _mapping(item: Any, value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _mismatch(where, "a mapping", value)
    return {str(key): convert(item, one, f"{where}.{key}") for key, one in value.items()}


def _scalar(hint: Any, value: object, where: str) -> Any:
    if hint is Secret and isinstance(value, str):
        return Secret(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int: only the very same type will do. Text may be marked as coming from a secret.
    exact = isinstance(value, hint) if hint in (str, Secret, NoneType) else type(value) is hint
    if not exact:
        raise _mismatch(where, getattr(hint, "__name__", str(hint)), value)
    return value


def _mismatch(where: str, wanted: str, value: object) -> TypeError:
    # The value itself may be secret and stays out of the message.
    return TypeError(f"{where} wants {wanted}, but its schema let a {type(value).__name__} pass")
