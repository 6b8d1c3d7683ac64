"""Check mode: preview alone, and honest about what cannot be known."""

from __future__ import annotations

from runner.errors import ExitCode
from runner.events import ObjectiveMeasured, Status
from tests.support.stage import Stage


def test_nothing_is_applied(stage: Stage) -> None:
    run = stage.run("- {hosts: all, tasks: [{name: t, command: changed x}, {name: u, command: ok}]}", check=True)
    assert run.calls == []
    assert (run.status("t"), run.status("u")) == (Status.CHANGED, Status.OK)
    assert run.code == ExitCode.OK


def test_what_cannot_be_known_is_reported_as_unknown(stage: Stage) -> None:
    run = stage.run("- {hosts: all, tasks: [{name: t, command: fail}]}", check=True)
    assert run.status("t") is Status.UNKNOWN
    assert "changed" not in run.result("t")
    assert run.recap().ok == 1


def test_what_depends_on_the_unknown_is_unknown(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {name: probe, command: whatever, register: probe}
            - {name: when, command: changed, when: probe.rc == 0}
            - {name: changed, command: changed, when: probe is changed}
            - {name: failed, command: changed, when: probe is failed, register: second}
            - {name: default, command: changed, when: probe.rc | default(0) == 0}
            - {name: args, command: "changed {{ probe.stdout }}"}
            - {name: loop, command: changed, loop: "{{ probe.stdout_lines }}"}
            - {name: fact, set_fact: {word: "{{ probe.stdout }}", other: 1}}
            - {name: word, command: "changed {{ word }}"}
            - {name: chain, command: changed, when: second.rc == 0}
            - {name: debug, debug: {msg: "{{ probe }}"}}
            - {name: free, command: changed}
        """,
        check=True,
    )
    unknown = ["probe", "when", "changed", "failed", "default", "args", "loop", "fact", "word", "chain", "debug"]
    assert {name: run.status(name) for name in unknown} == dict.fromkeys(unknown, Status.UNKNOWN)
    assert run.status("free") is Status.CHANGED
    assert run.code == ExitCode.OK


def test_what_is_known_can_be_used(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {name: t, command: ok seen, register: known}
            - {name: u, command: changed new, register: partly}
            - {name: v, command: changed, when: known.stdout == 'seen' and known.rc == 0}
            - {name: w, command: changed, when: partly is changed}
            - {name: x, command: changed, when: partly.rc == 0}
            - {name: y, set_fact: {word: "{{ known.stdout }}"}}
            - {name: z, command: "changed {{ word }}"}
        """,
        check=True,
    )
    statuses = [run.status(name) for name in "vwxz"]
    assert statuses == [Status.CHANGED, Status.CHANGED, Status.UNKNOWN, Status.CHANGED]


def test_a_task_can_insist_on_acting_and_on_not_acting(stage: Stage) -> None:
    playbook = """
        - hosts: all
          tasks:
            - {name: probe, command: ok real, check_mode: false, register: probe}
            - {name: use, command: "changed {{ probe.stdout }}", check_mode: true}
        """
    assert stage.run(playbook, check=True).cmds() == ["ok real"]
    run = stage.run(playbook)
    assert run.cmds() == ["ok real"]
    assert run.status("use") is Status.CHANGED


def test_changed_when_can_settle_what_is_unknown(stage: Stage) -> None:
    run = stage.run("- {hosts: all, tasks: [{name: t, command: whatever, changed_when: false}]}", check=True)
    assert run.status("t") is Status.OK


def test_changed_when_over_the_unknown_stays_unknown(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks: [{name: t, command: whatever, register: r, changed_when: r.rc == 3, failed_when: r.rc == 4}]
        """,
        check=True,
    )
    assert run.status("t") is Status.UNKNOWN


def test_until_is_not_waited_for(stage: Stage) -> None:
    run = stage.run(
        "- {hosts: all, tasks: [{name: t, command: x, register: r, until: r.rc == 0, retries: 9, delay: 600}]}",
        check=True,
    )
    assert run.status("t") is Status.UNKNOWN


def test_a_failed_assertion_fails_in_check_mode_too(stage: Stage) -> None:
    assert stage.run("- {hosts: all, tasks: [{assert: {that: 1 == 2}}]}", check=True).code == ExitCode.HOSTS_FAILED


def test_after_a_step_that_was_not_carried_out_a_failure_is_not_certain(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {name: r, command: ok, register: r}
            - {name: s, command: changed}
            - {name: t, assert: {that: 1 == 2}}
            - {name: u, debug: {msg: "{{ r.nothing }}"}}
            - {name: v, command: ok}
        """,
        check=True,
    )
    assert (run.status("t"), run.status("u"), run.status("v")) == (Status.UNKNOWN, Status.UNKNOWN, Status.OK)
    assert "now it would fail: Assertion failed" in run.end("t").message
    assert run.code == ExitCode.OK


def test_handlers_of_unknown_notifications_are_unknown(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {command: whatever, notify: maybe}
            - {command: changed, notify: surely}
          handlers:
            - {name: maybe, command: changed}
            - {name: surely, command: changed}
        """,
        check=True,
    )
    assert (run.status("maybe"), run.status("surely")) == (Status.UNKNOWN, Status.CHANGED)


def test_differences_are_shown_when_asked_for(stage: Stage) -> None:
    playbook = "- {hosts: all, tasks: [{name: t, command: changed new}, {name: u, command: changed new, diff: false}]}"
    run = stage.run(playbook, check=True, diff=True)
    assert "+new" in run.end("t").diff
    assert run.end("u").diff == ""
    assert "+new" in stage.run(playbook, diff=True).end("t").diff
    assert stage.run(playbook).end("t").diff == ""


def test_no_objective_is_measured(stage: Stage) -> None:
    run = stage.run("- {hosts: all, objectives: {rto: 1s, rpo: 1s}, tasks: [{command: ok}]}", check=True)
    assert not [event for event in run.events if isinstance(event, ObjectiveMeasured)]
    assert run.code == ExitCode.OK


def test_templates_know_that_it_is_check_mode(stage: Stage) -> None:
    run = stage.run("- {hosts: all, tasks: [{name: t, debug: {msg: '{{ ansible_check_mode }}'}}]}", check=True)
    assert run.result("t")["msg"] is True
