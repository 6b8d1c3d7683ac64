"""Conditions that could never be true or false, and groups and hosts that templates name, before the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.rules import Rule
from tests.unit.test_plan import Bench, tasks

KNOWN = "  vars: {word: text, many: [1], number: 3, flag: true, answer: 'yes'}\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        ("\"'yes'\"", "text"),
        ("inventory_hostname ~ 'x'", "text"),
        ("word | upper", "text"),
        ("many | length", "a number"),
        ("result.stdout | int", "a number"),
        ("result.rc - 1", "a number"),
        ('"[1, 2]"', "a list"),
        ("result.stdout | from_json | list", "a list"),
        ("\"{'a': 1}\"", "a mapping"),
        ("none", "nothing"),
        ("\"'a' if flag else 'b'\"", "text"),
    ],
)
def test_an_expression_that_gives_something_else_is_no_condition(bench: Bench, condition: str, kind: str) -> None:
    text = tasks("{command: ls, register: result}", f"{{command: ls, when: {condition}}}", head=KNOWN)
    (problem,) = bench.found(text)
    assert problem.message == f"the condition is {kind}, not true or false"
    assert problem.rule is Rule.NOT_A_CONDITION


@pytest.mark.parametrize("keyword", ["failed_when", "changed_when", "until"])
def test_every_keyword_that_takes_conditions_is_looked_at(bench: Bench, keyword: str) -> None:
    text = tasks(f"{{command: ls, register: result, {keyword}: result.rc | int}}")
    assert bench.problems(text) == [f"3:{41 + len(keyword)} the condition is a number, not true or false"]


@pytest.mark.parametrize("condition", ["word", "many", "number", "answer"])
def test_a_value_that_is_known_and_no_boolean_is_refused(bench: Bench, condition: str) -> None:
    (problem,) = bench.found(tasks(f"{{debug: , when: {condition}}}", head=KNOWN))
    assert problem.rule is Rule.NOT_A_CONDITION
    assert "not true or false" in problem.message


@pytest.mark.parametrize(
    "condition",
    [
        "flag",
        "number > 2",
        "not many",
        "not flag or word == 'text'",
        "result is changed",
        "result.stdout",
        "answer | bool",
        "result.stdout | default('') | bool",
        "[false, word]",
        "[inventory_hostname == 'nobody', many | length > 1]",
    ],
)
def test_what_may_be_true_or_false_is_a_condition(bench: Bench, condition: str) -> None:
    text = tasks("{command: ls, register: result}", f"{{debug: , when: {condition}}}", head=KNOWN)
    assert bench.problems(text) == []


def test_assertions_are_conditions_too(bench: Bench) -> None:
    text = tasks("{assert: {that: [flag, many | length]}}", "{assert: {that: word}}", head=KNOWN)
    assert bench.problems(text) == [
        "4:30 the condition is a number, not true or false",
        "5:23 the condition 'word' is text, not true or false",
    ]


def test_groups_and_hosts_that_templates_name_exist(bench: Bench) -> None:
    text = tasks(
        "{debug: {msg: \"{{ groups['wep'] }} {{ hostvars['db9'].path }}\"}}",
        "{debug: , when: inventory_hostname in groups.wbe}",
        "{command: ls, delegate_to: \"{{ groups['bd'][0] }}\"}",
    )
    found = bench.found(text)
    assert [problem.message for problem in found] == [
        "there is no group 'wep' in the inventory",
        "there is no host 'db9' in the inventory",
        "there is no group 'wbe' in the inventory",
        "there is no group 'bd' in the inventory",
    ]
    assert found[0].hint == "did you mean 'web'?"
    assert {problem.rule for problem in found} == {Rule.UNKNOWN_HOST}


@pytest.mark.parametrize(
    "task",
    [
        "{debug: {msg: \"{{ groups['wep'] | default([]) }}\"}}",
        "{debug: {msg: \"{{ groups['wep'] }}\"}, when: \"'wep' in groups\"}",
        "{debug: {msg: \"{{ groups['wep'] if 'wep' in groups else [] }}\"}}",
        '{debug: {msg: "{{ groups.keys() | list }} {{ hostvars.localhost }} {{ groups.all }}"}}',
        '{debug: {msg: "{{ groups[group_names[0]] }}"}}',
    ],
)
def test_a_group_that_is_asked_for_need_not_exist(bench: Bench, task: str) -> None:
    assert bench.problems(tasks(task)) == []
