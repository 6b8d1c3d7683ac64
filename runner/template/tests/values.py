"""Tests of plain values."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from runner.template.values import truth


def _matches(method: str) -> Callable[..., bool]:
    def test(value: object, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
        flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
        return getattr(re.compile(pattern, flags), method)(str(value)) is not None

    return test


def _regex(
    value: object, pattern: str = "", ignorecase: bool = False, multiline: bool = False, match_type: str = "search"
) -> bool:
    return _matches(match_type)(value, pattern, ignorecase, multiline)


def _contains(seq: Any, value: object) -> bool:
    return value in seq


def _subset(a: Iterable[object], b: Iterable[object]) -> bool:
    known = list(b)
    return all(item in known for item in a)


def _superset(a: Iterable[object], b: Iterable[object]) -> bool:
    return _subset(b, a)


def _truthy(value: object, convert_bool: bool = False) -> bool:
    if convert_bool:
        with contextlib.suppress(ValueError):
            return bool(truth(value))
    return bool(value)


def _falsy(value: object, convert_bool: bool = False) -> bool:
    return not _truthy(value, convert_bool)


def _nan(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isnan(value)


def _uri(value: object, schemes: Iterable[str] | None = None) -> bool:
    try:
        scheme = urlsplit(str(value)).scheme
    except ValueError:
        return False
    return schemes is None or scheme in schemes


def _url(value: object, schemes: Iterable[str] | None = None) -> bool:
    return _uri(value, schemes) and (bool(urlsplit(str(value)).netloc) or urlsplit(str(value)).scheme == "file")


VALUE_TESTS: Final[Mapping[str, Callable[..., bool]]] = {
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
    **dict.fromkeys(("nan", "isnan"), _nan),
    "vault_encrypted": lambda value: str(value).startswith("$ANSIBLE_VAULT;"),
    "uri": _uri,
    "url": _url,
    "urn": lambda value: _uri(value, ("urn",)),
}
