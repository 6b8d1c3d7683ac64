"""Filters over lists. Order is kept; items need not be hashable."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jinja2 import Environment, pass_environment
from jinja2.filters import make_attrgetter

from runner.template.values import is_list, items_of


def distinct(items: Iterable[object]) -> list[object]:
    """The items, each once, where it stood first."""
    result: list[object] = []
    seen: set[object] = set()
    for item in items:
        try:
            known = item in seen
            seen.add(item)
        except TypeError:
            known = item in result
        if not known:
            result.append(item)
    return result


@pass_environment
def _unique(
    environment: Environment, value: object, case_sensitive: bool = False, attribute: str | int | None = None
) -> list[object]:
    if attribute is None and not any(isinstance(item, str) for item in items_of(value)):
        return distinct(items_of(value))
    read = make_attrgetter(environment, attribute, None if case_sensitive else _lowered)
    result: dict[object, object] = {}
    for item in items_of(value):
        result.setdefault(read(item), item)
    return list(result.values())


def _lowered(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _difference(a: object, b: object) -> list[object]:
    others = items_of(b)
    return distinct(item for item in items_of(a) if item not in others)


def _intersect(a: object, b: object) -> list[object]:
    others = items_of(b)
    return distinct(item for item in items_of(a) if item in others)


def _union(a: object, b: object) -> list[object]:
    return distinct([*items_of(a), *items_of(b)])


def _symmetric_difference(a: object, b: object) -> list[object]:
    return [*_difference(a, b), *_difference(b, a)]


def flatten(mylist: object, levels: int | None = None, skip_nulls: bool = True) -> list[object]:
    """The items of a list, with those of lists in it in their place, `levels` deep (None: all)."""
    result: list[object] = []
    for item in items_of(mylist):
        if skip_nulls and (item is None or (isinstance(item, str) and item in ("None", "null"))):
            continue
        if is_list(item) and levels != 0:
            result.extend(flatten(item, None if levels is None else levels - 1, skip_nulls))
        else:
            result.append(item)
    return result


def _subelements(obj: object, subelements: object, skip_missing: bool = False) -> list[list[object]]:
    path = subelements.split(".") if isinstance(subelements, str) else items_of(subelements)
    result: list[list[object]] = []
    for item in list(obj.values()) if isinstance(obj, Mapping) else items_of(obj):
        inner: Any = item
        for step in path:
            if skip_missing and step not in inner:
                inner = []
                break
            inner = inner[step]
        result.extend([item, sub] for sub in items_of(inner))
    return result


def _listed(combining: Callable[..., Iterable[Iterable[object]]]) -> Callable[..., list[list[object]]]:
    """The way of `itertools` to combine things, with lists for tuples."""

    def combined(*arguments: Any, **options: Any) -> list[list[object]]:
        return [list(items) for items in combining(*arguments, **options)]

    return combined


COLLECTION_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "unique": _unique,
    "difference": _difference,
    "intersect": _intersect,
    "union": _union,
    "symmetric_difference": _symmetric_difference,
    "flatten": flatten,
    "subelements": _subelements,
    "zip": _listed(zip),
    "zip_longest": _listed(itertools.zip_longest),
    "product": _listed(itertools.product),
    "permutations": _listed(itertools.permutations),
    "combinations": _listed(itertools.combinations),
}
