"""Plain values, as filters and tests need them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence, Set
from types import GeneratorType
from typing import Any, Final, cast

from jinja2 import Undefined

_TRUE: Final = frozenset({"yes", "on", "1", "true", "t", "y"})
_FALSE: Final = frozenset({"no", "off", "0", "false", "f", "n", ""})


def truth(value: object) -> bool | None:
    """What a person means by a value: "yes", "on", 1 and "true" are true. ValueError if it means neither."""
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or value == 1:
        return True
    if word in _FALSE or value == 0:
        return False
    raise ValueError(f"'{value}' is neither true nor false")


def yes_or_no(value: object) -> bool:
    """What the filter `bool` makes of a value. ValueError for words that only people with much good will understand."""
    if value is None:
        return False
    if isinstance(value, str) and value.strip().lower() in ("t", "f", "y", "n"):
        raise ValueError(f"'{value}' is neither true nor false")
    return bool(truth(value))


def plain(value: Any) -> Any:
    """A copy as dicts, lists, text and numbers, with what is rendered lazily rendered."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Undefined):
        str(value)  # a strict Undefined says what is missing by raising
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if is_list(value):
        return [plain(item) for item in cast(Iterable[object], value)]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value


def is_list(value: object) -> bool:
    """Whether a value is a sequence of items, and not text."""
    return isinstance(value, (Sequence, Set, GeneratorType)) and not isinstance(value, (str, bytes))


def items_of(value: object) -> list[Any]:
    """The items of a list; ValueError for anything else, text and mappings among them."""
    if is_list(value):
        return list(cast(Iterable[Any], value))
    raise ValueError(f"a list is needed, not {type(value).__name__}")
