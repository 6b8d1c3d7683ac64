"""Conditions that are neither true nor false, whatever the run brings or with what is known now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.errors import Problem
from runner.plan.facts import PlayFacts
from runner.plan.naming import unknown_names
from runner.plan.texts import Text, texts_of_keywords, texts_of_step
from runner.plan.tree import Step
from runner.plan.verdicts import verdict
from runner.rules import Rule
from runner.template import TemplateError, Usage

_HINTS = {
    "text": "compare it (… == 'x'), or convert it with | bool",
    "a number": "compare it with a number: … > 0",
}


def condition_problems(facts: PlayFacts, steps: Sequence[Step]) -> Iterator[Problem]:
    """A problem for each condition that would fail when it is read; one that is certainly never read is left alone."""
    for step in steps:
        outer = [text for level in step.around for text in texts_of_keywords(level)]
        for text in (*outer, *texts_of_step(step)):
            if text.is_condition and (usage := _usage(text, facts)):
                yield from _problems(text, usage, step, facts)


def _usage(text: Text, facts: PlayFacts) -> Usage | None:
    try:
        return facts.world.templar.usage(text.value)
    except TemplateError:
        return None


def _problems(text: Text, usage: Usage, step: Step, facts: PlayFacts) -> Iterator[Problem]:
    if usage.no_condition:
        hint = _HINTS.get(usage.no_condition, "say what must hold: … | length > 0")
        message = f"the condition is {usage.no_condition}, not true or false"
        yield Problem(message, text.place(), hint, rule=Rule.NOT_A_CONDITION)
    elif usage.steady and not usage.names & facts.passing(step):
        for alike in facts.alike(usage.names, step):
            if error := _failure(text, usage, step, alike[0], facts):
                yield Problem(error.message, text.place(error.line), error.hint, rule=error.rule)
                return


def _failure(text: Text, usage: Usage, step: Step, host: str, facts: PlayFacts) -> TemplateError | None:
    """Why a condition fails on a host with what is known now; None if it doesn't, or is never read there."""
    reach = facts.reach(usage, host, step)
    if reach.missing or not reach.steady or unknown_names(usage, facts):
        return None
    try:
        facts.world.templar.condition(text.value, facts.variables(host, step))
    except TemplateError as error:
        before = text.key if text.part == "when" else None
        return None if verdict(step, host, facts, before) is False else error
    return None
