"""Whether a play uses facts, so that they must be gathered before its first task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from runner.schema import module_schema

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@lru_cache(maxsize=1)
def fact_names() -> frozenset[str]:
    """The variables that gathering facts sets on every host."""
    return frozenset(module_schema("setup")["x-sets"])


@lru_cache(maxsize=1)
def _interfaces() -> re.Pattern[str]:
    return re.compile(module_schema("setup")["x-sets-pattern"])


def is_fact(name: str) -> bool:
    """Whether gathering facts sets a variable of that name: on every host, or on those with such an interface."""
    return name in fact_names() or _interfaces().fullmatch(name) is not None


def mentions_facts(written: Iterable[object], variables: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a text in `written`, or a variable it leads to on one of the hosts, names a fact that no variable hides.

    By their words alone, in templates or not: facts that were gathered for nothing harm nobody.
    """
    hosts = list(variables)
    seen: set[str] = set()
    left = set(_words(list(written)))
    while left:
        word = left.pop()
        seen.add(word)
        values = [known[word] for known in hosts if word in known]
        if len(values) < max(1, len(hosts)) and is_fact(word):
            return True
        left.update(found for found in _words(values) if found not in seen)
    return False


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from _WORD.findall(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _words(item)
