"""Whether a task's conditions hold on a host, as far as that can be told before the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from runner.plan.facts import PlayFacts
from runner.plan.tree import Key, Step
from runner.template import Templar, TemplateError, Usage

HOST_NAMES: Final = frozenset({"inventory_hostname"})
"""Stands for any variables: hosts may then see different things."""

Condition = tuple[str | bool, Key]


def conditions(step: Step) -> Iterator[Condition]:
    """The conditions of a task, those of its blocks first, each with its place: the order in which they are read."""
    for level in step.levels:
        document, at = level.key
        written = level.raw.get("when")
        if isinstance(written, list):
            yield from ((item, (document, (*at, "when", index))) for index, item in enumerate(written))
        elif written is not None:
            yield written, (document, (*at, "when"))


def condition_names(condition: str | bool, templar: Templar) -> frozenset[str]:
    """The variables a condition uses; those of a condition that is wrong may be any."""
    if isinstance(condition, bool):
        return frozenset()
    usage = _usage(condition, templar)
    return usage.names if usage else HOST_NAMES


def guarded(step: Step, templar: Templar) -> frozenset[str]:
    """The variables whose absence the task's conditions ask for."""
    usages = (_usage(condition, templar) for condition, _ in conditions(step))
    return frozenset().union(*(usage.guarded for usage in usages if usage))


def verdict(step: Step, host: str, facts: PlayFacts, before: Key | None = None) -> bool | None:
    """False if a condition certainly fails, True if all certainly hold, None if only the run can tell.

    With `before`, only the conditions read before the one at that place count.
    """
    certain = True
    for condition, at in conditions(step):
        if at == before:
            break
        held = _held(condition, step, host, facts)
        if held is False:
            return False
        certain = certain and held is True
    return True if certain else None


def _held(condition: str | bool, step: Step, host: str, facts: PlayFacts) -> bool | None:
    if isinstance(condition, bool):
        return condition
    templar = facts.world.templar
    usage = _usage(condition, templar)
    if usage is None or not usage.steady:
        return None
    reach = facts.reach(usage, host, step)
    undefined = {gap.name for gap in reach.missing}
    if not reach.steady and not undefined <= usage.guarded:
        return None
    if usage.names & facts.passing(step):
        return None
    try:
        return templar.condition(condition, facts.variables(host, step))
    except TemplateError:
        return None


def _usage(condition: str | bool, templar: Templar) -> Usage | None:
    try:
        return templar.usage(condition) if isinstance(condition, str) else None
    except TemplateError:
        return None
