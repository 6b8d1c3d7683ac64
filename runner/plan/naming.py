"""Groups and hosts that templates name: `groups['web']`, `hostvars['db1'].role`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from runner.errors import Problem
from runner.plan.facts import PlayFacts
from runner.plan.texts import Text, texts_of_step
from runner.plan.tree import Step
from runner.plan.verdicts import verdict
from runner.rules import Rule
from runner.suggestions import did_you_mean, listed
from runner.template import TemplateError, Usage

_METHODS: Final = frozenset(dir(dict))
"""What stands behind a dot and is no name: `groups.keys()`."""


def naming_problems(
    facts: PlayFacts, steps: Sequence[Step], contents: Mapping[str, Sequence[Text]]
) -> Iterator[Problem]:
    """A problem for each group or host that a template reads and nobody has; only where it is read for certain.

    `contents` are the texts of template files, by the path of the task that renders them.
    """
    if not facts.hosts or not facts.world.has_inventory or facts.world.growth:
        return
    for step in steps:
        for text in (*texts_of_step(step), *contents.get(step.task.path, ())):
            usage = _usage(text, facts)
            for path in sorted(unknown_names(usage, facts)) if usage else ():
                if problem := _problem(path, text, step, facts):
                    yield problem


def unknown_names(usage: Usage, facts: PlayFacts) -> frozenset[tuple[str, ...]]:
    """The paths in a template that name a group or a host which nobody has."""
    known: Mapping[str, Collection[str]] = {
        "groups": facts.world.inventory.groups,
        "hostvars": facts.world.inventory.hosts,
    }
    return frozenset(
        path
        for path in usage.paths
        if len(path) > 1 and path[0] in known and path[1] not in known[path[0]] and path[1] not in _METHODS
    )


def _usage(text: Text, facts: PlayFacts) -> Usage | None:
    templar = facts.world.templar
    try:
        return templar.usage(text.value) if text.is_expression else templar.usages(text.value)[0]
    except TemplateError:
        return None


def _problem(path: tuple[str, ...], text: Text, step: Step, facts: PlayFacts) -> Problem | None:
    before = text.key if text.part == "when" else None
    if all(verdict(step, host, facts, before) is False for host in facts.hosts):
        return None
    inventory = facts.world.inventory
    known: Collection[str] = inventory.groups if path[0] == "groups" else inventory.hosts
    what = "group" if path[0] == "groups" else "host"
    otherwise = f"known are {listed(known)}" if len(known) <= 12 else ""
    message = f"there is no {what} '{path[1]}' in the inventory"
    return Problem(message, text.place(), did_you_mean(path[1], known, otherwise), rule=Rule.UNKNOWN_HOST)
