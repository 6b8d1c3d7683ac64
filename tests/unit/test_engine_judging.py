"""What a task's end counts as: changed_when, failed_when, what may be ignored, and exit codes."""

from __future__ import annotations

import pytest

from runner.errors import ExitCode
from runner.events import Status
from tests.support.stage import Stage, one


def test_changed_when_decides_what_counts_as_changed(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {name: t, command: changed, changed_when: false}
- {name: u, command: ok new, register: said, changed_when: said.stdout == 'new'}
"""
        )
    )
    assert (run.status("t"), run.status("u")) == (Status.OK, Status.CHANGED)


def test_failed_when_can_fail_what_went_well(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: ok ERROR, register: said, failed_when: \"'ERROR' in said.stdout\"}"))
    assert run.status("t") is Status.FAILED
    assert run.result("t")["failed_when_result"] is True
    assert run.code == ExitCode.HOSTS_FAILED


def test_failed_when_can_accept_what_failed(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: fail, register: said, failed_when: said.rc > 1}"))
    assert run.status("t") is Status.OK
    assert run.result("t")["rc"] == 1


def test_every_condition_of_failed_when_must_hold(stage: Stage) -> None:
    assert stage.run(one("- {name: t, command: fail, failed_when: [true, false]}")).status("t") is Status.OK


def test_an_ignored_failure_lets_the_host_go_on(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {name: t, command: fail, ignore_errors: true, register: said}
- {name: u, command: ok, when: said is failed}
"""
        )
    )
    assert (run.status("t"), run.status("u")) == (Status.IGNORED, Status.OK)
    assert run.code == ExitCode.OK
    assert (run.recap().ok, run.recap().ignored, run.recap().failed) == (2, 1, 0)


def test_ignore_errors_does_not_cover_a_lost_host(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: gone, ignore_errors: true}\n- {name: u, command: ok}"))
    assert run.status("t") is Status.UNREACHABLE
    assert run.code == ExitCode.UNREACHABLE
    assert run.ends("u") == []


def test_ignore_unreachable_lets_the_host_go_on(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: gone, ignore_unreachable: true}\n- {name: u, command: ok}"))
    assert (run.status("t"), run.status("u")) == (Status.IGNORED, Status.OK)
    assert run.code == ExitCode.OK


def test_a_failed_verification_has_its_own_exit_code(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(one("- {name: t, command: \"{{ 'refute' if inventory_hostname == 'a' else 'fail' }}\"}"))
    assert run.code == ExitCode.VERIFICATION_FAILED


def test_a_failure_outweighs_an_unreachable_host(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(one("- {name: t, command: \"{{ 'gone' if inventory_hostname == 'a' else 'fail' }}\"}"))
    assert run.code == ExitCode.HOSTS_FAILED


def test_a_failure_tells_why_and_what_to_do(stage: Stage) -> None:
    end = stage.run(one("- {name: t, command: fail disk}")).end("t")
    assert (end.message, end.hint, end.result["stderr"]) == ("failed: disk", "try harder", "disk")


def test_a_bug_of_ours_is_not_a_failure_of_the_host(stage: Stage) -> None:
    stage.hosts("a", "b")
    events: list[object] = []
    playbook = one("- {name: t, command: \"{{ 'bug' if inventory_hostname == 'a' else 'ok' }}\"}")
    with pytest.raises(ZeroDivisionError):
        stage.run(playbook, publish=events.append)
    assert [event.host for event in events if getattr(event, "status", None)] == ["b"]  # type: ignore[attr-defined]
