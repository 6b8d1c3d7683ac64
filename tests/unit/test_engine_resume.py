"""Resume: a run that dies at any event goes on to the same end, and nothing recorded is done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.engine import Done, recollect
from runner.errors import ExitCode, Refused, SentraPlayError
from runner.events import (
    Event,
    ItemFinished,
    ObjectiveMeasured,
    OutputLine,
    PlayFinished,
    RunFinished,
    Status,
    TaskFinished,
    TaskInterrupted,
    TaskStarted,
)
from runner.journal import Journal
from tests.support.stage import Killed, Run, Scripted, Stage

PLAYBOOK = """
- hosts: all
  serial: 2
  pre_tasks:
    - {name: before, command: "changed before {{ inventory_hostname }}", notify: restart, register: before}
  tasks:
    - {name: fact, set_fact: {word: "said {{ before.stdout }}"}}
    - block:
        - {name: try, command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }} try {{ word }}"}
        - {name: more, command: "changed more {{ word }}", notify: both}
      rescue:
        - {name: rescue, command: "changed rescue {{ ansible_failed_result.stderr }}", notify: restart}
      always:
        - {name: always, command: "ok always {{ inventory_hostname }}"}
    - {name: loop, command: "ok {{ item }} {{ inventory_hostname }}", loop: [1, 2], register: looped}
    - {name: once, command: "changed once {{ looped.results | length }}", run_once: true, register: once, notify: both}
  post_tasks:
    - {name: after, command: "ok after {{ once.stdout }} {{ inventory_hostname }}"}
  handlers:
    - {name: restart, command: "changed restart {{ inventory_hostname }}", notify: both}
    - {name: checked, command: "ok checked {{ inventory_hostname }}", listen: both}
- hosts: all
  tasks:
    - {name: last, command: "ok last {{ word }} {{ inventory_hostname }}"}
