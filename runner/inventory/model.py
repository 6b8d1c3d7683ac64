"""Hosts, groups and where each variable was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from runner.document import Document, Path
from runner.errors import InvalidInput, Location, Problem
from runner.frozen import frozen

LOCALHOST: Final = "localhost"


@frozen
class Source:
    """Where a variable was written: a document, and the path of the variable's value in it."""

    document: Document
    path: Path

    def at(self, *inside: str | int) -> Location:
        """The place of the value, or of what is `inside` it."""
        return self.document.at((*self.path, *inside))


@frozen
class InventoryHost:
    """A host with the groups it is in, parents before children, and its variables as they were written.

    `sources` has an entry for every variable that comes from a file.
    """

    name: str
    groups: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)

    def at(self, variable: str, *inside: str | int) -> Location | None:
        """The place of a variable, or of what is `inside` it."""
        source = self.sources.get(variable)
        return source.at(*inside) if source else None


@frozen
class Inventory:
    """`hosts` in order of appearance; `localhost` is always among them. `groups` has the hosts of each, `all` included.

    `localhost` belongs to no group, `all` included, unless an inventory file says so.
    `file` is what it was read from, for messages. `warnings` tell what is odd but not wrong. `sealed` tells which
    files of variables are encrypted and could not be opened, so that any variable may exist.
    """

    hosts: Mapping[str, InventoryHost]
    groups: Mapping[str, tuple[str, ...]]
    file: str
    warnings: tuple[Problem, ...] = ()
    sealed: tuple[Problem, ...] = ()

    def select(self, pattern: str, limit: str | None = None) -> tuple[str, ...]:
        """The hosts a pattern means, without those that `limit`, a pattern too, leaves out.

        May be empty (an empty group, everything excluded). Raises InvalidInput for names nobody has.
        """
        from runner.inventory.patterns import matching

        found = matching(self, pattern)
        limited = matching(self, limit) if limit else None
        problems = (*found.problems, *(limited.problems if limited else ()))
        if problems:
            raise InvalidInput(problems)
        return tuple(host for host in found.hosts if limited is None or host in limited.hosts)
