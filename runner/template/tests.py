"""Tests: what may stand behind `is`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from runner.template.values import truth


def _result(key: str, value: bool = True) -> Callable[[object], bool]:
    def test(result: object) -> bool:
        if not isinstance(result, Mapping):
            raise ValueError(f"only the registered result of a task can be {key}")
        return bool(result.get(key, False)) is value

    return test


def _changed(result: object) -> bool:
    if not isinstance(result, Mapping):
        raise ValueError("only the registered result of a task can be changed")
    if "changed" not in result and isinstance(result.get("results"), list):
        return any(_changed(item) for item in result["results"])
    return bool(result.get("changed", False))


def _matches(method: str) -> Callable[..., bool]:
    def test(value: object, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
        flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
        return getattr(re.compile(pattern, flags), method)(str(value)) is not None

    return test


def _regex(
    value: object, pattern: str = "", ignorecase: bool = False, multiline: bool = False, match_type: str = "search"
) -> bool:
    return _matches(match_type)(value, pattern, ignorecase, multiline)


def _contains(whole: Any, part: object) -> bool:
    return part in whole


def _subset(part: Iterable[object], whole: Iterable[object]) -> bool:
    known = list(whole)
    return all(item in known for item in part)


def _superset(whole: Iterable[object], part: Iterable[object]) -> bool:
    return _subset(part, whole)


def _truthy(value: object, convert_bool: bool = False) -> bool:
    return bool(truth(value)) if convert_bool else bool(value)


def _falsy(value: object, convert_bool: bool = False) -> bool:
    return not _truthy(value, convert_bool)


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    **dict.fromkeys(("==", "=", "eq"), operator.eq),
    **dict.fromkeys(("!=", "<>", "ne"), operator.ne),
    **dict.fromkeys(("<", "lt"), operator.lt),
    **dict.fromkeys(("<=", "le"), operator.le),
    **dict.fromkeys((">", "gt"), operator.gt),
    **dict.fromkeys((">=", "ge"), operator.ge),
}


def _version(value: object, other: object, compare: str = "==") -> bool:
    """Compares dotted versions part by part: 1.10 is newer than 1.9, and 15.1 is older than 15.1.1."""
    if compare not in _COMPARISONS:
        raise ValueError(f"a version cannot be compared with '{compare}'; use one of {', '.join(_COMPARISONS)}")
    return _COMPARISONS[compare](_version_parts(value), _version_parts(other))


def _version_parts(value: object) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|[A-Za-z]+", str(value))
    if not parts:
        raise ValueError(f"'{value}' is not a version")
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


TESTS: Final[Mapping[str, Callable[..., bool]]] = {
    **dict.fromkeys(("changed", "change"), _changed),
    **dict.fromkeys(("failed", "failure"), _result("failed")),
    **dict.fromkeys(("succeeded", "success", "successful"), _result("failed", False)),
    **dict.fromkeys(("skipped", "skip"), _result("skipped")),
    "unreachable": _result("unreachable"),
    "reachable": _result("unreachable", False),
    "match": _matches("match"),
    "search": _matches("search"),
    "fullmatch": _matches("fullmatch"),
    "regex": _regex,
    "contains": _contains,
    **dict.fromkeys(("subset", "issubset"), _subset),
    **dict.fromkeys(("superset", "issuperset"), _superset),
    "truthy": _truthy,
    "falsy": _falsy,
    "any": any,
    "all": all,
    **dict.fromkeys(("version", "version_compare"), _version),
}