"""


def kill_at(number: int, *, recorded: bool) -> tuple[list[Event], Callable[[Event], None]]:
    """A journal that dies at the event of that number, before or after it is on disk."""
    durable: list[Event] = []

    def publish(event: Event) -> None:
        if len(durable) > number:
            raise Killed
        if isinstance(event, OutputLine):
            return
        if len(durable) == number and not recorded:
            durable.append(event)
            del durable[-1]
            raise Killed
        durable.append(event)
        if len(durable) > number:
            raise Killed

    return durable, publish


def ended(events: list[Event]) -> dict[tuple[str, str], tuple[Status, dict[str, object]]]:
    """The final state: how every task ended on every host."""
    found = {}
    for event in events:
        if isinstance(event, TaskFinished):
            found[event.path, event.host] = (event.status, dict(event.result))
    return found


def fresh(directory: Path, name: str) -> Stage:
    place = directory / name
    place.mkdir()
    return Stage(place).hosts("a", "b", "c")


def count_of_events(run: Run) -> int:
    return sum(1 for event in run.events if not isinstance(event, OutputLine))


@pytest.mark.parametrize("recorded", [True, False], ids=["after", "before"])
def test_killed_at_every_event_and_resumed_it_ends_the_same(tmp_path: Path, recorded: bool) -> None:
    whole = fresh(tmp_path, "whole").run(PLAYBOOK, forks=1)
    assert whole.code == ExitCode.OK
    wanted, total = ended(whole.events), count_of_events(whole)
    assert total > 40
    stage = fresh(tmp_path, "killed")
    for number in range(1, total):
        stage.scripted = Scripted()
        durable, publish = kill_at(number, recorded=recorded)
        first = stage.run(PLAYBOOK, forks=1, publish=publish)
        assert first.code is None
        second = stage.run(PLAYBOOK, forks=1, done=recollect(durable))
        assert second.code == ExitCode.OK, number
        assert ended([*durable, *second.events]) == wanted, number
        twice = ended(durable).keys() & ended(second.events).keys()
        assert not twice, number
        assert second.recap("b") == whole.recap("b"), number


def test_a_task_whose_end_was_not_recorded_is_done_again(tmp_path: Path) -> None:
    stage = fresh(tmp_path, "x").hosts("a")
    done = recollect(
        event
        for event in stage.run("- {hosts: all, tasks: [{name: t, command: ok}]}").events
        if not isinstance(event, (TaskFinished, PlayFinished, RunFinished))
    )
    assert stage.run("- {hosts: all, tasks: [{name: t, command: ok}]}", done=done).cmds() == ["ok"]


def test_hosts_go_on_where_each_of_them_was(tmp_path: Path) -> None:
    stage = fresh(tmp_path, "x")
    playbook = "- {hosts: all, tasks: [{name: t, command: ok 1}, {name: u, command: ok 2}]}"
    events = stage.run(playbook).events
    cut = [event for event in events if not (isinstance(event, TaskFinished) and event.host != "a")]
    cut = [event for event in cut if not (isinstance(event, TaskFinished) and event.name == "u")]
    again = stage.run(playbook, done=recollect(cut))
    assert again.cmds("a") == ["ok 2"]
    assert again.cmds("b") == again.cmds("c") == ["ok 1", "ok 2"]


def test_a_failed_host_tries_again_at_the_task_that_failed(stage: Stage) -> None:
    stage.hosts("a", "b")
    playbook = """
        - hosts: all
          tasks:
            - {name: s, command: changed 0, notify: restart}
            - block:
                - {name: t, command: "{{ 'flaky 1' if inventory_hostname == 'b' else 'ok' }}"}
              always:
                - {name: clean, command: ok clean}
            - {name: u, command: ok 2}
          handlers: [{name: restart, command: ok restart}]
        """
    first = stage.run(playbook)
    assert first.code == ExitCode.HOSTS_FAILED
    assert first.cmds("b") == ["changed 0", "flaky 1", "ok clean"]
    second = stage.run(playbook, done=recollect(first.events))
    assert second.code == ExitCode.OK
    assert second.cmds("a") == []
    assert second.cmds("b") == ["flaky 1", "ok clean", "ok 2", "ok restart"]
    assert second.recap("b").failed == 0


def test_a_host_that_came_back_is_taken_up_again(stage: Stage) -> None:
    events = stage.run("- {hosts: all, tasks: [{name: t, command: gone}]}").events
    stage.scripted.before = lambda cmd, machine: None
    again = stage.run("- {hosts: all, tasks: [{name: t, command: gone}]}", done=recollect(events))
    assert again.cmds() == ["gone"]
    assert again.code == ExitCode.UNREACHABLE


def test_hosts_stopped_by_anothers_failure_go_on_too(stage: Stage) -> None:
    stage.hosts("a", "b")
    playbook = """
        - hosts: all
          any_errors_fatal: true
          tasks:
            - {command: "{{ 'flaky 1' if inventory_hostname == 'b' else 'ok' }}"}
            - {command: ok 2}
        """
    second = stage.run(playbook, done=recollect(stage.run(playbook).events))
    assert (second.cmds("a"), second.cmds("b")) == (["ok 2"], ["flaky 1", "ok 2"])


def test_a_handler_forced_by_a_stop_is_due_again_if_notified_after_the_resume(stage: Stage) -> None:
    stage.hosts("a", "b")
    playbook = """
        - hosts: all
          any_errors_fatal: true
          force_handlers: true
          tasks:
            - {command: changed 1, notify: restart}
            - {command: "{{ 'flaky 1' if inventory_hostname == 'b' else 'ok' }}"}
            - {command: changed 2, notify: restart}
          handlers: [{name: restart, command: ok restart}]
        """
    first = stage.run(playbook)
    assert first.cmds("a") == ["changed 1", "ok", "ok restart"]
    second = stage.run(playbook, done=recollect(first.events))
    assert second.code == ExitCode.OK
    assert second.cmds("a") == ["changed 2", "ok restart"]
    assert second.cmds("b") == ["flaky 1", "changed 2", "ok restart"]


def test_a_run_that_failed_twice_can_be_resumed_twice(stage: Stage) -> None:
    playbook = "- {hosts: all, tasks: [{command: ok 1}, {command: flaky 2}, {command: ok 3}]}"
    events = list(stage.run(playbook).events)
    second = stage.run(playbook, done=recollect(events))
    assert second.code == ExitCode.HOSTS_FAILED
    third = stage.run(playbook, done=recollect([*events, *second.events]))
    assert third.code == ExitCode.OK
    assert third.cmds() == ["flaky 2", "ok 3"]


def test_another_plan_is_not_resumed(stage: Stage) -> None:
    events = stage.run("- {hosts: all, tasks: [{command: ok 1}]}").events
    with pytest.raises(Refused, match="not those the run was started with"):
        stage.run("- {hosts: all, tasks: [{command: ok 2}]}", done=recollect(events))
    assert [call.cmd for call in stage.scripted.calls] == ["ok 1"]


def test_the_start_of_a_resumed_run_is_its_first_start(stage: Stage) -> None:
    playbook = """
        - hosts: all
          objectives: {rto: 1h}
          tasks: [{command: ok, register: x}, {command: "ok {{ run.id }} {{ run.started_at }}"}]
        """
    events = stage.run(playbook).events
    cut = events[: next(i for i, event in enumerate(events) if isinstance(event, TaskFinished))]
    stage.clock.now += 5000  # type: ignore[attr-defined]  # it is Ticks
    again = stage.run(playbook, done=recollect(cut))
    assert again.cmds()[1] == "ok r1 1000001.0"
    (measured,) = [event for event in again.events if isinstance(event, ObjectiveMeasured)]
    assert measured.reached_seconds is not None
    assert measured.reached_seconds > 5000
    assert again.code == ExitCode.VERIFICATION_FAILED


def test_what_is_measured_is_not_measured_again(stage: Stage) -> None:
    playbook = "- {hosts: all, objectives: {rto: 1h}, tasks: [{command: ok}]}\n- {hosts: all, tasks: [{command: ok 2}]}"
    events = stage.run(playbook).events
    cut = events[: next(i for i, event in enumerate(events) if isinstance(event, PlayFinished))]
    again = stage.run(playbook, done=recollect(cut))
    assert not [event for event in again.events if isinstance(event, ObjectiveMeasured)]
    assert again.code == ExitCode.OK


# A journal that fails


def test_what_cannot_be_recorded_is_not_done(stage: Stage) -> None:
    def full(event: Event) -> None:
        if isinstance(event, TaskStarted) and event.name == "u":
            raise SentraPlayError("disk full")

    playbook = "- {hosts: all, tasks: [{name: t, command: ok 1}, {name: u, command: ok 2, ignore_errors: true}]}"
    with pytest.raises(SentraPlayError, match="disk full"):
        stage.run(playbook, publish=full)
    assert [call.cmd for call in stage.scripted.calls] == ["ok 1"]


def test_a_loop_stops_when_its_items_cannot_be_recorded(stage: Stage) -> None:
    def full(event: Event) -> None:
        if isinstance(event, ItemFinished):
            raise SentraPlayError("disk full")

    playbook = "- {hosts: all, tasks: [{command: 'ok {{ item }}', loop: [1, 2], ignore_errors: true}]}"
    with pytest.raises(SentraPlayError, match="disk full"):
        stage.run(playbook, publish=full)
    assert [call.cmd for call in stage.scripted.calls] == ["ok 1"]


# Interruption


def test_an_interrupted_run_says_so_and_can_be_resumed(stage: Stage) -> None:
    playbook = """
        - hosts: all
          tasks: [{name: t, command: ok 1}, {name: u, command: sleep 30}, {name: v, command: ok 3}]
          handlers: []
        """

    def interrupt(cmd: str, machine: str) -> None:
        if cmd.startswith("sleep"):
            assert stage.engine is not None
            stage.engine.interrupt()

    stage.scripted.before = interrupt
    run = stage.run(playbook)
    assert run.code == ExitCode.INTERRUPTED
    assert [event.name for event in run.events if isinstance(event, TaskInterrupted)] == ["u"]
    assert [event.name for event in run.ends()] == ["t"]
    assert isinstance(run.events[-1], RunFinished)
    assert run.events[-1].exit_code == 130

    stage.scripted.before = lambda cmd, machine: None
    short = playbook.replace("sleep 30", "sleep 0")
    with pytest.raises(Refused):
        stage.run(short, done=recollect(run.events))


@pytest.mark.parametrize("cmd", ["fail", "gone"])
def test_what_a_killed_command_reports_is_not_its_end(stage: Stage, cmd: str) -> None:
    def interrupt(cmd: str, machine: str) -> None:
        assert stage.engine is not None
        stage.engine.interrupt()

    stage.scripted.before = interrupt
    playbook = f"- {{hosts: all, tasks: [{{name: t, command: {cmd}}}]}}"
    run = stage.run(playbook)
    assert run.code == ExitCode.INTERRUPTED
    assert run.ends() == []
    stage.scripted.before = lambda cmd, machine: None
    assert stage.run(playbook, done=recollect(run.events)).cmds() == [cmd]


def test_an_interruption_ends_the_waiting_between_retries(stage: Stage) -> None:
    def interrupt(cmd: str, machine: str) -> None:
        assert stage.engine is not None
        stage.engine.interrupt()

    stage.scripted.before = interrupt
    run = stage.run("- {hosts: all, tasks: [{command: fail, retries: 5, delay: 600}]}")
    assert run.code == ExitCode.INTERRUPTED
    assert len(run.calls) == 1


# SIGKILL, for real: another process, a real journal


PROGRAM = """
import os, signal, sys
from pathlib import Path
from runner.engine import recollect
from runner.journal import Journal
from tests.support.stage import Stage

