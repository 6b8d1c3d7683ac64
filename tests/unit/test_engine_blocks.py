"""Blocks, rescue and always, and what a failure does to a host, its batch and its play."""

from __future__ import annotations

import pytest

from runner.errors import ExitCode
from runner.events import BatchStarted, HostRescued, PlayStarted, Status
from tests.support.stage import Stage

ON_B = "{{ 'fail' if inventory_hostname == 'b' else 'ok' }}"


def test_rescue_runs_only_where_the_block_failed_and_always_everywhere(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block:
                - command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }} work"
                - command: ok more
              rescue:
                - command: ok rescue
              always:
                - command: ok always
            - command: ok after
        """
    )
    assert run.code == ExitCode.OK
    assert run.cmds("a") == ["ok work", "ok more", "ok always", "ok after"]
    assert run.cmds("b") == ["fail work", "ok rescue", "ok always", "ok after"]
    assert [(event.path, event.host) for event in run.events if isinstance(event, HostRescued)] == [
        ("plays[0].tasks[0]", "b")
    ]
    assert (run.recap("b").rescued, run.recap("b").failed) == (1, 0)


def test_a_rescue_knows_what_failed(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block:
                - name: the dump
                  command: fail disk
              rescue:
                - command: "ok {{ ansible_failed_task.name }}: {{ ansible_failed_result.stderr }}"
              always:
                - command: "ok {{ ansible_failed_task.action }}"
        """
    )
    assert run.cmds() == ["fail disk", "ok the dump: disk", "ok command"]


def test_a_rescue_that_fails_loses_the_host_after_always(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block: [{command: fail 1}]
              rescue: [{command: fail 2}, {command: ok never}]
              always: [{command: ok always}]
            - command: ok after
        """
    )
    assert run.cmds() == ["fail 1", "fail 2", "ok always"]
    assert run.code == ExitCode.HOSTS_FAILED
    assert (run.recap().rescued, run.recap().failed) == (1, 1)


def test_an_outer_rescue_takes_over_from_an_inner_one(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block:
                - block: [{command: fail 1}]
                  rescue: [{command: fail 2}]
                  always: [{command: ok inner}]
                - command: ok never
              rescue: [{command: ok outer}]
        """
    )
    assert run.cmds() == ["fail 1", "fail 2", "ok inner", "ok outer"]
    assert run.code == ExitCode.OK


def test_a_failure_in_always_loses_the_host(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block: [{command: ok 1}]
              always: [{command: fail 2}]
            - command: ok after
        """
    )
    assert run.cmds() == ["ok 1", "fail 2"]
    assert run.code == ExitCode.HOSTS_FAILED


def test_a_block_without_rescue_still_does_its_always(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block: [{command: fail 1}]
              always: [{command: ok always}]
            - command: ok after
        """
    )
    assert run.cmds() == ["fail 1", "ok always"]


def test_an_unreachable_host_goes_neither_to_rescue_nor_to_always(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block: [{command: gone}]
              rescue: [{command: ok rescue}]
              always: [{command: ok always}]
        """
    )
    assert run.cmds() == ["gone"]
    assert run.code == ExitCode.UNREACHABLE
    assert run.recap().unreachable == 1


def test_an_ignored_failure_is_not_rescued(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block: [{command: fail 1, ignore_errors: true}, {command: ok 2}]
              rescue: [{command: ok rescue}]
        """
    )
    assert run.cmds() == ["fail 1", "ok 2"]


def test_a_block_hands_its_keywords_down(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          become: true
          tasks:
            - block:
                - {command: "ok {{ x }}{{ y }}", vars: {y: 2}, when: y == 2}
                - {command: ok no, when: x == 9, become: false}
              vars: {x: 1, y: 1}
              become_user: admin
              when: x == 1
              ignore_errors: true
        """
    )
    assert [(call.cmd, call.become) for call in run.calls] == [("ok 12", "admin")]


def test_a_host_that_failed_leaves_the_play_and_later_plays(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          tasks:
            - command: "{ON_B}"
            - command: ok 2
        - hosts: all
          tasks:
            - command: ok 3
        """
    )
    assert run.cmds("a") == ["ok", "ok 2", "ok 3"]
    assert run.cmds("b") == ["fail"]
    assert run.code == ExitCode.HOSTS_FAILED


