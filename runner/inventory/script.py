"""Inventory scripts: programs that print an inventory as JSON, by Ansible's protocol (`--list`, and `--host NAME`)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from runner.document import Document, examine_text
from runner.errors import Location, Problem, SentraPlayError, Severity
from runner.hosts.contract import Result
from runner.inventory.script_output import read_groups
from runner.inventory.written import Gathered, Origin
from runner.rules import Rule

SECONDS: Final = 300.0
"""The longest one script may take, all its calls together."""

RunScript = Callable[[tuple[str, ...], float], Result]
"""Runs a program on the controller, its words being given, for at most so many seconds; any exit status is a result."""

_SURROGATES: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_LINES_TOLD: Final = 8


def read_script(path: Path, run: RunScript, gathered: Gathered, origin: Origin) -> list[Problem]:
    """Add what a script prints to `gathered`; returns everything that is wrong with it."""
    calls = _Calls(path, run)
    document = calls.printed("--list")
    if document is None:
        return calls.problems
    wrong = read_groups(document, gathered, origin, lambda host: calls.printed("--host", host, may_be_empty=True))
    return [*calls.problems, *wrong]


class _Calls:
    """Calls one script, and turns what it prints into documents whose places are those in its output."""

    def __init__(self, path: Path, run: RunScript) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._run = run
        self._until = time.monotonic() + SECONDS

    def printed(self, *words: str, may_be_empty: bool = False) -> Document | None:
        """What a call prints; None if it fails, or prints nothing and `may_be_empty`."""
        place = Location(" ".join((str(self._path), *words)), 1, 1)
        try:
            result = self._run((str(self._path.absolute()), *words), max(self._until - time.monotonic(), 0.1))
        except SentraPlayError as error:
            self._note(place, f"the inventory script failed: {error.message}", self._hint(place))
            return None
        if not result.ok:
            ended = f"the inventory script ended with status {result.exit_code}"
            self._note(place, ended + _told(result.stderr), self._hint(place))
            return None
        if result.stderr.strip():
            message = f"the inventory script wrote to standard error{_told(result.stderr)}"
            self._note(place, message, severity=Severity.WARNING)
        if may_be_empty and not result.stdout.strip():
            return None
        return self._document(result.stdout, place)

    def _document(self, text: str, place: Location) -> Document | None:
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            where = Location(place.file, error.lineno, error.colno)
            what = "nothing" if not text.strip() else f"what is no JSON: {error.msg}"
            self._note(where, f"the inventory script printed {what}", self._hint(place))
            return None
        except RecursionError:
            self._note(place, "the inventory script printed JSON that is nested too deep")
            return None
        # JSON writes characters beyond 16 bits as two escapes, which YAML does not know.
        whole = _SURROGATES.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)
        examined = examine_text(whole, place.file)
        self.problems.extend(examined.problems)
        return examined.document

    def _hint(self, place: Location) -> str:
        return f"try it: {place.file if self._path.name != str(self._path) else f'./{place.file}'}"

    def _note(self, place: Location, message: str, hint: str = "", severity: Severity = Severity.ERROR) -> None:
        self.problems.append(Problem(message, place, hint, severity, rule=Rule.SCRIPT_FAILED))


def _told(stderr: str) -> str:
    """The last lines of what a script complained of, to stand behind a message."""
    lines = [f"    {line}" for line in stderr.splitlines() if line.strip()][-_LINES_TOLD:]
    return "\n".join((":", *lines)) if lines else ""
