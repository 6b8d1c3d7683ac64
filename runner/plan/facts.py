"""What is known before the run: every variable each host has, and which of them the run itself may set."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from runner.document import Document
from runner.errors import Location, Severity
from runner.inventory import Inventory
from runner.plan.model import MAGIC, RESCUE_MAGIC, STEADY_MAGIC, Options
from runner.plan.tree import Step
from runner.playbook import Play
from runner.template import Templar, TemplateError, is_template

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something a template needs and nobody has.

    `kind`: a variable (""), what `lookup` is asked for ("env", "file"), or a variable whose value needs itself
    ("circle"). `needed_by` is the variable whose template needs it, "" if a task does.
    """

    name: str
    needed_by: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """What some names lead to on a host: what is missing, whether all is known now, and the names on the way."""

    missing: frozenset[Missing] = frozenset()
    steady: bool = True
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    """What all plays of a playbook share. `set_by_run`: names a task may set (register, set_fact)."""

    document: Document
    inventory: Inventory
    options: Options
    templar: Templar
    set_by_run: frozenset[str]
    has_inventory: bool = True
    """False while a playbook is checked alone: then `inventory` is empty and says nothing."""
    without_environment: Severity = Severity.ERROR
    """What it is when an environment variable is not set that will be needed."""

    @property
    def directory(self) -> FilePath:
        """The playbook's directory."""
        return FilePath(self.document.file).parent


@dataclass(frozen=True, slots=True)
class FileVariables:
    """The variables of a play's `vars_files`, each with its document.

    `complete` is false if the name of one is not known before the run: then any variable may exist.
    """

    values: Mapping[str, tuple[Any, Document]] = field(default_factory=dict)
    complete: bool = True


class PlayFacts:
    """The variables of one play's hosts, as far as they are known before the run."""

    def __init__(
        self, world: World, play: Play, index: int, hosts: tuple[str, ...], files: FileVariables | None = None
    ) -> None:
        self.world = world
        self.play = play
        self.index = index
        self.hosts = hosts
        self.files = files or FileVariables()
        self._base: dict[str, ChainMap[str, Any]] = {}
        self._reaches: dict[tuple[str, str], Reach] = {}
        self._groups = {name: list(members) for name, members in world.inventory.groups.items()}
        self._passing = (world.set_by_run | (MAGIC - STEADY_MAGIC)) - world.options.extra_vars.keys()

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

    def reach(self, names: Iterable[str], host: str, step: Step | None = None) -> Reach:
        """What `names` lead to on a host, through variables whose values are templates."""
        own = step.own_vars if step else {}
        passing = self.passing(step)
        return _joined([self._reach_of(name, host, own, passing, ()) for name in names])

    def place_of(self, name: str, host: str, step: Step | None = None) -> Location | None:
        """Where a variable gets the value that a host sees; None if that is no place in a file."""
        if name in self.world.options.extra_vars:
            return None
        for raw, at in reversed(step.levels) if step else ():
            if name in (raw.get("vars") or {}):
                return self.world.document.at((*at, "vars", name))
        if name in self.files.values:
            return self.files.values[name][1].at((name,))
        if name in self.play.keywords.vars:
            return self.world.document.at((self.index, "vars", name))
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
        return (found or frozenset()) | self._passing

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
            "playbook_dir": str(self.world.directory.absolute()),
            "ansible_check_mode": self.world.options.check,
            "ansible_diff_mode": self.world.options.diff,
            "ansible_forks": self.world.options.forks,
            "ansible_play_name": self.play.name,
            "ansible_play_hosts_all": list(self.hosts),
        }

    def _reach_of(
        self, name: str, host: str, own: Variables, passing: frozenset[str], through: tuple[str, ...]
    ) -> Reach:
        if name in passing:
            return Reach(steady=False, names=frozenset({name}))
        simple = not own and not through and passing == self._passing
        if simple and (host, name) in self._reaches:
            return self._reaches[host, name]
        variables = self.variables(host, own)
        if name not in variables:
            return Reach(missing=frozenset({Missing(name)}), steady=False, names=frozenset({name}))
        found = self._through(name, variables[name], host, own, passing, through)
        if simple:
            self._reaches[host, name] = found
        return found

    def _through(
        self, name: str, value: object, host: str, own: Variables, passing: frozenset[str], through: tuple[str, ...]
    ) -> Reach:
        here = Reach(names=frozenset({name}))
        if name in through:
            return self._again(name, host, own, through)
        if not is_template(value):
            return here
        try:
            usages = self.world.templar.usages(value)
        except TemplateError:
            return Reach(steady=False, names=here.names)
        found = [here]
        for usage in usages:
            lacking = (lookup for lookup in usage.lookups if self.world.templar.lacks(*lookup))
            found.append(Reach(frozenset(Missing(what, name, kind) for kind, what in lacking), usage.steady))
            for needed in usage.names:
                reach = self._reach_of(needed, host, own, passing, (*through, name))
                missing = reach.missing if needed in usage.certain else frozenset()
                gaps = frozenset(Missing(gap.name, gap.needed_by or name, gap.kind) for gap in missing)
                found.append(Reach(gaps, reach.steady or (needed not in usage.required), reach.names))
        return _joined(found)

    def _again(self, name: str, host: str, own: Variables, through: tuple[str, ...]) -> Reach:
        """A name that was met on the way to it: a circle, if every value on the way is needed as a whole."""
        way = through[through.index(name) :]
        variables = self.variables(host, own)
        if all(isinstance(variables[step], str) for step in way):
            return Reach(frozenset({Missing(name, way[-1], "circle")}), False, frozenset({name}))
        return Reach(steady=False, names=frozenset({name}))


def names_set_by(document: Document) -> frozenset[str]:
    """Every name that a task of the playbook may set, wherever it stands and whether or not it is right."""
    return frozenset(_set_names(document.data))


def _set_names(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("register"), str):
            yield value["register"]
        facts = value.get("set_fact")
        if isinstance(facts, dict):
            yield from facts
        if "set_fact" in value and isinstance(value.get("args"), dict):
            yield from value["args"]
        for item in value.values():
            yield from _set_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _set_names(item)


def _joined(reaches: list[Reach]) -> Reach:
    return Reach(
        frozenset().union(*(reach.missing for reach in reaches)),
        all(reach.steady for reach in reaches),
        frozenset().union(*(reach.names for reach in reaches)),
    )
