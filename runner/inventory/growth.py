"""An inventory that grows while a run goes on: hosts that are added, and groups that hosts turn out to be in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runner.events import AddedHost
from runner.inventory.merge import merged
from runner.inventory.model import Inventory
from runner.inventory.precedence import Written
from runner.inventory.written import ALL, Gathered, Group, Host


def grown(inventory: Inventory, added: Iterable[AddedHost]) -> Inventory:
    """The inventory with what was added, in order. What it said before stays as it is; a host that is in a group now
    sees that group's variables."""
    written = inventory.written or Written(Gathered(), inventory.file)
    gathered = _copied(written.gathered)
    for one in added:
        _add(gathered, one)
    gathered.settle()
    return merged(replace(written, gathered=gathered))


def _add(gathered: Gathered, one: AddedHost) -> None:
    host = gathered.hosts.setdefault(one.name, Host()) if one.name else None
    if host is not None:
        host.variables.update({name: (value, None) for name, value in one.variables.items()})
    for name in one.groups:
        group = gathered.group(name)
        if host is not None:
            group.hosts[one.name] = None
        for parent in one.parents:
            if parent != ALL and name not in gathered.below(name)[1:]:
                gathered.group(parent).children.setdefault(name, None)


def _copied(gathered: Gathered) -> Gathered:
    copy = Gathered()
    copy.groups = {
        name: Group(dict(group.variables), dict(group.hosts), dict(group.children), group.place)
        for name, group in gathered.groups.items()
    }
    copy.hosts = {name: Host(dict(host.variables), host.place) for name, host in gathered.hosts.items()}
    return copy
