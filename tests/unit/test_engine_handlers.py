"""Handlers: who is notified, when they run, and what becomes of them when hosts fail."""

from __future__ import annotations

from runner.errors import ExitCode
from runner.events import TaskFinished
from tests.support.stage import Stage

HANDLERS = """
          handlers:
            - {name: first, command: ok first}
            - {name: second, command: ok second, listen: both}
            - {name: third, command: ok third, listen: both}
"""


def test_a_handler_runs_once_however_often_it_is_notified(stage: Stage) -> None:
    run = stage.run(
        f"""
        - hosts: all
          tasks:
            - {{command: changed 1, notify: first}}
            - {{command: changed 2, notify: [first]}}
            - {{command: ok 3, notify: second}}
          {HANDLERS}
        """
    )
    assert run.cmds() == ["changed 1", "changed 2", "ok 3", "ok first"]


def test_handlers_run_in_the_order_they_are_defined(stage: Stage) -> None:
    run = stage.run(
        f"""
        - hosts: all
          tasks:
            - {{command: changed 1, notify: both}}
            - {{command: changed 2, notify: first}}
          {HANDLERS}
        """
    )
    assert run.cmds() == ["changed 1", "changed 2", "ok first", "ok second", "ok third"]


def test_only_hosts_that_changed_are_handled(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          tasks:
            - {{command: "{{{{ 'changed' if inventory_hostname == 'b' else 'ok' }}}}", notify: first}}
          {HANDLERS}
        """
    )
    assert run.cmds("a") == ["ok"]
    assert run.cmds("b") == ["changed", "ok first"]


def test_handlers_are_flushed_after_every_section(stage: Stage) -> None:
    run = stage.run(
        f"""
        - hosts: all
          pre_tasks: [{{command: changed 1, notify: first}}]
          tasks: [{{command: changed 2, notify: first}}]
          post_tasks: [{{command: changed 3, notify: first}}]
          {HANDLERS}
        """
    )
    assert run.cmds() == ["changed 1", "ok first", "changed 2", "ok first", "changed 3", "ok first"]
    handled = [event.path for event in run.events if isinstance(event, TaskFinished) and event.is_handler]
    assert handled == [f"plays[0].flush[{number}].handlers[0]" for number in range(3)]


def test_a_handler_can_notify_a_later_one(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks: [{command: changed 1, notify: one}]
          handlers:
            - {name: one, command: changed one, notify: two}
            - {name: two, command: ok two}
        """
    )
    assert run.cmds() == ["changed 1", "changed one", "ok two"]


def test_a_handler_that_fails_loses_the_host(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks: [{command: changed 1, notify: [one, two]}]
          handlers:
            - {name: one, command: fail one}
            - {name: two, command: ok two}
          post_tasks: [{command: ok after}]
        """
    )
    assert run.cmds() == ["changed 1", "fail one"]
    assert run.code == ExitCode.HOSTS_FAILED


def test_a_handler_has_its_own_conditions(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks: [{command: changed 1, notify: one}]
          handlers: [{name: one, command: ok one, when: 1 == 2}]
        """
    )
    assert run.cmds() == ["changed 1"]


def test_a_host_that_failed_is_not_handled(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          tasks:
            - {{command: changed 1, notify: first}}
            - {{command: "{{{{ 'fail' if inventory_hostname == 'b' else 'ok' }}}}"}}
          {HANDLERS}
        """
    )
    assert run.cmds("a") == ["changed 1", "ok", "ok first"]
    assert run.cmds("b") == ["changed 1", "fail"]


def test_force_handlers_handles_failed_hosts_too(stage: Stage) -> None:
    run = stage.run(
        f"""
        - hosts: all
          force_handlers: true
          tasks:
            - {{command: changed 1, notify: first}}
            - {{command: fail}}
          {HANDLERS}
        """
    )
    assert run.cmds() == ["changed 1", "fail", "ok first"]
    assert run.code == ExitCode.HOSTS_FAILED


def test_force_handlers_cannot_reach_the_unreachable(stage: Stage) -> None:
    run = stage.run(
        f"""
        - hosts: all
          force_handlers: true
          tasks:
            - {{command: changed 1, notify: first}}
            - {{command: gone}}
          {HANDLERS}
        """
    )
    assert run.cmds() == ["changed 1", "gone"]


def test_a_handler_is_notified_from_a_rescued_block_under_serial(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          serial: 1
          tasks:
            - block: [{{command: fail 1}}]
              rescue: [{{command: changed 2, notify: both}}]
          {HANDLERS}
        """
    )
    assert run.cmds() == ["fail 1", "changed 2", "ok second", "ok third"] * 2


def test_a_failed_task_notifies_nobody(stage: Stage) -> None:
    run = stage.run(
        f"""
        - hosts: all
          tasks: [{{command: changed 1, failed_when: true, ignore_errors: true, notify: first}}]
          {HANDLERS}
        """
    )
    assert run.cmds() == ["changed 1"]


def test_a_handler_that_ran_once_has_run_for_all_that_notified_it(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {name: t, command: changed work, notify: h}
          handlers:
            - {name: h, command: ok handled, run_once: true}
        """
    )
    assert [end.host for end in run.ends("h")] == ["a"]


def test_a_block_notifies_for_its_tasks_that_do_not_notify_themselves(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - notify: of the block
              block:
                - {command: changed work}
            - notify: never
              block:
                - {command: changed more, notify: own}
          handlers:
            - {name: of the block, command: ok block}
            - {name: own, command: ok own}
            - {name: never, command: ok never}
        """
    )
    assert run.cmds() == ["changed work", "changed more", "ok block", "ok own"]
