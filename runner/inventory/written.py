"""What inventory sources say, as it was written: groups, hosts, and the variables each of them was given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from runner.document import Document, Path
from runner.errors import Location, Problem, Severity
from runner.frozen import frozen
from runner.inventory.hostnames import HostNames
from runner.rules import Rule

ALL: Final = "all"
UNGROUPED: Final = "ungrouped"
LOCALHOST: Final = "localhost"
PRIORITY: Final = "ansible_group_priority"


@frozen
class Source:
    """Where a variable was written: a document, and the path of the variable's value in it."""

    document: Document
    path: Path

    def at(self, *inside: str | int) -> Location:
        """The place of the value, or of what is `inside` it."""
        return self.document.at((*self.path, *inside))


Layer = dict[str, tuple[object, Source | None]]
"""Variables with their values, each with its place if it has one."""


def layer_of(variables: object, document: Document, at: Path) -> Layer:
    """The variables that stand at a path of a document; none if what stands there is no mapping."""
    if not isinstance(variables, dict):
        return {}
    return {name: (value, Source(document, (*at, name))) for name, value in variables.items()}


@frozen
class Origin:
    """The source a host is first met in: what its variables `inventory_file` and `inventory_dir` say."""

    file: str
    directory: str | None = None

    def layer(self) -> Layer:
        return {"inventory_file": (self.file, None), "inventory_dir": (self.directory, None)}


@dataclass(slots=True)
class Group:
    """A group's own variables, its own hosts, and the groups below it, each with the place that says so."""

    variables: Layer = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Location | None] = field(default_factory=dict)
    place: Location | None = None


@dataclass(slots=True)
class Host:
    variables: Layer = field(default_factory=dict)
    place: Location | None = None


class Gathered:
    """What all sources say together. The order of groups, children and hosts is that of their first appearance."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {ALL: Group(children={UNGROUPED: None}), UNGROUPED: Group()}
        self.hosts: dict[str, Host] = {}

    def group(self, name: str, place: Location | None = None) -> Group:
        """The group of that name, made if it is new; `place` is where it is named."""
        return self.groups.setdefault(name, Group(place=place))

    def add_hosts(self, group: str, written: HostNames, variables: Layer, origin: Origin, place: Location) -> None:
        """Put the hosts that one name stands for into a group, and give each of them the variables."""
        port: Layer = {"ansible_port": (written.port, None)} if written.port is not None else {}
        for name in written.names:
            self.groups[group].hosts[name] = None
            host = self.hosts.setdefault(name, Host(origin.layer(), place))
            host.variables.update({**port, **variables})

    def settle(self) -> None:
        """Say what no source says: groups without parents are below `all`, hosts without groups in `ungrouped`."""
        below = {child for group in self.groups.values() for child in group.children}
        for name in self.groups:
            if name != ALL and name not in below:
                self.groups[ALL].children.setdefault(name, None)
        ungrouped = self.groups[UNGROUPED]
        grouped = {host for name, group in self.groups.items() if name not in (ALL, UNGROUPED) for host in group.hosts}
        for host in self.hosts:
            if host in grouped:
                ungrouped.hosts.pop(host, None)
            else:
                ungrouped.hosts[host] = None

    def below(self, name: str) -> list[str]:
        """The group itself and those below it, level by level."""
        found = [name]
        known = {name}
        for current in found:
            for child in self.groups[current].children:
                if child not in known:
                    known.add(child)
                    found.append(child)
        return found

    def members(self, name: str) -> dict[str, None]:
        """The hosts of a group and of those below it: its own first, then level by level."""
        return {host: None for group in self.below(name) for host in self.groups[group].hosts}

    def depths(self) -> dict[str, int]:
        """How far each group is below `all`, by the longest way. There must be no circle."""
        depths = dict.fromkeys(self.groups, 0)
        level, depth = {ALL}, 0
        while level:
            depths.update(dict.fromkeys(level, depth))
            level = {child for name in level for child in self.groups[name].children}
            depth += 1
        return depths

    def problems(self) -> list[Problem]:
        """What is wrong with all of it together, once it is settled: groups that contain themselves."""
        return [
            Problem(
                f"the group '{name}' would contain itself through '{child}'",
                place,
                "remove one of the two",
                rule=Rule.CIRCULAR_GROUPS,
            )
            for name, group in self.groups.items()
            for child, place in group.children.items()
            if place is not None and name in self.below(child)
        ]

    def warnings(self) -> list[Problem]:
        """What is odd about all of it together: a name that is a group's and a host's."""
        hint = "rename one of the two: the pattern means the host alone, as in Ansible"
        return [
            Problem(
                f"'{name}' is the name of a group and of a host",
                host.place,
                hint,
                Severity.WARNING,
                rule=Rule.BAD_NAME,
            )
            for name, host in self.hosts.items()
            if name in self.groups
        ]
