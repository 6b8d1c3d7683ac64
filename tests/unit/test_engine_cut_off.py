"""`resume`: what a resumed run does with a task that had begun and has no end."""

from __future__ import annotations

import pytest

from runner.engine import recollect
from runner.errors import ExitCode, Refused
from runner.events import Event, TaskFinished
from tests.support.stage import Killed, Run, Stage

PLAYBOOK = """
- hosts: all
  tasks:
    - {name: t, command: ok once, resume: %s, register: t}
    - {name: u, command: "ok after {{ t.msg | default('nothing') }}"}
"""


def killed_in_t(stage: Stage, how: str) -> Run:
    """A run that dies after `t` did its work and before its end is recorded."""

    def publish(event: Event) -> None:
        if isinstance(event, TaskFinished):
            raise Killed

    return stage.run(PLAYBOOK % how, publish=publish)


def test_it_is_done_again_unless_said_otherwise(stage: Stage) -> None:
    first = killed_in_t(stage, "again")
    again = stage.run(PLAYBOOK % "again", done=recollect(first.events))
    assert again.cmds() == ["ok once", "ok after nothing"]


def test_it_can_be_taken_as_done(stage: Stage) -> None:
    first = killed_in_t(stage, "done")
    again = stage.run(PLAYBOOK % "done", done=recollect(first.events))
    assert again.cmds() == ["ok after taken as done: it was cut off before the run was resumed"]
    assert again.code == ExitCode.OK


def test_it_can_stop_until_a_person_decides(stage: Stage) -> None:
    first = killed_in_t(stage, "stop")
    with pytest.raises(Refused, match="may not simply be repeated") as error:
        stage.run(PLAYBOOK % "stop", done=recollect(first.events))
    assert "--settle 'plays[0].tasks[0]=done'" in error.value.hint
    done = stage.run(PLAYBOOK % "stop", done=recollect(first.events), settle={"plays[0].tasks[0]": "done"})
    assert done.cmds() == ["ok after taken as done: it was cut off before the run was resumed"]
    again = stage.run(PLAYBOOK % "stop", done=recollect(first.events), settle={"plays[0].tasks[0]": "again"})
    assert again.cmds() == ["ok once", "ok after nothing"]


def test_a_task_that_failed_was_not_cut_off(stage: Stage) -> None:
    playbook = (PLAYBOOK % "stop").replace("ok once", "flaky 1")
    first = stage.run(playbook)
    assert first.code == ExitCode.HOSTS_FAILED
    assert stage.run(playbook, done=recollect(first.events)).code == ExitCode.OK


def test_a_run_cut_off_and_refused_twice_still_knows_it(stage: Stage) -> None:
    first = killed_in_t(stage, "stop")
    events = list(first.events)
    with pytest.raises(Refused):
        stage.run(PLAYBOOK % "stop", done=recollect(events), publish=events.append)
    with pytest.raises(Refused):
        stage.run(PLAYBOOK % "stop", done=recollect(events))