directory, die_at = Path(sys.argv[1]), int(sys.argv[2])
stage = Stage(directory).hosts("a", "b", "c")
log = open(directory / "effects", "a", buffering=1)
stage.scripted.before = lambda cmd, machine: print(machine, cmd, file=log)
journal = Journal(directory / "journal.sqlite3")
known = [record.run for record in journal.runs()]
done = recollect(journal.events("r1")) if known else None
seen = 0
def publish(event):
    global seen
    journal.publish(event)
    seen += 1
    if seen == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
run = stage.run((directory / "source.yml").read_text(), done=done, publish=publish, forks=3)
sys.exit(int(run.code))
"""


@pytest.mark.parametrize("die_at", [2, 11, 24, 40])
def test_a_process_killed_with_sigkill_is_resumed_from_its_journal(tmp_path: Path, die_at: int) -> None:
    (tmp_path / "source.yml").write_text(PLAYBOOK)
    arguments = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path)]
    root = Path(__file__).parents[2]
    killed = subprocess.run([*arguments, str(die_at)], cwd=root, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    before = Journal(tmp_path / "journal.sqlite3").events("r1")
    resumed = subprocess.run([*arguments, "0"], cwd=root, timeout=60, check=False)
    assert resumed.returncode == 0

    events = list(Journal(tmp_path / "journal.sqlite3").events("r1"))
    whole = fresh(tmp_path, "whole").run(PLAYBOOK)
    assert {key: end[0] for key, end in ended(events).items()} == {
        key: end[0] for key, end in ended(whole.events).items()
    }
    assert not ended(list(before)).keys() & ended(events[len(before) :]).keys()
    effects = (tmp_path / "effects").read_text().splitlines()
    assert set(effects) == {f"{call.machine} {call.cmd}" for call in whole.calls}
    # At most what was at work on the (up to three) hosts at the moment of death is done a second time.
    assert len(effects) - len(set(effects)) <= 6


def test_nothing_done_is_a_fresh_start() -> None:
    assert recollect([]) == Done()
