"""add_host and group_by: an inventory that grows while the run goes on."""

from __future__ import annotations

import pytest

from runner.engine import recollect
from runner.errors import ExitCode, InvalidInput
from runner.events import Event, TaskFinished
from runner.inventory import Inventory
from runner.plan import Options
from tests.support.stage import Killed, Stage

ADDING = """
- hosts: all
  tasks:
    - name: add
      add_host: {name: "new{{ item }}", groups: [fresh, "g{{ item }}"], word: "w{{ item }}"}
      loop: [1, 2]
    - {name: seen, command: "ok {{ groups['fresh'] | join(',') }} {{ hostvars['new2'].word }}"}
- hosts: fresh
  tasks:
    - {name: t, command: "ok {{ word }} {{ group_names | join(',') }} {{ inventory_hostname }}"}
"""


def test_added_hosts_are_worked_on_by_later_plays(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(ADDING)
    assert run.code == ExitCode.OK
    assert run.cmds("new1") == ["ok w1 fresh,g1 new1"]
    assert run.cmds("new2") == ["ok w2 fresh,g2 new2"]
    assert run.cmds("b") == ["ok new1,new2 w2"]
    assert run.recap("new1").ok == 1


def test_add_host_is_done_once_on_the_first_host_alone(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(ADDING)
    assert [end.host for end in run.ends("add")] == ["a"]
    assert run.result("add")["results"][0]["add_host"] == {
        "host_name": "new1",
        "groups": ["fresh", "g1"],
        "host_vars": {"word": "w1"},
    }
    assert (run.recap("a").changed, run.recap("b").ok) == (1, 1)


def test_adding_what_is_there_changes_nothing(stage: Stage) -> None:
    task = "{name: t%s, add_host: {name: b, groups: 'x, y', port: 1}}"
    run = stage.run(f"- {{hosts: a, tasks: [{task % 1}, {task % 2}]}}")
    assert (run.result("t1")["changed"], run.result("t2")["changed"]) == (True, False)


def test_whoever_connects_follows_the_inventory(stage: Stage) -> None:
    followed: list[Inventory] = []
    stage.run(ADDING, follow=followed.append)
    assert {"new1", "new2"} <= followed[-1].hosts.keys()


def test_group_by_puts_each_host_into_a_group_with_that_groups_variables(stage: Stage) -> None:
    stage.inventory.write_text(
        """
all:
  hosts: {a: , b: }
  children:
    os_x: {vars: {word: of x}}
"""
    )
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {name: g, group_by: {key: "os {{ 'x' if inventory_hostname == 'a' else 'y' }}", parents: systems}}
            - {name: again, group_by: {key: "os {{ 'x' if inventory_hostname == 'a' else 'y' }}", parents: systems}}
        - hosts: os-x
          tasks: [{command: "ok {{ group_names | join(',') }}"}]
        - hosts: systems
          tasks: [{command: ok both}]
        - hosts: os-none
          tasks: [{command: ok never}]
        """
    )
    assert run.cmds("a") == ["ok os-x,systems", "ok both"]
    assert run.cmds("b") == ["ok both"]
    assert run.result("g")["add_group"] == "os-x"
    assert (run.result("g")["changed"], run.result("again")["changed"]) == (True, False)
    named = stage.run(
        "- {hosts: all, tasks: [{group_by: {key: os_x}}]}\n- {hosts: os_x, tasks: [{command: 'ok {{ word }}'}]}"
    )
    assert named.cmds() == ["ok of x", "ok of x"]


def test_a_task_can_be_delegated_to_an_added_host(stage: Stage) -> None:
    run = stage.run("- {hosts: a, tasks: [{add_host: {name: n}}, {command: ok there, delegate_to: n}]}")
    assert run.cmds("n") == ["ok there"]


def test_a_resumed_run_has_the_hosts_that_were_added(stage: Stage) -> None:
    def publish(event: Event) -> None:
        if isinstance(event, TaskFinished) and event.name == "t":
            raise Killed

    followed: list[Inventory] = []
    first = stage.run(ADDING, publish=publish)
    again = stage.run(ADDING, done=recollect(first.events), follow=followed.append)
    assert sorted(again.cmds()) == ["ok w1 fresh,g1 new1", "ok w2 fresh,g2 new2"]
    assert "new1" in followed[0].hosts


def test_check_mode_knows_them_too(stage: Stage) -> None:
    run = stage.run(ADDING, check=True)
    assert run.result("t", "new1")["stdout"] == "w1 fresh,g1 new1"


@pytest.mark.parametrize(
    ("playbook", "message"),
    [
        ("- {hosts: all, tasks: [{add_host: {name: n, groups: fresh}}]}\n- {hosts: frsh, tasks: []}", "frsh"),
        ("- {hosts: all, tasks: [{add_host: {groups: fresh}}]}", "'name'"),
        ("- {hosts: frsh, tasks: []}", "frsh"),
    ],
)
def test_a_name_nobody_will_have_is_told_before_the_run(stage: Stage, playbook: str, message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        stage.plan(playbook, Options())
    assert any(message in problem.message for problem in error.value.problems)


def test_a_name_only_the_run_knows_may_be_any(stage: Stage) -> None:
    plan, _ = stage.plan(
        "- {hosts: all, tasks: [{group_by: {key: 'os_{{ run.id }}'}}]}\n- {hosts: os_x, tasks: []}", Options()
    )
    assert plan.plays[1].hosts == ()
