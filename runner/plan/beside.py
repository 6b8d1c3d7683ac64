"""The inventory as each play sees it: with group_vars/ and host_vars/ beside the playbook the play stands in."""

from __future__ import annotations

from pathlib import Path

from runner.errors import Problem
from runner.inventory import Inventory, beside_playbook
from runner.vault import Keys


class Beside:
    """Looks beside each playbook once. `problems` tell what is wrong there.

    `grows` says whether tasks add hosts or groups to the inventory.
    """

    def __init__(self, inventory: Inventory, keys: Keys, grows: bool) -> None:
        self.problems: list[Problem] = []
        self._inventory = inventory
        self._keys = keys
        self._grows = grows
        self._seen: dict[Path, Inventory] = {}

    def inventory(self, directory: Path) -> Inventory:
        """The inventory for plays of a playbook in that directory."""
        if directory not in self._seen:
            self._seen[directory], problems = beside_playbook(self._inventory, directory, self._keys, grows=self._grows)
            self.problems += problems
        return self._seen[directory]

    @property
    def all(self) -> tuple[Inventory, ...]:
        """Every inventory a play has seen, each once."""
        return tuple({id(found): found for found in self._seen.values()}.values())
