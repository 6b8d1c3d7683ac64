"""A task done more than once: for the items of a loop, and until its end is good enough."""

from __future__ import annotations

from runner.events import AttemptFailed, ItemFinished, Status
from tests.support.stage import Stage, one


def test_a_loop_runs_for_every_item_in_order(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: 'ok {{ item }}', loop: [x, y, z], register: said}"))
    assert run.cmds() == ["ok x", "ok y", "ok z"]
    assert [one["item"] for one in run.result("t")["results"]] == ["x", "y", "z"]
    assert [event.label for event in run.events if isinstance(event, ItemFinished)] == ["x", "y", "z"]


def test_loop_control_names_the_variables_and_the_label(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- name: t
  command: "ok {{ which.name }} {{ number }}"
  loop: [{name: x}, {name: y}]
  loop_control: {loop_var: which, index_var: number, label: "{{ which.name }}!"}
"""
        )
    )
    assert run.cmds() == ["ok x 0", "ok y 1"]
    assert [event.label for event in run.events if isinstance(event, ItemFinished)] == ["x!", "y!"]
    assert run.result("t")["results"][0]["ansible_loop_var"] == "which"


def test_a_failed_item_fails_the_task_after_the_other_items(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: '{{ item }}', loop: [ok 1, fail 2, ok 3]}"))
    assert run.cmds() == ["ok 1", "fail 2", "ok 3"]
    assert run.status("t") is Status.FAILED
    assert [one["failed"] for one in run.result("t")["results"]] == [False, True, False]


def test_when_is_asked_for_every_item(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: 'ok {{ item }}', loop: [1, 2, 3], when: item != 2}"))
    assert run.cmds() == ["ok 1", "ok 3"]
    assert run.status("t") is Status.OK


def test_a_loop_whose_items_are_all_skipped_is_skipped(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: 'ok {{ item }}', loop: [1, 2], when: item > 5}"))
    assert run.status("t") is Status.SKIPPED


def test_a_loop_over_nothing_is_skipped(stage: Stage) -> None:
    assert stage.run(one("- {name: t, command: ok, loop: []}")).status("t") is Status.SKIPPED


def test_what_a_loop_is_over_need_not_exist_where_the_task_is_not_wanted(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: ok, loop: '{{ hostvars.a.missing }}', when: 1 == 2}"))
    assert run.status("t") is Status.SKIPPED


def test_a_loop_over_what_is_no_list_fails_with_a_hint(stage: Stage) -> None:
    run = stage.run(one("- {command: ok, register: r}\n- {name: t, command: ok, loop: '{{ r }}'}"))
    assert run.status("t") is Status.FAILED
    assert "dict2items" in run.end("t").hint


def test_a_fact_set_in_a_loop_is_seen_by_the_next_item(stage: Stage) -> None:
    run = stage.run(
        one(
            """
- {name: t, set_fact: {sum: "{{ (sum | default([])) + [item] }}"}, loop: [1, 2, 3]}
- {name: u, debug: {var: sum}}
"""
        )
    )
    assert run.result("u")["sum"] == [1, 2, 3]


def test_until_tries_again_until_it_holds(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: flaky 2, register: said, until: said is success, retries: 5, delay: 0}"))
    assert run.status("t") is Status.OK
    assert run.result("t")["attempts"] == 3
    assert [event.attempt for event in run.events if isinstance(event, AttemptFailed)] == [1, 2]


def test_retries_that_run_out_fail_the_task(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: ok, register: said, until: said.rc == 5, retries: 2, delay: 0}"))
    assert run.status("t") is Status.FAILED
    assert len(run.calls) == 3
    assert run.result("t")["attempts"] == 2


def test_retries_alone_mean_until_it_does_not_fail(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: flaky 1, retries: 1, delay: 0}"))
    assert run.status("t") is Status.OK


def test_until_without_retries_tries_three_times_more(stage: Stage) -> None:
    run = stage.run(one("- {name: t, command: fail, register: said, until: said is success, delay: 0}"))
    assert len(run.calls) == 4


def test_a_loop_over_nothing_registers_no_results(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {name: t, command: ok, loop: [], register: r}
            - {name: u, command: "ok {{ r.results | length }}"}
        """
    )
    assert run.status("t") is Status.SKIPPED
    assert run.cmds() == ["ok 0"]
