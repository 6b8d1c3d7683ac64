"""Filters over mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jinja2 import Environment, pass_environment

from runner.template.filters.collections import flatten
from runner.template.values import is_list, items_of

_LIST_MERGES: Final = ("replace", "keep", "append", "prepend", "append_rp", "prepend_rp")


def _combine(*mappings: object, recursive: bool = False, list_merge: str = "replace") -> dict[object, object]:
    if list_merge not in _LIST_MERGES:
        raise ValueError(f"list_merge='{list_merge}' is not known; use one of {', '.join(_LIST_MERGES)}")
    result: dict[object, object] = {}
    for mapping in flatten(list(mappings), levels=1):
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
    rest = [item for item in below if item not in above] if how.endswith("_rp") else below
    if how in ("replace", "keep"):
        return above if how == "replace" else below
    return [*rest, *above] if how.startswith("append") else [*above, *rest]


def _dict2items(value: object, key_name: str = "key", value_name: str = "value") -> list[dict[str, object]]:
    if not isinstance(value, Mapping):
        raise ValueError(f"dict2items needs a mapping, not {type(value).__name__}")
    return [{key_name: key, value_name: item} for key, item in value.items()]


def _items2dict(value: object, key_name: str = "key", value_name: str = "value") -> dict[object, object]:
    return {item[key_name]: item[value_name] for item in items_of(value)}


@pass_environment
def _extract(environment: Environment, item: object, container: Any, morekeys: object = None) -> object:
    """What `container[item]` holds, and further in by `morekeys`. What is not there may be given a default."""
    found = container
    for key in (item, *(() if morekeys is None else items_of(morekeys) if is_list(morekeys) else (morekeys,))):
        found = environment.getitem(found, key)
    return found


def _rekey_on_member(data: object, key: str, duplicates: str = "error") -> dict[object, object]:
    if duplicates not in ("error", "overwrite"):
        raise ValueError(f"duplicates='{duplicates}' is not known; use error or overwrite")
    result: dict[object, object] = {}
    items: Iterable[Any] = data.values() if isinstance(data, Mapping) else items_of(data)
    for item in items:
        if item[key] in result and duplicates == "error":
            raise ValueError(f"two items have the {key} '{item[key]}'")
        result[item[key]] = item
    return result


MAPPING_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "combine": _combine,
    "dict2items": _dict2items,
    "items2dict": _items2dict,
    "extract": _extract,
    "rekey_on_member": _rekey_on_member,
}
