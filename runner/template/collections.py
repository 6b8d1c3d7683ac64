"""Filters over lists and mappings. Order is kept; items need not be hashable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from runner.template.values import is_list, items_of


def _distinct(items: Iterable[object]) -> list[object]:
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


def _unique(value: object, case_sensitive: bool = True, attribute: str | None = None) -> list[object]:
    if case_sensitive and attribute is None:
        return _distinct(items_of(value))
    result: dict[object, object] = {}
    for item in items_of(value):
        key: Any = item if attribute is None else item[attribute]
        result.setdefault(key.lower() if isinstance(key, str) and not case_sensitive else key, item)
    return list(result.values())


def _difference(one: object, other: object) -> list[object]:
    others = items_of(other)
    return _distinct(item for item in items_of(one) if item not in others)


def _intersect(one: object, other: object) -> list[object]:
    others = items_of(other)
    return _distinct(item for item in items_of(one) if item in others)


def _union(one: object, other: object) -> list[object]:
    return _distinct([*items_of(one), *items_of(other)])


def _symmetric_difference(one: object, other: object) -> list[object]:
    return [*_difference(one, other), *_difference(other, one)]


def _flatten(value: object, levels: int | None = None, skip_nulls: bool = True) -> list[object]:
    result: list[object] = []
    for item in items_of(value):
        if item is None and skip_nulls:
            continue
        if is_list(item) and levels != 0:
            result.extend(_flatten(item, None if levels is None else levels - 1, skip_nulls))
        else:
            result.append(item)
    return result


def _combine(*mappings: object, recursive: bool = False, list_merge: str = "replace") -> dict[object, object]:
    result: dict[object, object] = {}
    for mapping in _flatten(list(mappings)):
        if not isinstance(mapping, Mapping):
            raise ValueError(f"only mappings can be combined, not {type(mapping).__name__}")
        result = _laid_over(result, mapping, recursive, list_merge)
    return result


def _laid_over(
    base: Mapping[Any, object], top: Mapping[Any, object], recursive: bool, list_merge: str
) -> dict[object, object]:
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        if recursive and isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = _laid_over(below, value, recursive, list_merge)
        elif is_list(below) and is_list(value):
            result[key] = _merged_lists(items_of(below), items_of(value), list_merge)
        else:
            result[key] = value
    return result


def _merged_lists(below: list[object], above: list[object], how: str) -> list[object]:
    ways: Mapping[str, Callable[[], list[object]]] = {
        "replace": lambda: above,
        "keep": lambda: below,
        "append": lambda: [*below, *above],
        "prepend": lambda: [*above, *below],
        "append_rp": lambda: [*_difference(below, above), *above],
        "prepend_rp": lambda: [*above, *_difference(below, above)],
    }
    if how not in ways:
        raise ValueError(f"list_merge='{how}' is not known; use one of {', '.join(ways)}")
    return ways[how]()


def _dict2items(value: object, key_name: str = "key", value_name: str = "value") -> list[dict[str, object]]:
    if not isinstance(value, Mapping):
        raise ValueError(f"dict2items needs a mapping, not {type(value).__name__}")
    return [{key_name: key, value_name: item} for key, item in value.items()]


def _items2dict(value: object, key_name: str = "key", value_name: str = "value") -> dict[object, object]:
    return {item[key_name]: item[value_name] for item in items_of(value)}


def _extract(key: Any, container: Any, morekeys: object = None) -> object:
    found = container[key]
    for more in () if morekeys is None else items_of(morekeys) if is_list(morekeys) else (morekeys,):
        found = found[more]
    return found


def _subelements(value: object, path: str, skip_missing: bool = False) -> list[list[object]]:
    result: list[list[object]] = []
    for item in list(value.values()) if isinstance(value, Mapping) else items_of(value):
        inner: Any = item
        for step in path.split("."):
            if skip_missing and step not in inner:
                inner = []
                break
            inner = inner[step]
        result.extend([item, sub] for sub in items_of(inner))
    return result


COLLECTION_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "unique": _unique,
    "difference": _difference,
    "intersect": _intersect,
    "union": _union,
    "symmetric_difference": _symmetric_difference,
    "flatten": _flatten,
    "combine": _combine,
    "dict2items": _dict2items,
    "items2dict": _items2dict,
    "extract": _extract,
    "subelements": _subelements,
}