def test_when_all_hosts_failed_the_playbook_ends(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: a
          tasks: [{command: fail}]
        - hosts: b
          tasks: [{command: ok}]
        """
    )
    assert run.cmds() == ["fail"]
    assert [event.hosts for event in run.events if isinstance(event, PlayStarted)] == [("a",)]


def test_batches_go_one_after_the_other(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    run = stage.run(
        """
        - hosts: all
          serial: [1, 2]
          tasks:
            - {command: "ok {{ ansible_play_batch | join(',') }}"}
        """
    )
    assert run.cmds() == ["ok a", "ok b,c", "ok b,c"]
    assert [event.hosts for event in run.events if isinstance(event, BatchStarted)] == [("a",), ("b", "c")]


def test_a_batch_that_failed_as_a_whole_stops_the_next(stage: Stage) -> None:
    stage.hosts("b", "c")
    run = stage.run(f'- {{hosts: all, serial: 1, tasks: [{{command: "{ON_B}"}}]}}')
    assert run.cmds() == ["fail"]


def test_unless_every_host_may_fail(stage: Stage) -> None:
    stage.hosts("b", "c")
    run = stage.run(f'- {{hosts: all, serial: 1, max_fail_percentage: 100, tasks: [{{command: "{ON_B}"}}]}}')
    assert run.cmds() == ["fail", "ok"]


def test_any_errors_fatal_stops_all_hosts_after_the_task(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          any_errors_fatal: true
          tasks:
            - block:
                - command: "{ON_B}"
                - command: ok 2
              always:
                - command: ok always
                - command: ok to the end
            - command: ok 3
        - hosts: all
          tasks: [{{command: ok 4}}]
        """
    )
    assert run.cmds("a") == ["ok", "ok always", "ok to the end"]
    assert run.cmds("b") == ["fail", "ok always", "ok to the end"]
    assert (run.recap("a").failed, run.recap("b").failed) == (0, 1)


def test_any_errors_fatal_takes_every_host_to_the_rescue_as_in_ansible(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          any_errors_fatal: true
          tasks:
            - block: [{{command: "{ON_B}"}}]
              rescue: [{{command: ok rescue}}]
            - command: ok 2
        """
    )
    assert run.cmds("a") == ["ok", "ok rescue", "ok 2"]
    assert run.cmds("b") == ["fail", "ok rescue", "ok 2"]


@pytest.mark.parametrize(("limit", "goes_on"), [(20, False), (25, True), (0, False)])
def test_more_failures_than_max_fail_percentage_stop_the_play(stage: Stage, limit: int, goes_on: bool) -> None:
    stage.hosts("a", "b", "c", "d")
    run = stage.run(
        f"""
        - hosts: all
          max_fail_percentage: {limit}
          tasks:
            - command: "{ON_B}"
            - command: ok 2
        """
    )
    assert ("ok 2" in run.cmds()) is goes_on


def test_a_dead_host_counts_for_max_fail_percentage(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: all
          max_fail_percentage: 0
          tasks:
            - command: "{{ 'gone' if inventory_hostname == 'b' else 'ok' }}"
            - command: ok 2
        """
    )
    assert "ok 2" not in run.cmds()


def test_sections_run_in_order(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          post_tasks: [{command: ok 3}]
          tasks: [{command: ok 2}]
          pre_tasks: [{command: ok 1}]
        """
    )
    assert run.cmds() == ["ok 1", "ok 2", "ok 3"]


def test_tasks_keep_their_paths(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          pre_tasks: [{command: ok}]
          tasks:
            - block: [{command: fail}]
              rescue: [{command: ok}]
              always: [{block: [{command: ok}]}]
        """
    )
    assert [event.path for event in run.ends()] == [
        "plays[0].pre_tasks[0]",
        "plays[0].tasks[0].block[0]",
        "plays[0].tasks[0].rescue[0]",
        "plays[0].tasks[0].always[0].block[0]",
    ]
    assert [event.status for event in run.ends()] == [Status.OK, Status.FAILED, Status.OK, Status.OK]


def test_ten_hosts_and_twenty_tasks_keep_in_step(stage: Stage) -> None:
    names = [f"h{number}" for number in range(10)]
    stage.hosts(*names)
    tasks = "\n".join(f"    - command: ok {number:02}" for number in range(20))
    run = stage.run(f"- hosts: all\n  tasks:\n{tasks}\n", forks=4)
    assert len(run.calls) == 200
    assert run.cmds() == sorted(run.cmds())
    assert all(run.recap(name).ok == 20 for name in names)


def test_where_any_error_is_fatal_all_hosts_go_to_the_rescue_and_on(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: all
          any_errors_fatal: true
          tasks:
            - block:
                - command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }} work"
                - command: ok more
              rescue:
                - command: ok rescue
            - command: ok after
        """
    )
    assert run.code == ExitCode.OK
    assert run.cmds("a") == ["ok work", "ok rescue", "ok after"]
    assert run.cmds("b") == ["fail work", "ok rescue", "ok after"]
    assert (run.recap("a").rescued, run.recap("b").rescued) == (0, 1)
