"""Groups, hosts and their layers of variables -> each host's variables, by Ansible's precedence.

From weak to strong: the group `all`, parent groups before children, `group_vars/all`, `group_vars/` of the
other groups in the same order, the host's own, `host_vars/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from runner.errors import Location, Problem
from runner.inventory.model import LOCALHOST, Inventory, InventoryHost, Source
from runner.rules import Rule

Layer = dict[str, tuple[object, Source]]

_PRIORITY: Final = "ansible_group_priority"


@dataclass(slots=True)
class Owner:
    """Somebody who has variables: those written in an inventory, and those of files beside it."""

    inline: Layer = field(default_factory=dict)
    files: Layer = field(default_factory=dict)


@dataclass(slots=True)
class Group(Owner):
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Location] = field(default_factory=dict)


class Gathered:
    """What all inventory files say together."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {"all": Group()}
        self.hosts: dict[str, Owner] = {}
        self.implicit = Owner()
        """localhost, as long as no file has it among its hosts."""

    def group(self, name: str) -> Group:
        return self.groups.setdefault(name, Group())

    def host(self, name: str) -> Owner:
        return self.hosts.setdefault(name, Owner())

    def cycles(self) -> list[Problem]:
        """A problem for each child that leads back to its own group."""
        return [
            Problem(
                f"the group '{name}' would contain itself through '{child}'",
                place,
                "remove one of the two",
                rule=Rule.CIRCULAR_GROUPS,
            )
            for name, group in self.groups.items()
            for child, place in group.children.items()
            if name in self._below(child)
        ]

    def _below(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(self.groups[current].children)
        return found

    def members(self, name: str) -> dict[str, None]:
        """The hosts of a group and of the groups below it, in order of appearance."""
        if name == "all":
            return dict.fromkeys(self.hosts)
        below = self._below(name)
        inside = {host for group in below for host in self.groups[group].hosts}
        own = self.groups[name].hosts
        return {**own, **dict.fromkeys(host for host in self.hosts if host in inside)}

    def depths(self) -> dict[str, int]:
        """How far each group is below `all`, by the longest way."""
        depths = dict.fromkeys(self.groups, 1)
        depths["all"] = 0
        for _ in self.groups:
            changed = False
            for name, group in self.groups.items():
                for child in group.children:
                    if child != "all" and depths[child] < depths[name] + 1:
                        depths[child] = depths[name] + 1
                        changed = True
            if not changed:
                break
        return depths


def merged(gathered: Gathered, file: str, warnings: tuple[Problem, ...]) -> Inventory:
    """The inventory, once there is nothing wrong with what was gathered."""
    members = {name: gathered.members(name) for name in gathered.groups}
    depths = gathered.depths()
    order = sorted(gathered.groups, key=lambda name: (depths[name], _priority(gathered.groups[name]), name))
    grouped = {host for name, hosts in members.items() if name not in ("all", "ungrouped") for host in hosts}
    members.setdefault("ungrouped", {host: None for host in gathered.hosts if host not in grouped})
    hosts = {
        name: _host(name, owner, [group for group in order if name in members[group]], gathered)
        for name, owner in gathered.hosts.items()
    }
    if LOCALHOST not in hosts:
        controller = _host(LOCALHOST, gathered.implicit, ["all"], gathered)
        hosts[LOCALHOST] = replace(controller, variables={**controller.variables, "ansible_connection": "local"})
    return Inventory(hosts, {name: tuple(found) for name, found in members.items()}, file, warnings)


def _host(name: str, owner: Owner, groups: list[str], gathered: Gathered) -> InventoryHost:
    chain = [gathered.groups[group] for group in groups]
    layers: Layer = {}
    for layer in (
        *(group.inline for group in chain),
        *(group.files for group in chain),
        owner.inline,
        owner.files,
    ):
        layers.update(layer)
    layers.pop(_PRIORITY, None)
    return InventoryHost(
        name=name,
        groups=tuple(group for group in groups if group != "all"),
        variables={key: value for key, (value, _) in layers.items()},
        sources={key: source for key, (_, source) in layers.items()},
    )


def _priority(group: Group) -> int:
    value = group.inline.get(_PRIORITY, (1, None))[0]
    return value if isinstance(value, int) else 1
