"""The hosts of a play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runner.errors import Location, Problem
from runner.inventory import Inventory, matching
from runner.plan.model import Options
from runner.playbook import Order, Play
from runner.rules import Rule
from runner.template import Templar, TemplateError

Targets = tuple[tuple[str, ...], tuple[Problem, ...]]


def targets(play: Play, inventory: Inventory, options: Options, templar: Templar, place: Location) -> Targets:
    """The hosts a play works on, in order, and what is wrong with its `hosts`, which stands at `place`.

    A template in `hosts` sees the play's own variables and the extra ones.
    """
    try:
        pattern = _pattern(play, {**play.keywords.vars, **options.extra_vars}, templar)
    except TemplateError as error:
        return (), (Problem(error.message, place, error.hint or "give it with -e", rule=error.rule),)
    found = matching(inventory, pattern)
    if found.problems:
        return (), tuple(replace(problem, location=place) for problem in found.problems)
    if not found.hosts:
        hint = "give the group hosts in the inventory, or correct the pattern"
        return (), (Problem(f"'{pattern}' matches no host of {inventory.file}", place, hint, rule=Rule.NO_HOSTS),)
    hosts = in_order(found.hosts, play.order)
    if options.limit is None:
        return hosts, ()
    limited = frozenset(matching(inventory, options.limit).hosts)
    return tuple(host for host in hosts if host in limited), ()


def in_order(hosts: Sequence[str], order: Order) -> tuple[str, ...]:
    """`hosts`, which stand in the inventory's order, in the one a play wants; only the run shuffles."""
    if order in ("sorted", "reverse_sorted"):
        return tuple(sorted(hosts, reverse=order == "reverse_sorted"))
    return tuple(reversed(hosts)) if order == "reverse_inventory" else tuple(hosts)


def _pattern(play: Play, variables: Mapping[str, object], templar: Templar) -> str:
    rendered = templar.render(play.hosts, variables)
    return ",".join(str(item) for item in rendered) if isinstance(rendered, list) else str(rendered)
