"""meta: what a task asks of the run itself."""

from __future__ import annotations

import pytest

from runner.engine import recollect
from runner.errors import ExitCode
from runner.events import Event, OutputLine, TaskFinished
from tests.support.files import problems, write
from tests.support.stage import Killed, Machines, Scripted, Stage


def test_handlers_are_flushed_where_it_is_asked(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {command: changed 1, notify: h}
            - {meta: flush_handlers, when: inventory_hostname == 'a'}
            - {command: changed 2, notify: h, when: inventory_hostname == 'a'}
          handlers: [{name: h, command: ok h}]
        """
    )
    assert run.cmds("a") == ["changed 1", "ok h", "changed 2", "ok h"]
    assert run.cmds("b") == ["changed 1", "ok h"]
    handled = [end.path for end in run.ends("h") if end.host == "a"]
    assert handled == ["plays[0].tasks[1].flush[0].handlers[0]", "plays[0].flush[1].handlers[0]"]
    assert (run.recap("a").ok, run.recap("a").skipped, run.recap("b").skipped) == (4, 0, 1)


def test_a_handler_that_fails_where_it_is_flushed_goes_to_the_rescue(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block: [{command: changed 1, notify: h}, {meta: flush_handlers}, {command: ok never}]
              rescue: [{command: ok rescued}]
          handlers: [{name: h, command: fail h}]
        """
    )
    assert run.cmds() == ["changed 1", "fail h", "ok rescued"]
    assert run.code == ExitCode.OK


