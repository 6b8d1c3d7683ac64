"""Variables that are defined in two places of which one can never have an effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.errors import Location, Problem, Severity
from runner.plan.facts import PlayFacts
from runner.plan.model import MAGIC
from runner.plan.tree import Level, Step, levels_of_play
from runner.rules import Rule


def shadowed_problems(facts: PlayFacts, steps: Sequence[Step]) -> Iterator[Problem]:
    """A warning for each variable of a play that hides another one, or is hidden, wherever it is used."""
    (*_, play) = levels_of_play(facts.world.document, facts.index)
    for name in play.raw.get("vars") or {}:
        yield from _magic(name, _key_place(play, name))
        if name in facts.files.values:
            other = facts.files.values[name][1].at((name,))
            message = f"'{name}' never has this value: that in {other} always wins"
            yield _warning(message, _key_place(play, name), "vars_files win over vars; remove one of the two")
        elif other_place := _in_inventory(name, facts):
            message = f"'{name}' hides the inventory's in {other_place}, which never has an effect in this play"
            yield _warning(message, _key_place(play, name), "remove one of the two, or rename it")
    for step in steps:
        yield from _of_task(step, facts)


def _of_task(step: Step, facts: PlayFacts) -> Iterator[Problem]:
    register = step.task.register
    if register:
        place = step.own.place("register")
        yield from _magic(register, place)
        if other := _defined(register, step, facts):
            message = f"the result overwrites the variable '{register}' of {other}"
            yield _warning(message, place, "register it under another name")
    if step.task.module == "set_fact":
        for name in step.task.args:
            yield from _magic(name, step.own.place("set_fact", name))
    for name in sorted(step.loop_variables):
        place = step.own.place("loop_control") if "loop_control" in step.raw else step.own.place("loop")
        yield from _magic(name, place)
        if other := _defined(name, step, facts):
            message = f"the loop's variable '{name}' hides that of {other}"
            yield _warning(message, place, "give it another name: loop_control: {loop_var: …}")


def _magic(name: str, place: Location) -> Iterator[Problem]:
    if name in MAGIC:
        message = f"'{name}' always has a value of its own: what is set here never has an effect"
        yield _warning(message, place, "use another name")


def _defined(name: str, step: Step, facts: PlayFacts) -> Location | None:
    """Where a variable has a value on some host when a task is due, unless the task itself gives it."""
    if name in step.own.own_vars:
        return None
    return next((place for host in facts.hosts if (place := facts.place_of(name, host, step))), None)


def _in_inventory(name: str, facts: PlayFacts) -> Location | None:
    """Where the inventory gives a variable another value for a host of the play."""
    value = facts.play.keywords.vars.get(name)
    for host in facts.hosts:
        known = facts.world.inventory.hosts.get(host)
        if known and name in known.variables and known.variables[name] != value and not name.startswith("ansible_"):
            return known.at(name)
    return None


def _key_place(level: Level, name: str) -> Location:
    return level.document.key_at((*level.at, "vars", name))


def _warning(message: str, place: Location, hint: str) -> Problem:
    return Problem(message, place, hint, Severity.WARNING, rule=Rule.SHADOWED_VARIABLE)
