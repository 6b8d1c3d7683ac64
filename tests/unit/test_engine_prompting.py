"""`vars_prompt`: what is asked before a run, and what is made of the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runner.engine.context import Ask
from runner.engine.prompting import prompted
from runner.errors import InvalidInput, UsageError
from runner.events import Event, Warned
from runner.plan import Options
from tests.support.stage import Stage

PLAYBOOK = """
- hosts: all
  vars: {word: from the play}
  vars_prompt: [%s]
  tasks: [{command: "ok {{ word }}"}]
"""


class Person:
    """Answers in turn and remembers what was asked, and whether it was shown."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, prompt: str, echo: bool) -> str:
        self.asked.append((prompt, echo))
        return self.answers.pop(0)


def told(stage: Stage, prompt: str, ask: Ask | None, **options: Any) -> tuple[list[str], list[Event]]:
    """The commands of a run whose questions were answered so, and the warnings before it."""
    warnings: list[Event] = []
    known = Options(**options)
    plan, templar = stage.plan(PLAYBOOK % prompt, known)
    answered = replace(plan, prompted=prompted(plan, ask, stage.redactor, warnings.append))
    stage._plans[PLAYBOOK % prompt, repr(known)] = (answered, templar)
    return stage.run(PLAYBOOK % prompt, **options).cmds(), warnings


def test_an_answer_wins_over_the_plays_own_variable(stage: Stage) -> None:
    person = Person("typed")
    assert told(stage, "{name: word, prompt: Which word, private: false}", person)[0] == ["ok typed"]
    assert person.asked == [("Which word:", True)]


def test_an_answer_is_no_template(stage: Stage) -> None:
    assert told(stage, "{name: word, private: false}", Person("{{ 1 + 1 }}"))[0] == ["ok {{ 1 + 1 }}"]


def test_a_private_answer_is_not_echoed_and_is_masked(stage: Stage) -> None:
    person = Person("hidden word")
    told(stage, "{name: word}", person)
    assert person.asked == [("word:", False)]
    assert stage.redactor.text("the hidden word") == "the ***"


def test_an_empty_answer_means_the_default(stage: Stage) -> None:
    person = Person("")
    assert told(stage, "{name: word, default: usual, private: false}", person)[0] == ["ok usual"]
    assert person.asked == [("word [usual]:", True)]


def test_what_must_be_confirmed_is_asked_until_both_answers_agree(stage: Stage) -> None:
    person = Person("one", "two", "three", "three")
    assert told(stage, "{name: word, confirm: true}", person)[0] == ["ok three"]
    assert [prompt for prompt, _ in person.asked] == ["word:", "confirm word:"] * 2


def test_what_is_given_on_the_command_line_is_not_asked(stage: Stage) -> None:
    assert told(stage, "{name: word}", Person(), extra_vars={"word": "given"})[0] == ["ok given"]


def test_where_nobody_can_be_asked_a_default_is_taken_and_told(stage: Stage) -> None:
    commands, warnings = told(stage, "{name: word, default: usual}", None)
    assert commands == ["ok usual"]
    assert [event.message for event in warnings if isinstance(event, Warned)] == [
        "nobody is there to be asked for 'word': its default is taken"
    ]


def test_without_a_default_nothing_is_begun_where_nobody_can_be_asked(stage: Stage) -> None:
    with pytest.raises(UsageError, match="nobody is there to answer") as error:
        told(stage, "{name: word}", None)
    assert "-e word=" in error.value.hint


def test_a_variable_that_will_be_asked_for_is_not_undefined(stage: Stage) -> None:
    plan, _ = stage.plan(PLAYBOOK.replace("{{ word }}", "{{ other }}") % "{name: other}", Options())
    assert plan.plays[0].hosts == ("a",)
    with pytest.raises(InvalidInput, match="undefined"):
        stage.plan(PLAYBOOK.replace("{{ word }}", "{{ othr }}") % "{name: other}", Options())
