"""What the command line asks for and nobody has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from runner.errors import Location, Problem
from runner.inventory import Inventory, matching
from runner.plan.model import Options, PlannedPlay
from runner.playbook import Playbook
from runner.rules import Rule
from runner.suggestions import did_you_mean


def option_problems(
    playbook: Playbook,
    planned: Sequence[PlannedPlay],
    inventory: Inventory,
    options: Options,
    known: frozenset[str] | None,
) -> Iterator[Problem]:
    """What is wrong with --limit, --tags and --skip-tags for this playbook; `known` are its tags, if they are."""
    for option, tags in (("--tags", options.tags), ("--skip-tags", options.skip_tags)):
        for tag in tags:
            if known is not None and tag not in known:
                hint = did_you_mean(tag, known, "`tags:` on a play, block or task gives it one")
                message = f"{option}: no task of {playbook.file} has the tag '{tag}'"
                yield Problem(message, None, hint, rule=Rule.UNKNOWN_TAG)
    if options.limit is None:
        return
    limited = matching(inventory, options.limit)
    yield from limit_problems(inventory, limited.problems, options.limit_places)
    if not limited.problems and not any(play.hosts for play in planned):
        message = f"--limit {options.limit} leaves no host for any play of {playbook.file}"
        yield Problem(message, None, rule=Rule.NO_HOSTS)


def limit_problems(
    inventory: Inventory, problems: Iterable[Problem], places: Mapping[str, Location]
) -> Iterator[Problem]:
    """The problems of a limit, those of parts that were read from files with their places there."""
    located = {problem: place for part, place in places.items() for problem in matching(inventory, part).problems}
    for problem in problems:
        yield replace(problem, message=f"--limit: {problem.message}", location=located.get(problem))
