"""The variables of a play's hosts, as far as they are known before the run."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from runner.errors import Location
from runner.plan.model import MAGIC, RESCUE_MAGIC, STEADY_MAGIC
from runner.plan.tree import Step, levels_of_play
from runner.plan.world import FileVariables, World
from runner.playbook import Play, exported_by, magic_of, names_of_roles
from runner.template import is_template

Variables = Mapping[str, Any]


_GROWING: Final = frozenset({"groups", "group_names", "hostvars", "ansible_play_hosts_all"})
"""What only the run knows if tasks add hosts and groups to the inventory."""


class PlayVariables:
    """The variables of one play's hosts. `hosts` are those the play works on."""

    def __init__(
        self, world: World, play: Play, index: int, hosts: tuple[str, ...], files: FileVariables | None = None
    ) -> None:
        self.world = world
        self.play = play
        self.index = index
        self.hosts = hosts
        self.files = files or FileVariables()
        self._base: dict[str, ChainMap[str, Any]] = {}
        self._exported = exported_by(role.scope for role in play.all_roles if role.public)
        self._groups = {name: list(members) for name, members in world.inventory.groups.items()}
        prompted = {prompt.name for prompt in play.vars_prompt}
        growing = _GROWING if world.growth else frozenset()
        self._passing = (
            growing | world.set_by_run | prompted | (MAGIC - STEADY_MAGIC)
        ) - world.options.extra_vars.keys()

    def variables(self, host: str, step: Step | None = None) -> Mapping[str, Any]:
        """Raw variables of a host that are known now, as a task sees them."""
        base = self._base.get(host)
        if base is None:
            base = self._base[host] = self._layers(host)
        own, role = (step.own_vars, step.role) if step else ({}, None)
        if role is None:
            return ChainMap(*base.maps[:2], own, *base.maps[2:]) if own else base
        magic, extra, *rest, exported = base.maps
        of_role: list[Any] = [own, role.vars.values]
        return ChainMap({**magic, **magic_of(role)}, extra, *of_role, *rest, dict(role.defaults.values), exported)

    def passing(self, step: Step | None) -> frozenset[str]:
        """Names whose value only the run knows."""
        if step is None:
            return self._passing
        passing = self._passing | step.loop_variables
        return passing | RESCUE_MAGIC if step.recovering else passing

    def place_of(self, name: str, host: str, step: Step | None = None) -> Location | None:
        """Where a variable gets the value that a host sees; None if that is no place in a file."""
        if name in self.world.options.extra_vars:
            return None
        return next((place for place in self._places(name, host, step) if place), None)

    def _places(self, name: str, host: str, step: Step | None) -> Iterator[Location | None]:
        """Where a variable is defined, beginning with what wins."""
        for level in reversed(step.levels) if step else ():
            if name in level.own_vars:
                yield level.place(name) if level.kind == "role" else level.place("vars", name)
        role = step.role if step else None
        yield role.vars.places.get(name) if role else None
        yield self._exported.vars.places.get(name)
        if name in self.files.values:
            yield self.files.values[name][1].at((name,))
        for level in levels_of_play(self.world.document, self.index):
            if name in (level.raw.get("vars") or {}):
                yield level.place("vars", name)
        known = self.world.inventory.hosts.get(host)
        yield known.at(name) if known else None
        yield role.defaults.places.get(name) if role else None
        yield self._exported.defaults.places.get(name)

    def all_names(self, step: Step | None = None) -> frozenset[str]:
        """Every name that exists for some host of the play, for suggestions."""
        return (MAGIC | self.passing(step)).union(*(self.variables(host, step) for host in self.hosts))

    def everywhere(self) -> frozenset[str]:
        """Names that can be used by every host of the play without a further look."""
        found: frozenset[str] | None = None
        for host in self.hosts:
            plain = frozenset(name for name, value in self.variables(host).items() if not is_template(value))
            found = plain if found is None else found & plain
        return (found or frozenset()) | (self._passing - self.world.set_by_run)

    def _layers(self, host: str) -> ChainMap[str, Any]:
        known = self.world.inventory.hosts.get(host)
        layers: list[Any] = [
            self._magic(host),
            self.world.options.extra_vars,
            dict(self._exported.vars.values),
            {name: value for name, (value, _) in self.files.values.items()},
            self.play.keywords.vars,
            known.variables if known else {},
            dict(self._exported.defaults.values),
        ]
        return ChainMap(*layers)

    def _magic(self, host: str) -> dict[str, Any]:
        known = self.world.inventory.hosts.get(host)
        return {
            "inventory_hostname": host,
            "inventory_hostname_short": host.partition(".")[0],
            "group_names": sorted(known.groups) if known else [],
            "groups": self._groups,
            "playbook_dir": str(self.play.directory.absolute()),
            "ansible_play_name": self.play.name,
            "ansible_play_hosts_all": list(self.hosts),
            **self.world.options.magic,
            **names_of_roles(self.play),
        }
