"""Hosts, groups and where each variable was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from runner.errors import Location, Problem
from runner.frozen import frozen
from runner.inventory.precedence import Written
from runner.inventory.written import Source


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

    `localhost` belongs to no group, `all` included, unless an inventory says so.
    `file` is what it was read from, for messages. `warnings` tell what is odd but not wrong.
    `sealed` tells which files of variables are encrypted and could not be opened, so that any variable may exist.
    `written` is what it was made from; None if nobody wrote it.
    """

    hosts: Mapping[str, InventoryHost]
    groups: Mapping[str, tuple[str, ...]]
    file: str
    warnings: tuple[Problem, ...] = ()
    sealed: tuple[Problem, ...] = ()
    written: Written | None = field(default=None, repr=False, compare=False)
