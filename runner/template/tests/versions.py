"""`is version`: comparing versions in the ways people number them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from packaging.version import Version

Key = Callable[[str], Any]

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    **dict.fromkeys(("==", "=", "eq"), operator.eq),
    **dict.fromkeys(("!=", "<>", "ne"), operator.ne),
    **dict.fromkeys(("<", "lt"), operator.lt),
    **dict.fromkeys(("<=", "le"), operator.le),
    **dict.fromkeys((">", "gt"), operator.gt),
    **dict.fromkeys((">=", "ge"), operator.ge),
}

_STRICT: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?")
_SEMANTIC: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)


def _loose(text: str) -> list[tuple[int, int, str]]:
    """Part by part: 1.10 is newer than 1.9, 15.1 is older than 15.1.1, and letters come before numbers."""
    parts = re.findall(r"\d+|[a-z]+|[^\da-z.]+", text)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def _strict(text: str) -> tuple[object, ...]:
    """Two or three numbers; `a1` and `b2` behind them come before the version itself."""
    found = _STRICT.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is not two or three numbers with dots")
    major, minor, patch, letter, number = found.groups()
    return int(major), int(minor), int(patch or 0), letter or "c", int(number or 0)


def _semantic(text: str) -> object:
    """As semver.org says: a pre-release comes before its version, build metadata does not count."""
    found = _SEMANTIC.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is not a semantic version such as 1.2.3 or 1.2.3-rc.1")
    *numbers, before = found.groups()
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in (before or "").split(".") if part]
    return [int(number) for number in numbers], not parts, parts


_KINDS: Final[Mapping[str, Key]] = {
    "loose": _loose,
    "strict": _strict,
    "semver": _semantic,
    "semantic": _semantic,
    "pep440": Version,
}


def _version(
    value: object, version: object, operator: str = "eq", strict: bool | None = None, version_type: str | None = None
) -> bool:
    if strict is not None and version_type is not None:
        raise ValueError("a version is compared by `strict` or by `version_type`, not by both")
    kind = "strict" if strict else version_type or "loose"
    if operator not in _COMPARISONS:
        raise ValueError(f"a version cannot be compared with '{operator}'; use one of {', '.join(_COMPARISONS)}")
    if kind not in _KINDS:
        raise ValueError(f"version_type='{kind}' is not known; use one of {', '.join(_KINDS)}")
    if not value or not version:
        raise ValueError("nothing is not a version")
    key = _KINDS[kind]
    return _COMPARISONS[operator](key(str(value)), key(str(version)))


VERSION_TESTS: Final[Mapping[str, Callable[..., bool]]] = dict.fromkeys(("version", "version_compare"), _version)
