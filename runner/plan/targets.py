"""The hosts of a play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runner.errors import Location, Problem
from runner.inventory import Inventory, grown, matching
from runner.plan.growing import Growth
from runner.plan.model import Options
from runner.playbook import Order, Play
from runner.rules import Rule
from runner.template import Templar, TemplateError

Targets = tuple[tuple[str, ...], tuple[Problem, ...]]


def targets(
    play: Play, inventory: Inventory, options: Options, templar: Templar, place: Location, growth: Growth
) -> Targets:
    """The hosts a play works on, in order, and what is wrong with its `hosts`, which stands at `place`.

    A template in `hosts` sees the play's own variables and the extra ones. `growth` will be in the inventory, too.
    """
    try:
        pattern = _pattern(play, {**play.keywords.vars, **options.extra_vars}, templar)
    except TemplateError as error:
        return (), (Problem(error.message, place, error.hint or "give it with -e", rule=error.rule),)
    found = matching(grown(inventory, growth.added) if growth else inventory, pattern)
    problems = () if growth.open_ended else found.problems
    if problems:
        return (), tuple(replace(problem, location=place) for problem in problems)
    if not found.hosts and not growth:
        hint = "give the group hosts in the inventory, or correct the pattern"
        return (), (Problem(f"'{pattern}' matches no host of {inventory.file}", place, hint, rule=Rule.NO_HOSTS),)
    known = tuple(host for host in found.hosts if host in inventory.hosts)
    return _limited(in_order(known, play.order), inventory, options), ()


def hosts_now(play: Play, inventory: Inventory, options: Options, templar: Templar) -> tuple[str, ...]:
    """The hosts a play works on in an inventory that has grown; what its pattern names and nobody has, has none."""
    pattern = _pattern(play, {**play.keywords.vars, **options.extra_vars}, templar)
    return _limited(in_order(matching(inventory, pattern).hosts, play.order), inventory, options)


def _limited(hosts: tuple[str, ...], inventory: Inventory, options: Options) -> tuple[str, ...]:
    if options.limit is None:
        return hosts
    limited = frozenset(matching(inventory, options.limit).hosts)
    return tuple(host for host in hosts if host in limited)


def in_order(hosts: Sequence[str], order: Order) -> tuple[str, ...]:
    """`hosts`, which stand in the inventory's order, in the one a play wants; only the run shuffles."""
    if order in ("sorted", "reverse_sorted"):
        return tuple(sorted(hosts, reverse=order == "reverse_sorted"))
    return tuple(reversed(hosts)) if order == "reverse_inventory" else tuple(hosts)


def _pattern(play: Play, variables: Mapping[str, object], templar: Templar) -> str:
    rendered = templar.render(play.hosts, variables)
    return ",".join(str(item) for item in rendered) if isinstance(rendered, list) else str(rendered)
