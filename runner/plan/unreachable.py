"""Tasks that can never be carried out: switched off by a literal `false`, or behind one that always fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runner.document import Document, Path
from runner.errors import Problem, Severity
from runner.rules import Rule
from runner.schema import BLOCK_KEYS

_SECTIONS: Final = ("pre_tasks", "tasks", "post_tasks")
_MAY_SPARE: Final = frozenset(
    {"when", "ignore_errors", "failed_when", "loop", "tags", "until", "notify", "delegate_to", "run_once", "check_mode"}
)
"""Keywords with which a `fail` does not always end its list of tasks."""
_ENDINGS: Final = frozenset({"fail"})


def unreachable_problems(document: Document, index: int) -> Iterator[Problem]:
    """A warning for each task or block of a play that is never reached; what is imported is left alone."""
    play: Mapping[str, Any] = document.data[index]  # type: ignore[index]  # a playbook is a list
    forgiving = "ignore_errors" in play
    for section in _SECTIONS:
        yield from _in(play.get(section) or (), (index, section), document, forgiving)


def _in(entries: Sequence[Mapping[str, Any]], at: Path, document: Document, forgiving: bool) -> Iterator[Problem]:
    end: Path | None = None
    for index, entry in enumerate(entries):
        here = (*at, index)
        if end is not None and "tags" not in entry:
            line = document.at(end).line
            hint = "remove it, or let the one before fail only `when` something is wrong"
            yield _warning(f"this is never reached: the task in line {line} always fails", here, document, hint)
            return
        yield from _switched_off(entry, here, document)
        for section in sorted(BLOCK_KEYS & entry.keys()):
            inside = forgiving or "ignore_errors" in entry
            yield from _in(entry[section] or (), (*here, section), document, inside)
        if not forgiving and _ENDINGS & entry.keys() and not _MAY_SPARE & entry.keys():
            end = here


def _switched_off(entry: Mapping[str, Any], at: Path, document: Document) -> Iterator[Problem]:
    written = entry.get("when")
    listed = written if isinstance(written, list) else [written]
    for index, condition in enumerate(listed):
        if condition is False or (isinstance(condition, str) and condition.strip() in ("false", "False")):
            place = (*at, "when", index) if isinstance(written, list) else (*at, "when")
            hint = "remove it, or use a variable, or the tag `never`"
            yield _warning("this is never done: its condition is always false", place, document, hint)
            return


def _warning(message: str, at: Path, document: Document, hint: str) -> Problem:
    return Problem(message, document.at(at), hint, Severity.WARNING, rule=Rule.UNREACHABLE_TASK)
