"""A problem as people read it: the place, what is wrong, the line itself with a caret, and the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from runner.document import cipher_of
from runner.errors import Location, Problem, Severity
from runner.secret import MASK

WIDEST: Final = 100
_SECRET_LINE: Final = re.compile(
    r"(?i)(?P<key>\b\w*(?:password|passphrase|secret|token|secret_key|secret_access_key|private_key)[\"']?\s*[:=]\s*)"
    r"(?![\"']?\{\{).+$"
)


def text_of(problem: Problem) -> str:
    """`file:line:column: message [rule]`, the source line with a caret under the column, then the hint."""
    return "\n".join(_lines(problem))


def data_of(files: Sequence[Path], problems: Sequence[Problem]) -> dict[str, object]:
    """What `validate --output json` prints: the files that were checked, and every problem with its rule and place."""
    return {"files": [str(file) for file in files], "problems": [_data(problem) for problem in problems]}


def _data(problem: Problem) -> dict[str, object]:
    place = problem.location
    return {
        "rule": problem.rule.value,
        "severity": problem.severity.value,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "message": problem.message,
        "hint": problem.hint,
    }


def _lines(problem: Problem) -> Iterator[str]:
    place = f"{problem.location}: " if problem.location else ""
    severity = "warning: " if problem.severity is Severity.WARNING else ""
    yield f"{place}{severity}{problem.message} [{problem.rule}]"
    if problem.location:
        yield from _excerpt(problem.location)
    if problem.hint:
        yield f"  hint: {problem.hint}"


def _excerpt(location: Location) -> Iterator[str]:
    lines = _source(location.file)
    if not 1 <= location.line <= len(lines):
        return
    line = _SECRET_LINE.sub(rf"\g<key>{MASK}", lines[location.line - 1].expandtabs(1))
    start = max(0, location.column - WIDEST)
    number = str(location.line)
    yield f"  {number} | {line[start : start + WIDEST + 20]}"
    if location.column - 1 <= len(line):
        yield f"  {' ' * len(number)} | {' ' * (location.column - 1 - start)}^"


@lru_cache(maxsize=16)
def _source(file: str) -> tuple[str, ...]:
    """The lines of a file that was read a moment ago; none if it cannot be read again, or only with a key."""
    try:
        content = Path(file).read_bytes()
    except OSError:
        return ()
    return () if cipher_of(content) else tuple(content.decode("utf-8", "replace").split("\n"))
