"""Lookups that make lists to loop over, as the `with_…` forms do."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from runner.template.lookups.asked import Asked, Lookup
from runner.template.values import is_list, items_of


def _one_level(terms: Iterable[object]) -> list[Any]:
    """The terms, with the items of lists in their place."""
    return [item for term in terms for item in (items_of(term) if is_list(term) else [term])]


def _dict(asked: Asked) -> list[object]:
    for term in asked.terms:
        if not isinstance(term, Mapping):
            raise ValueError(f"lookup('dict') needs a mapping, not {type(term).__name__}")
    return [
        {"key": key, "value": value} for term in asked.terms if isinstance(term, Mapping) for key, value in term.items()
    ]


def _indexed_items(asked: Asked) -> list[object]:
    return [[index, item] for index, item in enumerate(_one_level(asked.terms))]


def _nested(asked: Asked) -> list[object]:
    lists = [items_of(term) if is_list(term) else [term] for term in asked.terms]
    if not lists:
        raise ValueError("lookup('nested') needs at least one list")
    return [_one_level(combination) for combination in itertools.product(*lists)]


def _together(asked: Asked) -> list[object]:
    lists = [items_of(term) if is_list(term) else [term] for term in asked.terms]
    if not lists:
        raise ValueError("lookup('together') needs at least one list")
    return [_one_level(items) for items in itertools.zip_longest(*lists)]


def _random_choice(asked: Asked) -> list[object]:
    return [secrets.choice(asked.terms)] if asked.terms else []


def _subelements(asked: Asked) -> list[object]:
    if len(asked.terms) not in (2, 3) or not isinstance(asked.terms[1], str):
        raise ValueError("lookup('subelements') needs a list, the name of a key, and options if there are any")
    whole, path, *rest = asked.terms
    options = rest[0] if rest and isinstance(rest[0], Mapping) else {}
    found: list[object] = []
    for item in list(whole.values()) if isinstance(whole, Mapping) else items_of(whole):
        if not item.get("skipped", False):
            inner = _inside(item, str(path).split("."), bool(options.get("skip_missing", False)))
            found += [[_without(item, str(path)), sub] for sub in inner]
    return found


def _inside(item: Any, path: list[str], skip_missing: bool) -> list[object]:
    for step in path:
        if step not in item and skip_missing:
            return []
        if step not in item:
            raise ValueError(f"lookup('subelements') finds no '{step}' in an item")
        item = item[step]
    return items_of(item)


def _without(item: Mapping[str, object], path: str) -> dict[str, object]:
    first, _, rest = path.partition(".")
    inner = item[first]
    if rest and isinstance(inner, Mapping):
        return {**item, first: _without(inner, rest)}
    return {key: value for key, value in item.items() if key != first}


_SHORT: Final = re.compile(
    r"(?:(?P<start>(?:0x)?[0-9a-f]+)-)?(?P<end>(?:0x)?[0-9a-f]+)(?:/(?P<stride>-?(?:0x)?[0-9a-f]+))?(?::(?P<format>.+))?",
    re.IGNORECASE,
)


def _sequence(asked: Asked) -> list[object]:
    return [text for term in asked.terms or ("",) for text in _counted(_sequence_options(str(term), asked.options))]


def _sequence_options(term: str, options: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(options)
    if short := _SHORT.fullmatch(term):
        return {**given, **{name: value for name, value in short.groupdict().items() if value is not None}}
    for word in term.split():
        name, equals, value = word.partition("=")
        if name not in given or not equals:
            raise ValueError(f"lookup('sequence') does not understand '{word}'")
        given[name] = value
    return given


def _counted(options: Mapping[str, Any]) -> list[str]:
    start, stride = _whole(options["start"]), _whole(options["stride"])
    end, count, form = options["end"], options["count"], str(options["format"])
    if (end is None) == (count is None):
        raise ValueError("lookup('sequence') needs `end` or `count`, one of them")
    if form.count("%") != 1:
        raise ValueError(f"'{form}' is no format with one number, such as host%02d")
    if stride == 0 or (count is not None and _whole(count) == 0):
        return []
    last = _whole(end) if count is None else start + _whole(count) * stride - 1
    if (last - start) * stride < 0:
        raise ValueError("the stride of lookup('sequence') leads away from its end")
    return [form % number for number in range(start, last + (1 if stride > 0 else -1), stride)]


def _whole(value: object) -> int:
    text = str(value)
    return int(text, 8) if re.fullmatch(r"-?0[0-7]+", text) else int(text, 0)


ITEM_LOOKUPS: Final[Mapping[str, Lookup]] = {
    "items": Lookup(lambda asked: _one_level(asked.terms), steady=True),
    "list": Lookup(lambda asked: list(asked.terms), steady=True),
    "dict": Lookup(_dict, steady=True),
    "indexed_items": Lookup(_indexed_items, steady=True),
    "nested": Lookup(_nested, steady=True),
    "together": Lookup(_together, steady=True),
    "subelements": Lookup(_subelements, steady=True),
    "sequence": Lookup(_sequence, {"start": 1, "end": None, "count": None, "stride": 1, "format": "%d"}, steady=True),
    "random_choice": Lookup(_random_choice),
}
