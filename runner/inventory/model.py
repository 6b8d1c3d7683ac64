"""Hosts, groups and where each variable was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from runner.errors import Location, Problem
from runner.frozen import frozen
from runner.inventory.precedence import Written
from runner.inventory.variable_files import Sealed
from runner.inventory.written import ALL, Source
from runner.vault import CannotOpen


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
    sealed: tuple[Sealed, ...] = ()
    written: Written | None = field(default=None, repr=False, compare=False)

    def sealed_for(self, hosts: Iterable[str]) -> tuple[Sealed, ...]:
        """Those of `sealed` that have variables for one of these hosts."""
        wanted = frozenset(hosts)
        return tuple(one for one in self.sealed if self._concerns(one, wanted))

    def refuse_sealed(self, host: str) -> None:
        """Raise CannotOpen if a file with variables of this host could not be opened: it must not seem to have none."""
        for problem in (problem for sealed in self.sealed_for((host,)) for problem in sealed.problems):
            raise CannotOpen(f"{problem.location}: {problem.message}", hint=problem.hint)

    def _concerns(self, sealed: Sealed, hosts: frozenset[str]) -> bool:
        if sealed.kind == "host":
            return sealed.owner in hosts
        return bool(hosts) and (sealed.owner == ALL or not hosts.isdisjoint(self.groups.get(sealed.owner, ())))
