"""One task: when, register, its arguments, as whom and where."""

from __future__ import annotations

from runner.errors import ExitCode
from runner.events import OutputLine, Status, TaskStarted
from tests.support.stage import Call, Stage, one


def test_a_task_reports_what_it_changed(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: changed hello}\n- {name: u, command: ok}"))
    assert run.code == ExitCode.OK
    assert (run.status("t"), run.status("u")) == (Status.CHANGED, Status.OK)
    assert run.result("t") == {
        "changed": True,
        "failed": False,
        "rc": 0,
        "stdout": "hello",
        "stdout_lines": ["hello"],
    }


def test_the_start_is_told_once_for_all_hosts_before_any_effect(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    seen: list[int] = []
    run = stage.run(one("- {name: t, command: ok}"), publish=lambda event: seen.append(len(stage.scripted.calls)))
    (started,) = [index for index, event in enumerate(run.events) if isinstance(event, TaskStarted)]
    assert run.events[started].hosts == ("a", "b", "c")  # type: ignore[attr-defined]  # it is a TaskStarted
    assert seen[started] == 0


def test_when_decides_for_each_host(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(one("- {name: t, command: ok, when: inventory_hostname == 'a'}"))
    assert (run.status("t", "a"), run.status("t", "b")) == (Status.OK, Status.SKIPPED)
    assert run.result("t", "b")["false_condition"] == "inventory_hostname == 'a'"
    assert run.recap("b").skipped == 1


def test_every_condition_of_a_list_must_hold(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: ok, when: [true, 1 == 2, nothing.here]}"))
    assert run.status("t") is Status.SKIPPED
    assert run.result("t")["false_condition"] == "1 == 2"


def test_a_condition_that_is_neither_true_nor_false_fails(stage: Stage) -> None:
    run = stage.run(one("- {command: ok text, register: said}\n- {name: t, command: ok 2, when: said.stdout}"))
    assert run.status("t") is Status.FAILED
    assert run.cmds() == ["ok text"]


def test_register_holds_the_result_for_later_tasks(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {name: t, command: changed hello, register: said}
- {name: u, command: "ok {{ said.stdout }} {{ said.stdout_lines | length }}", when: said is changed}
"""
        )
    )
    assert run.cmds() == ["changed hello", "ok hello 1"]


def test_a_skipped_task_registers_that_it_was_skipped(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {name: t, command: ok, when: false, register: said}
- {name: u, command: ok, when: said is skipped}
"""
        )
    )
    assert run.status("u") is Status.OK


def test_what_a_host_answered_is_never_run_as_a_template(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {name: t, command: "ok {{ '{{' }} 6 * 7 {{ '}}' }}", register: said}
- {name: u, command: "ok {{ said.stdout }}"}
- {name: v, set_fact: {copy: "{{ said.stdout }}"}}
- {name: w, command: "ok {{ copy }}"}
- {name: x, command: "ok {{ item }}", loop: "{{ said.stdout_lines }}"}
"""
        )
    )
    assert set(run.cmds()) == {"ok {{ 6 * 7 }}"}


def test_an_undefined_variable_fails_the_task_on_that_host_only(stage: Stage) -> None:
    stage.hosts("a", "b", a={"word": "hi"})
    run = stage.run(one("- {name: t, command: 'ok {{ hostvars[inventory_hostname].word }}'}\n- {name: u, command: ok}"))
    assert run.code == ExitCode.HOSTS_FAILED
    assert (run.status("t", "a"), run.status("t", "b")) == (Status.OK, Status.FAILED)
    assert [event.host for event in run.ends("u")] == ["a"]


def test_arguments_that_do_not_fit_once_rendered_fail_with_the_reason(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {command: ok 5, register: r}
- {name: t, assert: {that: true, quiet: "{{ r.stdout_lines }}"}}
"""
        )
    )
    assert run.status("t") is Status.FAILED
    assert "arguments of assert" in run.end("t").message


