"""Events as JSON text and back, for every event class there is or will be, by its type hints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from runner import events
from runner.errors import SentraPlayError
from runner.events import Event

KINDS: Final[Mapping[str, type[Event]]] = {
    name: kind for name, kind in vars(events).items() if isinstance(kind, type) and issubclass(kind, Event)
}


_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_LEAVES: Final = frozenset({str, int, float, bool, NoneType})
_PLAIN: Final = frozenset({dict, list, tuple})
_SIMPLE: Final = _LEAVES.issuperset
_TEXT: Final = frozenset({str}).issuperset


def encode(event: Event) -> tuple[str, str]:
    """The name of the event's class and its fields as JSON (ASCII, so that odd bytes kept in text survive).

    Raises TypeError if a field holds something that is not plain data.
    """
    return type(event).__name__, _JSON.encode(_plain(event))


def decode(kind: str, body: str) -> Event:
    """The event `encode` was given. Raises SentraPlayError for a kind or field this version does not know."""
    wanted = KINDS.get(kind)
    try:
        if wanted is None:
            raise ValueError(f"no event is called {kind}")
        event: Event = _dataclass(wanted, json.loads(body))
    except (TypeError, ValueError, KeyError) as error:
        raise SentraPlayError(
            f"the journal holds an event that cannot be read ({kind}: {error})",
            why="what was done in that run is not fully known",
            hint="use the version of SentraPlay that wrote it",
        ) from error
    return event


def _plain(value: Any) -> object:
    """`value` as the JSON encoder takes it. Every result of every task comes by here, and most of what it holds is
    simple: what has nothing inside that needs a change is passed on as it is."""
    kind: Any = type(value)
    if kind is tuple or kind is list or isinstance(value, (list, tuple)):
        return value if _SIMPLE(map(type, value)) else [_plain(item) for item in value]
    if kind is dict or isinstance(value, Mapping):
        _refuse_keys_that_are_no_text(value)
        return value if kind is dict and _SIMPLE(map(type, value.values())) else _items(value)
    names = _fields(kind)
    return _items({name: getattr(value, name) for name in names}) if names else value


def _items(value: Mapping[str, object]) -> dict[str, object]:
    return {
        key: item if type(item) in _LEAVES or (type(item) in _PLAIN and not item) else _plain(item)
        for key, item in value.items()
    }


@cache
def _fields(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass; nothing else has any."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _refuse_keys_that_are_no_text(value: Mapping[object, object]) -> None:
    if not _TEXT(map(type, value)):
        for key in value:
            if not isinstance(key, str):  # JSON would make text of some, and it would come back as another key
                raise TypeError(f"the key {key!r} is not text")


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _dataclass(kind: type, values: Mapping[str, object]) -> Any:
    hints = _hints(kind)
    return kind(**{name: _typed(hints[name], value) for name, value in values.items()})


def _typed(hint: Any, value: Any) -> Any:
    """`value`, fresh from JSON, as `hint` says; JSON knows neither tuples nor enums nor dataclasses."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _typed(next(arm for arm in get_args(hint) if arm is not NoneType), value)
    if origin is tuple:
        return tuple(_typed(get_args(hint)[0], item) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _typed(get_args(hint)[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, value)
    return float(value) if hint is float else value
