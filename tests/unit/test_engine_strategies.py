"""`strategy`: hosts in step with one another, or each on its own."""

from __future__ import annotations

import threading

import pytest

from runner.engine import recollect
from runner.errors import ExitCode
from runner.events import Event, TaskFinished
from tests.support.stage import Killed, Stage

PLAYBOOK = """
- hosts: all
  strategy: {strategy}
  tasks:
    - {{name: one, command: ok one}}
    - {{name: two, command: changed two, notify: told}}
  post_tasks:
    - {{name: three, command: ok three}}
  handlers:
    - {{name: told, command: ok told}}
"""


@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_a_free_host_is_through_before_a_slow_one_has_done_its_first_task(stage: Stage, strategy: str) -> None:
    stage.hosts("a", "b")
    b_is_through = threading.Event()

    def before(cmd: str, machine: str) -> None:
        if (cmd, machine) == ("ok three", "b"):
            b_is_through.set()
        if (cmd, machine) == ("ok one", "a"):
            assert b_is_through.wait(20)

    stage.scripted.before = before
    run = stage.run(PLAYBOOK.format(strategy=strategy))
    assert run.code == ExitCode.OK
    for host in ("a", "b"):
        assert run.cmds(host) == ["ok one", "changed two", "ok told", "ok three"]


def test_in_step_no_host_begins_a_task_before_all_have_ended_the_one_before(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(PLAYBOOK.format(strategy="linear"))
    assert [cmd for cmd in run.cmds()] == sorted(run.cmds(), key=["ok one", "changed two", "ok told", "ok three"].index)


def test_no_more_free_hosts_than_forks_are_under_way(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    run = stage.run(PLAYBOOK.format(strategy="free"), forks=1)
    assert [call.machine for call in run.calls] == ["a"] * 4 + ["b"] * 4 + ["c"] * 4


def test_a_free_host_that_fails_leaves_the_others_alone(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    run = stage.run(
        """
        - hosts: all
          strategy: free
          tasks:
            - block: [{command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }}"}]
              always: [{command: ok always}]
            - command: ok 2
        """
    )
    assert (run.cmds("a"), run.cmds("b")) == (["ok", "ok always", "ok 2"], ["fail", "ok always"])
    assert run.code == ExitCode.HOSTS_FAILED


def test_an_error_fatal_for_all_stops_free_hosts_too(stage: Stage) -> None:
    stage.hosts("a", "b")
    failed = threading.Event()

    def before(cmd: str, machine: str) -> None:
        if machine == "a" and cmd == "ok 1":
            assert failed.wait(20)

    stage.scripted.before = before
    run = stage.run(
        """
        - hosts: all
          strategy: free
          any_errors_fatal: true
          tasks:
            - {name: first, command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }} 1"}
            - command: ok 2
        """,
        publish=lambda event: failed.set() if isinstance(event, TaskFinished) and event.host == "b" else None,
    )
    assert run.cmds("b") == ["fail 1"]
    assert run.cmds("a")[:1] == ["ok 1"]
    assert run.code == ExitCode.HOSTS_FAILED


def test_a_free_play_that_dies_goes_on_where_each_host_stood(stage: Stage) -> None:
    stage.hosts("a", "b")

    def publish(event: Event) -> None:
        if isinstance(event, TaskFinished) and (event.name, event.host) == ("two", "b"):
            raise Killed

    first = stage.run(PLAYBOOK.format(strategy="free"), publish=publish, forks=1)
    again = stage.run(PLAYBOOK.format(strategy="free"), done=recollect(first.events))
    assert again.cmds("a") == []
    assert again.cmds("b") == ["changed two", "ok told", "ok three"]
    assert again.code == ExitCode.OK