def test_become_acts_as_another_user(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {name: t, command: ok 1}
- {name: u, command: ok 2, become: true}
- {name: v, command: ok 3, become: true, become_user: postgres}
- {name: w, command: ok 4, become_user: postgres}
"""
        )
    )
    assert [(call.cmd, call.become) for call in run.calls] == [
        ("ok 1", ""),
        ("ok 2", "root"),
        ("ok 3", "postgres"),
        ("ok 4", ""),
    ]


def test_the_inventory_can_ask_for_become_and_a_task_can_decline(stage: Stage) -> None:
    stage.hosts("a", a={"ansible_become": "true", "ansible_become_user": "admin"})
    run = stage.run(one("- {name: t, command: ok 1}\n- {name: u, command: ok 2, become: false}"))
    assert [call.become for call in run.calls] == ["admin", ""]


def test_a_delegated_task_runs_elsewhere_with_its_hosts_variables(stage: Stage) -> None:
    stage.hosts("a", "b", b={"ansible_become": "true"})
    run = stage.run(one("- {name: t, command: 'ok {{ inventory_hostname }}', delegate_to: b}"))
    assert set(run.calls) == {Call("ok a", "b", "root"), Call("ok b", "b", "root")}
    assert {event.host for event in run.ends("t")} == {"a", "b"}


def test_environments_add_up_and_the_innermost_wins(stage: Stage) -> None:
    run = stage.run(
        one(
            "- {name: t, command: ok, environment: {TWO: '{{ 1 + 1 }}', ONE: inner}}",
            play="environment: {ONE: outer, ZERO: z}",
        )
    )
    assert dict(run.calls[0].env) == {"ZERO": "z", "ONE": "inner", "TWO": "2"}


def test_a_task_that_takes_too_long_fails(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: sleep 30, timeout: 0.05}"))
    assert run.status("t") is Status.FAILED
    assert "timeout" in run.end("t").hint


def test_output_is_shown_while_it_comes(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: ok hello}"))
    assert [event.text for event in run.events if isinstance(event, OutputLine)] == ["hello"]


def test_names_are_rendered_where_they_can_be(stage: Stage) -> None:
    run = stage.run(one("- {name: 'on {{ word }}', vars: {word: this}, command: ok}"))
    assert [event.name for event in run.ends()] == ["on this"]


def test_tags_select_tasks(stage: Stage) -> None:
    playbook = one(
        """
- {command: ok 1, tags: [x]}
- {command: ok 2}
- {command: ok 3, tags: [always]}
- {command: ok 4, tags: [never, y]}
- {block: [{command: ok 5}], tags: x}
"""
    )
    assert stage.run(playbook).cmds() == ["ok 1", "ok 2", "ok 3", "ok 5"]
    assert stage.run(playbook, tags=("x",)).cmds() == ["ok 1", "ok 3", "ok 5"]
    assert stage.run(playbook, skip_tags=("x",)).cmds() == ["ok 2", "ok 3"]
    assert stage.run(playbook, tags=("y",)).cmds() == ["ok 3", "ok 4"]


def test_run_once_runs_on_one_host_and_all_know_its_result(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    run = stage.run(
        one(
            """
- {name: t, command: ok hello, run_once: true, register: said}
- {name: u, command: "ok {{ said.stdout }} {{ inventory_hostname }}"}
"""
        )
    )
    assert sorted(run.cmds()) == ["ok hello", "ok hello a", "ok hello b", "ok hello c"]
    assert run.end("t").shared_with == ("b", "c")


def test_a_failed_run_once_fails_every_host(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(one("- {name: t, command: fail, run_once: true}\n- {name: u, command: ok}"))
    assert run.ends("u") == []
    assert run.code == ExitCode.HOSTS_FAILED


def test_facts_of_run_once_are_everybodys(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(one("- {name: t, set_fact: {x: 5}, run_once: true}\n- {name: u, command: 'ok {{ x }}'}"))
    assert run.cmds() == ["ok 5", "ok 5"]


def test_run_once_with_a_loop_and_delegation(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    run = stage.run(one("- {name: t, command: 'ok {{ item }}', loop: [1, 2], run_once: true, delegate_to: c}"))
    assert [(call.cmd, call.machine) for call in run.calls] == [("ok 1", "c"), ("ok 2", "c")]


def test_an_environment_may_be_a_variable_as_a_whole(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          vars: {all_of_it: {ONE: outer, TWO: "{{ 1 + 1 }}"}}
          environment: "{{ all_of_it }}"
          tasks:
            - {name: t, command: ok, environment: {ONE: inner}}
        """
    )
    assert run.status("t") is Status.OK


def test_an_environment_that_is_no_mapping_fails_its_task(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {name: r, command: ok text, register: r}
            - {name: t, command: ok, environment: "{{ r.stdout }}"}
        """
    )
    assert run.status("t") is Status.FAILED
    assert run.end("t").message == "the environment is no mapping"
