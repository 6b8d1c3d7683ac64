"""The options every command needs that opens a repository or a host outside a run, and the opening itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runner.cli import options
from runner.cli.files import existing_inventories
from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from

if TYPE_CHECKING:
    from runner.hosts.contract import Host
    from runner.inventory import Inventory
    from runner.repositories.contract import Repository
    from runner.vault import Keys

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Opener:
    """Opens repositories by the names the inventory gives them, or by their addresses, and hosts by their names."""

    invocation: Invocation
    inventories: tuple[str, ...]
    extra: tuple[str, ...]
    ask_pass: bool
    ask_become_pass: bool
    given: GivenKeys

    @cached_property
    def keys(self) -> Keys:
        return keys_from(self.invocation, self.given)

    @cached_property
    def _variables(self) -> dict[str, object]:
        return options.extra_variables(self.extra, self.keys)

    @cached_property
    def _inventory(self) -> Inventory:
        from runner.cli.carrying import Carrying, passwords_from
        from runner.plan import Options

        passwords = passwords_from(self.invocation, self.ask_pass, self.ask_become_pass)
        wanted = Options(extra_vars=self._variables)
        return Carrying(self.invocation, existing_inventories(self.inventories), wanted, passwords, self.keys).inventory

    def open(self, name: str) -> AbstractContextManager[Repository]:
        """The repository, closed with the context; TaskFailed if there is none or it cannot be used."""
        from runner.wiring.assembly import repository_alone

        return repository_alone(name, self._inventory, self._variables, self.keys)

    def host(self, name: str) -> AbstractContextManager[Host]:
        """A host of the inventory, as the user the inventory says; left with the context."""
        from runner.wiring.assembly import host_alone

        return host_alone(name, self._inventory, self._variables, self.keys)

    def retention(self, name: str) -> dict[str, object]:
        """What the repository's definition says about how long backups stay; empty if nothing."""
        from runner.wiring.assembly import retention_alone

        return dict(retention_alone(name, self._inventory, self._variables, self.keys))


def opens_repositories(function: F) -> F:
    """The options for it; they arrive as one argument `opener`."""

    @functools.wraps(function)
    def packed(
        *args: Any,
        inventories: tuple[str, ...],
        extra: tuple[str, ...],
        ask_pass: bool,
        ask_become_pass: bool,
        keys: GivenKeys,
        **others: Any,
    ) -> Any:
        invocation = click.get_current_context().ensure_object(Invocation)
        opener = Opener(invocation, inventories, extra, ask_pass, ask_become_pass, keys)
        return function(*args, opener=opener, **others)

    found: Any = packed
    for option in (given, options.passwords, options.variables, options.inventories):
        found = option(found)
    return found  # type: ignore[no-any-return]  # the same function for its caller
