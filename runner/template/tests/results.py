"""Tests of what a task registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final


def _of_result(what: str, test: Callable[[Mapping[str, Any]], bool]) -> Callable[[object], bool]:
    def checked(result: object) -> bool:
        if not isinstance(result, Mapping):
            raise ValueError(f"only the registered result of a task can be {what}")
        return test(result)

    return checked


def _says(key: str, value: bool = True) -> Callable[[object], bool]:
    return _of_result(key, lambda result: bool(result.get(key, False)) is value)


def _is_changed(result: Mapping[str, Any]) -> bool:
    if "changed" in result:
        return bool(result["changed"])
    items = result.get("results")
    return isinstance(items, list) and any(isinstance(item, Mapping) and bool(item.get("changed")) for item in items)


def _timed_out(result: Mapping[str, Any]) -> bool:
    told = result.get("timedout")
    return isinstance(told, Mapping) and bool(told.get("period"))


def _of_job(key: str) -> Callable[[object], bool]:
    """Whether a task that runs in the background has started or finished; one that does not, has."""
    return _of_result(key, lambda result: bool(result.get(key, True)))


_CHANGED: Final = _of_result("changed", _is_changed)

RESULT_TESTS: Final[Mapping[str, Callable[..., bool]]] = {
    **dict.fromkeys(("changed", "change"), _CHANGED),
    **dict.fromkeys(("failed", "failure"), _says("failed")),
    **dict.fromkeys(("succeeded", "success", "successful"), _says("failed", False)),
    **dict.fromkeys(("skipped", "skip"), _says("skipped")),
    "unreachable": _says("unreachable"),
    "reachable": _says("unreachable", False),
    "timedout": _of_result("timedout", _timed_out),
    "started": _of_job("started"),
    "finished": _of_job("finished"),
}
