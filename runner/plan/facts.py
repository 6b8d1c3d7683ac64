"""What is known before the run: what templates lead to through variables, and what is missing on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from runner.frozen import frozen
from runner.plan.gathering import fact_names, is_fact
from runner.plan.tree import Step
from runner.plan.variables import PlayVariables
from runner.plan.world import FileVariables, World
from runner.playbook import Play
from runner.template import TemplateError, Usage, is_template

KeyPath = tuple[str, ...]

_DIFFERENT_ON_EVERY_HOST: Final = ("inventory_hostname", "inventory_hostname_short", "group_names")

_BROKEN: Final = Usage(frozenset(), frozenset(), frozenset(), steady=False)
"""A template that cannot be read; that it cannot is reported elsewhere."""


@frozen
class Missing:
    """Something a template needs and nobody has.

    `kind`: a variable (""), what `lookup` is asked for ("env", "file"), or a variable whose value needs itself
    ("circle"). `needed_by` is the variable whose template needs it, "" if a task does.
    """

    name: str
    needed_by: str = ""
    kind: str = ""


@frozen
class Reach:
    """What some names lead to on a host: what is missing, whether all is known now, and the names on the way."""

    missing: frozenset[Missing] = frozenset()
    steady: bool = True
    names: frozenset[str] = frozenset()


@frozen
class _Way:
    """From where one looks: a host, the variables of blocks and task, and the variables gone through so far.

    `passing` are the names only the run knows; `simple`: there are no variables of blocks and task.
    """

    host: str
    step: Step | None
    passing: frozenset[str]
    simple: bool
    through: tuple[str, ...] = ()


class PlayFacts(PlayVariables):
    """The variables of one play's hosts, and what is at the end of every template."""

    def __init__(
        self, world: World, play: Play, index: int, hosts: tuple[str, ...], files: FileVariables | None = None
    ) -> None:
        super().__init__(world, play, index, hosts, files)
        self._reaches: dict[tuple[str, int, str, frozenset[KeyPath], KeyPath | None], Reach] = {}
        self._uniform: dict[str, bool] = dict.fromkeys(_DIFFERENT_ON_EVERY_HOST, False)

    def alike(self, names: frozenset[str], step: Step | None = None) -> tuple[tuple[str, ...], ...]:
        """The hosts of the play in groups that see the same values for `names`, so that one can stand for all."""
        own = step.own_vars if step else {}
        wanted = (names - own.keys()) | (self._names(own) if names & own.keys() else frozenset())
        if step and step.role:
            inner = (step.role.vars.values, step.role.defaults.values)
            wanted |= frozenset().union(*(self._names(values) for values in inner if wanted & values.keys()))
        if all(self._is_uniform(name) for name in wanted):
            return (self.hosts,) if self.hosts else ()
        return tuple((host,) for host in self.hosts)

    def reach(self, usage: Usage, host: str, step: Step | None = None, *, only: frozenset[str] | None = None) -> Reach:
        """What a template leads to on a host, through variables whose values are templates.

        With `only`, no more than these of its names count.
        """
        own = step.own_vars if step else {}
        way = _Way(host, step, self.passing(step), simple=not own)
        names = usage.names if only is None else usage.names & only
        found = _joined([self._reach_of(name, usage, way) for name in names])
        if step and (late := self.too_late(found.names, step, host)):
            way = replace(way, passing=way.passing - late)
            found = _joined([self._reach_of(name, usage, way) for name in names])
        return found

    def too_late(self, names: frozenset[str], step: Step, host: str) -> frozenset[str]:
        """Those of the names that only the run sets, and not before the task is due on the host."""
        setters = self.world.setters
        return frozenset(
            name
            for name in names & self.world.set_by_run & self._passing - step.loop_variables
            if setters.too_late(name, step, host)
        )

    def lacks(self, kind: str, name: str, step: Step | None) -> bool:
        """Whether `lookup(kind, name)` would find nothing at this moment, for that task."""
        templar = self.world.templar
        return (templar.within(step.search.bases) if step else templar).lacks(kind, name)

    def _is_uniform(self, name: str) -> bool:
        """Whether all hosts of the play see the same value, as far as it is known."""
        known = self._uniform.get(name)
        if known is None:
            self._uniform[name] = True
            values = [self.variables(host).get(name, self) for host in self.hosts]
            known = self.world.setters.alike(name, self.hosts)
            known = known and all(value is values[0] or value == values[0] for value in values)
            known = known and all(self._is_uniform(inner) for inner in self._names(values[0] if values else None))
            self._uniform[name] = known
        return known

    def _names(self, value: object) -> frozenset[str]:
        return frozenset().union(*(usage.names for usage in self._usages(value)))

    def _reach_of(self, name: str, usage: Usage, way: _Way) -> Reach:
        if name in way.passing or (is_fact(name) and self.passing(None) & fact_names()):
            return Reach(steady=False, names=frozenset({name}))
        paths = frozenset(path for path in usage.paths if path[0] == name)
        key = (way.host, id(way.step.role) if way.step else 0, name, paths, usage.whole)
        cacheable = way.simple and not way.through and way.passing == self._passing
        if cacheable and key in self._reaches:
            return self._reaches[key]
        variables = self.variables(way.host, way.step)
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
        lacking = (lookup for lookup in usage.lookups if certain and self.lacks(*lookup, way.step))
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
        variables = self.variables(way.host, way.step)
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


def _joined(reaches: list[Reach]) -> Reach:
    return Reach(
        frozenset().union(*(reach.missing for reach in reaches)),
        all(reach.steady for reach in reaches),
        frozenset().union(*(reach.names for reach in reaches)),
    )
