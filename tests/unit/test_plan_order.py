"""Variables that only the run sets are there when a task is due, or the playbook is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_plan import Bench, tasks

SETS = "{command: ls, register: found}"
READS = "{debug: {msg: '{{ found.stdout }}'}}"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def play(hosts: str, *lines: str, handlers: str = "", head: str = "") -> str:
    return tasks(*lines, hosts=hosts, head=head) + (f"  handlers:\n    - {handlers}\n" if handlers else "")


def test_what_is_registered_later_is_not_there_yet(bench: Bench) -> None:
    (problem,) = bench.found(tasks(READS, SETS))
    assert problem.message == "'found' is undefined"
    assert problem.hint == f"it is set in {bench.directory / 'play.yml'}:4:7: on other hosts, or not before this"


@pytest.mark.parametrize(
    "text",
    [
        tasks(SETS, READS),
        tasks("{set_fact: {found: {stdout: x}}}", READS),
        tasks(f"{{block: [{SETS}], rescue: [{READS}]}}"),
        tasks(f"{{block: [{READS}], rescue: [{SETS}], when: found is defined}}"),
        tasks("{debug: {msg: \"{{ found.stdout | default('') }}\"}}", SETS),
        tasks("{command: ls, register: found, until: found.rc == 0, changed_when: found.rc == 1}"),
        play("db", SETS) + play("db1", READS),
        play("db", SETS) + play("web", "{debug: {msg: \"{{ hostvars['db1'].found.stdout }}\"}}"),
        play("db", "{command: ls, notify: h}", READS, handlers="{name: h, command: ls, register: found}"),
        play("db", SETS, handlers=f"{{name: h, {READS[1:]}"),
        play("db1", "{set_fact: {found: {stdout: x}}, delegate_to: db2, delegate_facts: true}") + play("db2", READS),
        tasks(READS, SETS, head="  vars: {found: {stdout: x}}\n"),
        tasks("{debug: {msg: '{{ found }}'}, loop: [a], loop_control: {loop_var: found}}", SETS),
    ],
)
def test_what_may_have_been_set_is_not_refused(bench: Bench, text: str) -> None:
    assert bench.problems(text) == []


def test_what_was_set_on_other_hosts_is_not_there(bench: Bench) -> None:
    text = play("web", SETS) + play("db", READS)
    assert bench.problems(text) == ["6:21 'found' is undefined"]


def test_what_was_set_on_some_hosts_is_missed_on_the_others(bench: Bench) -> None:
    text = play("db1", SETS) + play("db", READS)
    assert bench.problems(text) == ["6:21 'found' is undefined"]
    guarded = play("db1", SETS) + play("db", "{debug: {msg: '{{ found.stdout }}'}, when: inventory_hostname == 'db1'}")
    assert bench.problems(guarded) == []


def test_a_variable_that_needs_what_is_set_later_is_missed_too(bench: Bench) -> None:
    text = tasks("{debug: {msg: '{{ through }}'}}", SETS, head="  vars: {through: '{{ found.stdout }}'}\n")
    assert bench.problems(text) == ["2:19 'found' is undefined, which 'through' needs"]


def test_a_task_that_tags_leave_out_sets_nothing(bench: Bench) -> None:
    text = tasks("{command: ls, register: found, tags: look}", "{debug: {msg: '{{ found.stdout }}'}, tags: tell}")
    assert bench.problems(text) == []
    assert bench.problems(text, tags=("look", "tell")) == []
    assert bench.problems(text, tags=("tell",)) == ["4:21 'found' is undefined"]
    assert bench.problems(text, skip_tags=("look",)) == ["4:21 'found' is undefined"]
