"""Templates and expressions that can never be rendered, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from runner.errors import Location, Problem
from runner.inventory import Inventory
from runner.plan.texts import Text, texts_of_keywords, texts_of_step
from runner.plan.tree import Level, Step
from runner.rules import Rule
from runner.template import Templar, TemplateError, is_template


def syntax_problems(play: Sequence[Level], steps: Sequence[Step], templar: Templar) -> Iterator[Problem]:
    """What is wrong with the templates of a play: syntax, unknown filters, tests and lookups."""
    around = {level.key: level for level in (*play, *(level for step in steps for level in step.around))}
    texts = [text for level in around.values() for text in texts_of_keywords(level)]
    for step in steps:
        texts.extend(texts_of_step(step))
    for text in texts:
        yield from text_problems(text, templar)
    roles = {id(step.role): step.role for step in steps if step.role}
    for role in roles.values():
        for placed in (role.defaults, role.vars):
            for name, value in placed.values.items():
                yield from value_syntax_problems(value, placed.places[name], templar)


def inventory_syntax_problems(inventory: Inventory, templar: Templar, worked_on: frozenset[str]) -> Iterator[Problem]:
    """What is wrong with the templates of inventory variables.

    What is encrypted has to be readable for the hosts that are `worked_on`; that of others may be for others.
    """
    done: set[int] = set()
    for host in sorted(inventory.hosts.values(), key=lambda host: host.name not in worked_on):
        for name, value in host.variables.items():
            if id(value) not in done and is_template(value):
                done.add(id(value))
                found = value_syntax_problems(value, host.at(name), templar)
                is_needed = host.name in worked_on
                yield from (problem for problem in found if is_needed or problem.rule is not Rule.ENCRYPTED)


def value_syntax_problems(value: object, place: Location | None, templar: Templar) -> Iterator[Problem]:
    """What is wrong with the templates in a variable's value."""
    if isinstance(value, str):
        if is_template(value):
            try:
                templar.usages(value)
            except TemplateError as error:
                yield Problem(error.message, error.place or place, error.hint, rule=error.rule)
    elif isinstance(value, (Mapping, list)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from value_syntax_problems(item, place, templar)


def text_problems(text: Text, templar: Templar) -> Iterator[Problem]:
    """What is wrong with one text."""
    try:
        if text.is_expression:
            templar.usage(text.value)
        else:
            templar.usages(text.value)
    except TemplateError as error:
        message = error.message
        if text.file:
            message = message.removesuffix(f" in line {error.line} of the text")
        place = error.place or text.place(error.line)
        yield Problem(message, place, error.hint, rule=error.rule)
