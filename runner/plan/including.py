"""What includes take in while a run goes on: the files were read before it if their names could be told, else now."""

from __future__ import annotations

import threading

from runner.errors import InvalidInput, Location, Problem
from runner.frozen import frozen
from runner.plan.fingerprint import checksum
from runner.plan.syntax import syntax_problems
from runner.plan.tree import steps_in
from runner.playbook import Inclusion, Library, Origin, RoleScope, Search, Taken, included
from runner.rules import Rule
from runner.template import Templar


@frozen
class Found:
    """What one include takes in, and the checksum of the content of all its files."""

    inclusion: Inclusion
    checksum: str


class Includes:
    """Reads and checks what is taken in; thread-safe."""

    def __init__(self, library: Library, templar: Templar) -> None:
        self._library = library
        self._templar = templar
        self._lock = threading.Lock()
        self._found: dict[tuple[Taken, str, Search], Found] = {}

    def take(self, taken: Taken, prefix: str, origin: Origin, place: Location, inside: RoleScope | None) -> Found:
        """The entries of a file or role, with paths that begin with `prefix`. InvalidInput with all that is wrong."""
        key = (taken, prefix, origin.search)
        with self._lock:
            found = self._found.get(key)
            if found is None:
                found = self._found[key] = self._read(taken, prefix, origin, place, inside)
            return found

    def _read(self, taken: Taken, prefix: str, origin: Origin, place: Location, inside: RoleScope | None) -> Found:
        before = len(self._library.problems)
        inclusion = included(self._library, taken, origin, prefix, place, inside)
        problems = self._library.problems[before:]
        del self._library.problems[before:]
        if inclusion is not None:
            problems += self._wrong(inclusion, origin.search)
        if inclusion is None or problems:
            raise InvalidInput(
                problems or [Problem(f"there is nothing to include in {taken.path}", place, rule=Rule.MISSING_FILE)]
            )
        return Found(inclusion, checksum(inclusion.document.data))

    def _wrong(self, inclusion: Inclusion, search: Search) -> list[Problem]:
        """What is wrong with its templates."""
        return list(syntax_problems((), steps_in(inclusion, search), self._templar))
