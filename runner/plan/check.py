"""Everything about a playbook that can be decided before the first connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from runner.errors import Problem
from runner.frozen import frozen
from runner.plan.conditions import condition_problems
from runner.plan.facts import PlayFacts
from runner.plan.files import template_texts
from runner.plan.gathering import mentions_facts
from runner.plan.naming import naming_problems
from runner.plan.references import handler_problems, meta_problems, reference_problems, repository_problems
from runner.plan.syntax import syntax_problems, text_problems
from runner.plan.texts import Text
from runner.plan.tree import Step, levels_of_play
from runner.plan.undefined import connection_problems, undefined_problems
from runner.plan.values import Rendering, incomplete_problems, value_problems
from runner.playbook import INCLUDES


@frozen
class CheckedPlay:
    """What is known of a play with its tasks, what is wrong with it, and whether facts must be gathered for it."""

    facts: PlayFacts
    steps: Sequence[Step]
    problems: tuple[Problem, ...]
    gathers: bool


def checked_play(facts: PlayFacts, found: Sequence[Step]) -> CheckedPlay:
    """What can be known of a play whose structure is right; `found` are its tasks."""
    contents: dict[str, list[Text]] = {}
    problems = tuple(_problems(facts, found, contents))
    return CheckedPlay(facts, found, problems, _gathers(facts, found, contents))


def _gathers(facts: PlayFacts, found: Sequence[Step], contents: Mapping[str, Sequence[Text]]) -> bool:
    """Nobody knows what is included when only the run can tell: it may use facts."""
    if facts.play.gathering.wanted is not None:
        return facts.play.gathering.wanted
    if facts.world.is_open and any(step.task.module in INCLUDES for step in found):
        return True
    play = cast(list[object], facts.world.document.data)[facts.index]
    included = [step.raw for step in found if step.document is not facts.world.document]
    roles = [(step.role.defaults.values, step.role.vars.values) for step in found if step.role]
    texts = [text.value for texts in contents.values() for text in texts]
    return mentions_facts([play, included, roles, texts], [facts.variables(host) for host in facts.hosts])


def _problems(facts: PlayFacts, found: Sequence[Step], contents: dict[str, list[Text]]) -> Iterator[Problem]:
    world = facts.world
    levels = levels_of_play(world.document, facts.index)
    yield from syntax_problems(levels, found, world.templar)
    yield from handler_problems(found, world.is_open)
    yield from meta_problems(found)
    yield from repository_problems(facts)
    yield from connection_problems(facts)
    rendering = Rendering(facts)
    for step in found:
        yield from incomplete_problems(step, facts)
        views = rendering.seen(step)
        yield from value_problems(views, facts)
        contents[step.task.path] = [text for seen in views for text in template_texts(seen, world.templar.keys)]
        for seen in views:
            yield from reference_problems(seen, facts)
        for text in contents[step.task.path]:
            yield from text_problems(text, world.templar)
    yield from rendering.failures
    yield from undefined_problems(facts, levels, found, contents)
    yield from naming_problems(facts, found, contents)
    yield from condition_problems(facts, found)