def test_the_play_ends_for_one_host_without_failure(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: all
          force_handlers: true
          tasks:
            - {command: changed 1, notify: h}
            - block: [{meta: end_host, when: inventory_hostname == 'a'}]
              always: [{command: ok always}]
            - {command: ok 2}
          handlers: [{name: h, command: ok h}]
        - {hosts: all, tasks: [{command: ok next}]}
        """
    )
    assert run.cmds("a") == ["changed 1", "ok next"]
    assert run.cmds("b") == ["changed 1", "ok always", "ok 2", "ok h", "ok next"]
    assert run.code == ExitCode.OK


@pytest.mark.parametrize(
    ("ends", "second"), [("end_batch", ["ok 1", "ok next"]), ("end_play", ["ok next"])], ids=["batch", "play"]
)
def test_a_batch_or_a_play_ends_for_all_hosts(stage: Stage, ends: str, second: list[str]) -> None:
    stage.hosts("a", "b", "c")
    run = stage.run(
        f"""
        - hosts: all
          serial: 2
          tasks:
            - {{command: ok 1}}
            - {{meta: {ends}, when: inventory_hostname == 'a' or inventory_hostname == 'c'}}
            - {{command: ok 2}}
        - {{hosts: all, tasks: [{{command: ok next}}]}}
        """
    )
    assert run.cmds("a") == run.cmds("b") == ["ok 1", "ok next"]
    assert run.cmds("c") == second


def test_what_is_asked_for_all_is_asked_under_the_conditions_of_the_first(stage: Stage) -> None:
    stage.hosts("a", "b")
    tasks = "[{meta: end_play, when: inventory_hostname == 'HOST'}, {command: ok}]"
    assert stage.run(f"- {{hosts: all, tasks: {tasks.replace('HOST', 'a')}}}").cmds() == []
    assert stage.run(f"- {{hosts: all, tasks: {tasks.replace('HOST', 'b')}}}").cmds() == ["ok", "ok"]


def test_a_role_ends_for_a_host_and_what_follows_it_goes_on(stage: Stage) -> None:
    stage.hosts("a", "b")
    end = "- {meta: end_role, when: inventory_hostname == 'a'}\n"
    block = f"- block:\n    {end}  always: [{{command: ok always}}]\n"
    write(
        stage.directory,
        {
            "roles/r/tasks/main.yml": f"- command: ok 1\n{block}- command: ok 2\n",
            "roles/s/meta/main.yml": "dependencies: [r]\n",
            "roles/s/tasks/main.yml": "- command: ok s\n",
        },
    )
    run = stage.run("- {hosts: all, roles: [s, r]}")
    assert run.cmds("a") == ["ok 1", "ok s"]
    assert run.cmds("b") == ["ok 1", "ok always", "ok 2", "ok s"]
    assert problems(stage, "- {hosts: all, tasks: [{meta: end_role}]}") == [
        "play.yml:1:31 there is no role here that could end"
    ]


def test_hosts_that_failed_take_part_in_later_plays_after_their_errors_are_cleared(stage: Stage) -> None:
    stage.hosts("a", "b")
    playbook = """
        - hosts: all
          tasks:
            - {command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }} 1"}
            - {meta: clear_host_errors}
            - {command: ok 2}
        - {hosts: all, tasks: [{command: ok next}]}
        """
    run = stage.run(playbook)
    assert run.cmds("b") == ["fail 1", "ok next"]
    assert run.recap("b").failed == 1
    assert run.code == ExitCode.OK


def test_a_connection_is_made_anew_where_it_is_asked(stage: Stage) -> None:
    machines = Machines()
    stage.run("- {hosts: all, tasks: [{command: ok}, {meta: reset_connection}, {meta: noop}]}", hosts=machines)  # type: ignore[arg-type]  # a fake
    assert machines.resets == ["a"]


def test_what_cannot_be_asked_is_refused_before_the_run(stage: Stage) -> None:
    playbook = """
        - hosts: all
          tasks:
            - meta: refresh_inventory
            - meta: end_hots
            - {meta: noop, register: x}
          handlers: [{name: h, meta: flush_handlers}]
        """
    assert [line.split(",")[0] for line in problems(stage, playbook)] == [
        "play.yml:4:13 'free_form': expected clear_facts",
        "play.yml:5:13 'free_form': expected clear_facts",
        "play.yml:6:20 'register' has no meaning for meta",
        "play.yml:7:24 flush_handlers cannot be a handler",
    ]


PLAYBOOK = """
- hosts: all
  serial: 2
  tasks:
    - {name: probe, command: "changed {{ inventory_hostname }}", register: probe, notify: h}
    - {meta: flush_handlers}
    - {name: try, command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }} try"}
    - {meta: clear_host_errors}
    - {meta: end_host, when: probe.stdout == 'a'}
    - {name: change, set_fact: {probe: {stdout: a}}}
    - {name: last, command: ok last}
    - {meta: end_play, when: probe.stdout == 'a'}
    - {name: never, command: ok never}
  handlers: [{name: h, command: changed h}]
- hosts: all
  tasks: [{name: next, command: ok next}]
"""


@pytest.mark.parametrize("recorded", [True, False], ids=["after", "before"])
def test_killed_at_every_event_it_ends_the_same_way(stage: Stage, recorded: bool) -> None:
    stage.hosts("a", "b", "c")
    whole = stage.run(PLAYBOOK, forks=1)
    events = [event for event in whole.events if not isinstance(event, OutputLine)]
    falls = [isinstance(event, TaskFinished) and event.result.get("rc") == 1 for event in events]
    first_fall = falls.index(True)
    for number in [*range(1, first_fall), *range(first_fall + 2, len(events))]:
        stage.scripted = Scripted()
        kept: list[Event] = []

        def publish(event: Event, kept: list[Event] = kept, number: int = number) -> None:
            if isinstance(event, OutputLine):
                return
            if len(kept) == number and not recorded:
                raise Killed
            kept.append(event)
            if len(kept) > number:
                raise Killed

        stage.run(PLAYBOOK, forks=1, publish=publish)
        second = stage.run(PLAYBOOK, forks=1, done=recollect(kept))
        seen = {(event.path, event.host) for event in [*kept, *second.events] if isinstance(event, TaskFinished)}
        assert seen == {(event.path, event.host) for event in events if isinstance(event, TaskFinished)}, number
