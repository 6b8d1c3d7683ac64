"""What is known before the run: every variable each host has, and which of them the run itself may set."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, Final

from runner.document import Document
from runner.errors import Location, Severity
from runner.inventory import Inventory
from runner.plan.model import MAGIC, RESCUE_MAGIC, STEADY_MAGIC, Options
from runner.plan.tree import Step
from runner.playbook import Play
from runner.template import Templar, TemplateError, Usage, is_template

Variables = Mapping[str, Any]
KeyPath = tuple[str, ...]

_BROKEN: Final = Usage(frozenset(), frozenset(), frozenset(), steady=False)
"""A template that cannot be read; that it cannot is reported elsewhere."""


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
class _Way:
    """From where one looks: a host, the variables of blocks and task, and the variables gone through so far.

    `passing` are the names only the run knows; `simple`: there are no variables of blocks and task.
    """

    host: str
    own: Variables
    passing: frozenset[str]
    simple: bool
    through: tuple[str, ...] = ()


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
        self._reaches: dict[tuple[str, str, frozenset[KeyPath], KeyPath | None], Reach] = {}
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

    def reach(self, usage: Usage, host: str, step: Step | None = None, *, only: frozenset[str] | None = None) -> Reach:
        """What a template leads to on a host, through variables whose values are templates.

        With `only`, no more than these of its names count.
        """
        own = step.own_vars if step else {}
        way = _Way(host, own, self.passing(step), simple=not own)
        names = usage.names if only is None else usage.names & only
        return _joined([self._reach_of(name, usage, way) for name in names])

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

    def _reach_of(self, name: str, usage: Usage, way: _Way) -> Reach:
        if name in way.passing:
            return Reach(steady=False, names=frozenset({name}))
        paths = frozenset(path for path in usage.paths if path[0] == name)
        key = (way.host, name, paths, usage.whole)
        cacheable = way.simple and not way.through and way.passing == self._passing
        if cacheable and key in self._reaches:
            return self._reaches[key]
        variables = self.variables(way.host, way.own)
        if name not in variables:
            return Reach(missing=frozenset({Missing(name)}), steady=False, names=frozenset({name}))
        found = self._through(name, variables[name], paths, usage.whole, way)
        if cacheable:
            self._reaches[key] = found
        return found

    def _through(self, name: str, value: object, paths: frozenset[KeyPath], whole: KeyPath | None, way: _Way) -> Reach:
        here = Reach(names=frozenset({name}))
        if not is_template(value):
            return here
        if name in way.through:
            return self._again(name, way)
        read = [_read(value, path[1:], path == whole) for path in paths] or [None]
        certain = None not in read
        found = [here]
        for usage in self._usages([part for part in read if part is not None] if certain else value):
            found.append(self._beyond(name, usage, certain, way))
        return _joined(found)

    def _usages(self, value: object) -> list[Usage]:
        try:
            return self.world.templar.usages(value)
        except TemplateError:
            return [_BROKEN]

    def _beyond(self, name: str, usage: Usage, certain: bool, way: _Way) -> Reach:
        """What one template of the variable `name` leads to; `certain`: it is rendered whenever `name` is read."""
        lacking = (lookup for lookup in usage.lookups if certain and self.world.templar.lacks(*lookup))
        found = [Reach(frozenset(Missing(what, name, kind) for kind, what in lacking), usage.steady)]
        inside = replace(way, through=(*way.through, name))
        for needed in usage.names:
            reach = self._reach_of(needed, usage, inside)
            missing = reach.missing if certain and needed in usage.certain else frozenset()
            gaps = frozenset(Missing(gap.name, gap.needed_by or name, gap.kind) for gap in missing)
            found.append(Reach(gaps, reach.steady or needed not in usage.required, reach.names))
        return _joined(found)

    def _again(self, name: str, way: _Way) -> Reach:
        """A name that was met on the way to it: a circle, if every value on the way is needed as a whole."""
        circle = way.through[way.through.index(name) :]
        variables = self.variables(way.host, way.own)
        if all(isinstance(variables[step], str) for step in circle):
            return Reach(frozenset({Missing(name, circle[-1], "circle")}), False, frozenset({name}))
        return Reach(steady=False, names=frozenset({name}))


def _read(value: object, keys: KeyPath, as_it_is: bool) -> object:
    """The part of a variable's value that `keys` read, if all its templates will be rendered; else None."""
    for key in keys:
        if isinstance(value, str):
            return value
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value if as_it_is or isinstance(value, str) or not is_template(value) else None


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
