"""The variables of a play's hosts, as far as they are known before the run."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from runner.errors import Location
from runner.plan.model import MAGIC, RESCUE_MAGIC, STEADY_MAGIC
from runner.plan.tree import Step, levels_of_play
from runner.plan.world import FileVariables, World
from runner.playbook import Play
from runner.template import is_template

Variables = Mapping[str, Any]


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
        self._groups = {name: list(members) for name, members in world.inventory.groups.items()}
        prompted = {prompt.name for prompt in play.vars_prompt}
        self._passing = (world.set_by_run | prompted | (MAGIC - STEADY_MAGIC)) - world.options.extra_vars.keys()

    def variables(self, host: str, own: Variables | None = None) -> Mapping[str, Any]:
        """Raw variables of a host that are known now; `own` are those of blocks and task."""
        base = self._base.get(host)
        if base is None:
            base = self._base[host] = self._layers(host)
        if not own:
            return base
        return ChainMap(*base.maps[:2], dict(own), *base.maps[2:])

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
        for level in reversed(step.levels) if step else ():
            if level.kind != "import_playbook" and name in (level.raw.get("vars") or {}):
                return level.place("vars", name)
        if name in self.files.values:
            return self.files.values[name][1].at((name,))
        for level in levels_of_play(self.world.document, self.index):
            if name in (level.raw.get("vars") or {}):
                return level.place("vars", name)
        known = self.world.inventory.hosts.get(host)
        return known.at(name) if known else None

    def all_names(self, step: Step | None = None) -> frozenset[str]:
        """Every name that exists for some host of the play, for suggestions."""
        found = MAGIC | self.passing(step) | frozenset(step.own_vars if step else ())
        return found.union(*(self.variables(host) for host in self.hosts))

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
            {name: value for name, (value, _) in self.files.values.items()},
            self.play.keywords.vars,
            known.variables if known else {},
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
            "ansible_check_mode": self.world.options.check,
            "ansible_diff_mode": self.world.options.diff,
            "ansible_forks": self.world.options.forks,
            "ansible_play_name": self.play.name,
            "ansible_play_hosts_all": list(self.hosts),
        }
