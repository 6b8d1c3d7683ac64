"""Keywords that say on how many hosts, in whose name and after whose yes a task is done."""

from __future__ import annotations

import threading
import time

import pytest

from runner.errors import ExitCode, InvalidInput, Refused
from runner.events import Confirmed, PlayStarted, Status
from runner.plan import Options
from tests.support.stage import Stage

ON_B = "{{ 'fail' if inventory_hostname == 'b' else 'ok' }}"
GONE_B = "{{ 'gone' if inventory_hostname == 'b' else 'ok' }}"


@pytest.mark.parametrize(
    ("order", "hosts"),
    [
        ("inventory", ("c", "a", "b")),
        ("reverse_inventory", ("b", "a", "c")),
        ("sorted", ("a", "b", "c")),
        ("reverse_sorted", ("c", "b", "a")),
    ],
)
def test_order_says_how_the_hosts_go(stage: Stage, order: str, hosts: tuple[str, ...]) -> None:
    stage.hosts("c", "a", "b")
    run = stage.run(f"- {{hosts: all, order: {order}, serial: 1, tasks: [{{command: ok}}]}}")
    assert tuple(call.machine for call in run.calls) == hosts


def test_a_shuffled_order_is_kept_by_a_resumed_run(stage: Stage) -> None:
    from runner.engine import recollect

    stage.hosts(*(f"h{number}" for number in range(12)))
    playbook = "- {hosts: all, order: shuffle, serial: 1, tasks: [{command: fail}]}"
    first = stage.run(playbook)
    again = stage.run(playbook, done=recollect(first.events))
    order = next(event.hosts for event in first.events if isinstance(event, PlayStarted))
    assert order == next(event.hosts for event in again.events if isinstance(event, PlayStarted))
    assert sorted(order) == sorted(f"h{number}" for number in range(12))


def test_shuffled_runs_differ(stage: Stage) -> None:
    stage.hosts(*(f"h{number}" for number in range(12)))
    playbook = "- {hosts: all, order: shuffle, tasks: [{command: ok}]}"
    orders = {next(e.hosts for e in stage.run(playbook).events if isinstance(e, PlayStarted)) for _ in range(4)}
    assert len(orders) > 1


def test_no_more_hosts_than_throttle_says_are_at_work_at_once(stage: Stage) -> None:
    stage.hosts("a", "b", "c", "d")
    lock, at_work, most = threading.Lock(), set[str](), [0]

    def before(cmd: str, machine: str) -> None:
        with lock:
            at_work.add(machine)
            most[0] = max(most[0], len(at_work))
        time.sleep(0.02)
        with lock:
            at_work.discard(machine)

    stage.scripted.before = before
    stage.run("- {hosts: all, vars: {n: 2}, tasks: [{command: ok, throttle: '{{ n }}'}]}")
    assert most[0] == 2


def test_any_errors_fatal_on_a_task_stops_all_hosts(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(f'- {{hosts: all, tasks: [{{command: "{ON_B}", any_errors_fatal: true}}, {{command: ok 2}}]}}')
    assert run.cmds() == ["ok", "fail"]
    assert run.code == ExitCode.HOSTS_FAILED


def test_any_errors_fatal_on_a_block_is_handed_down_and_may_be_taken_back(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          tasks:
            - any_errors_fatal: true
              block:
                - {{command: "{ON_B}", any_errors_fatal: false}}
                - command: ok 2
        """
    )
    assert run.cmds("a") == ["ok", "ok 2"]


def test_facts_of_a_delegated_task_can_belong_to_the_other_host(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: a
          tasks:
            - {name: told, set_fact: {word: hello}, delegate_to: b, delegate_facts: true}
            - {name: seen, command: "ok {{ word | default('nothing') }} {{ hostvars['b'].word }}"}
        """
    )
    assert run.cmds("a") == ["ok nothing hello"]


def test_each_item_may_hand_its_facts_to_another_host(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    run = stage.run(
        """
        - hosts: a
          tasks:
            - {set_fact: {word: "from {{ item }}"}, delegate_to: "{{ item }}", delegate_facts: true, loop: [b, c]}
        - hosts: b:c
          tasks: [{command: "ok {{ word }}"}]
        """
    )
    assert (run.cmds("b"), run.cmds("c")) == (["ok from b"], ["ok from c"])


def test_an_extended_loop_tells_where_it_is(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - command: >-
                ok {{ item }} {{ ansible_loop.index }}/{{ ansible_loop.length }} {{ ansible_loop.first }}
                {{ ansible_loop.last }} {{ ansible_loop.revindex0 }} {{ ansible_loop.previtem | default('-') }}
                {{ ansible_loop.nextitem | default('-') }} {{ ansible_loop.allitems | length }}
              loop: [x, y]
              loop_control: {extended: true}
        """
    )
    assert run.cmds() == ["ok x 1/2 True False 1 - y 2", "ok y 2/2 False True 0 x - 2"]


def test_break_when_ends_the_loop_after_the_item_it_holds_for(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - command: "ok {{ item }}"
              loop: [1, 2, 3]
              register: said
              loop_control: {break_when: said.stdout == '2'}
        """
    )
    assert run.cmds() == ["ok 1", "ok 2"]


def test_an_unreachable_host_is_dropped_unless_said_otherwise(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(f'- {{hosts: all, tasks: [{{command: "{GONE_B}"}}, {{command: ok 2}}]}}')
    assert (run.cmds("a"), run.cmds("b")) == (["ok", "ok 2"], ["gone"])
    assert run.code == ExitCode.UNREACHABLE


def test_on_unreachable_fail_stops_the_play_for_all(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(f'- {{hosts: all, on_unreachable: fail, tasks: [{{command: "{GONE_B}"}}, {{command: ok 2}}]}}')
    assert run.cmds("a") == ["ok"]
    assert run.code == ExitCode.UNREACHABLE


def test_on_unreachable_rescue_gives_rescue_and_always_their_turn(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        f"""
        - hosts: all
          on_unreachable: rescue
          tasks:
            - block: [{{command: "{GONE_B}"}}]
              rescue: [{{command: "ok rescue {{{{ ansible_failed_result.unreachable }}}}"}}]
              always: [{{command: ok always}}]
            - command: ok on
        """
    )
    assert run.cmds("b") == ["gone", "ok rescue True", "ok always", "ok on"]
    assert (run.code, run.recap("b").rescued, run.recap("b").unreachable) == (ExitCode.OK, 1, 0)


def test_on_unreachable_rescue_without_a_rescue_section_is_an_unreachable_host(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(f'- {{hosts: all, on_unreachable: rescue, tasks: [{{command: "{GONE_B}"}}, {{command: ok 2}}]}}')
    assert (run.cmds("b"), run.recap("b").unreachable, run.code) == (["gone"], 1, ExitCode.UNREACHABLE)


CONFIRMED = """
- hosts: all
  vars: {service: scanner}
  tasks:
    - {name: t, command: ok swap, confirm: "Replace {{ service }}?", when: inventory_hostname != 'c'}
    - {name: u, command: ok after}
"""


def test_a_task_to_be_confirmed_starts_after_one_yes_for_all_hosts(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    asked: list[str] = []

    def answer(prompt: str, echo: bool) -> str:
        asked.append(prompt)
        assert stage.scripted.calls == []
        return " Yes\n"

    run = stage.run(CONFIRMED, ask=answer)
    assert asked == ["Replace scanner? (a, b) Type yes to go on:"]
    assert run.cmds("a") == ["ok swap", "ok after"]


def test_any_other_answer_starts_nothing_and_a_resumed_run_asks_again(stage: Stage) -> None:
    with pytest.raises(Refused, match="not confirmed"):
        stage.run(CONFIRMED, ask=lambda prompt, echo: "y")
    assert stage.scripted.calls == []


def test_yes_is_remembered_by_a_resumed_run(stage: Stage) -> None:
    from runner.engine import recollect

    playbook = CONFIRMED.replace("ok swap", "flaky 1")
    first = stage.run(playbook, ask=lambda prompt, echo: "yes")
    assert first.status("t") is Status.FAILED
    again = stage.run(playbook, done=recollect(first.events))
    assert again.code == ExitCode.OK


def test_yes_on_the_command_line_answers_and_is_recorded(stage: Stage) -> None:
    run = stage.run(CONFIRMED, yes=True)
    assert [event.question for event in run.events if isinstance(event, Confirmed)] == ["Replace scanner?"]


def test_check_mode_asks_nothing(stage: Stage) -> None:
    run = stage.run(CONFIRMED, check=True)
    assert not any(isinstance(event, Confirmed) for event in run.events)


def test_a_question_that_nobody_can_answer_is_refused_before_anything_is_done(stage: Stage) -> None:
    from runner.engine import Done
    from runner.engine.confirming import refuse_without_answers

    plan, _ = stage.plan("- {hosts: all, tasks: [{command: ok}, {block: [{command: ok, confirm: Sure?}]}]}", Options())
    with pytest.raises(Refused, match="needs somebody's yes") as error:
        refuse_without_answers(plan, Done())
    assert error.value.where.endswith("play.yml:1:48")
    for options in (Options(yes=True), Options(check=True)):
        refuse_without_answers(stage.plan("- {hosts: all, tasks: [{command: ok, confirm: Sure?}]}", options)[0], Done())


@pytest.mark.parametrize(
    ("form", "commands"),
    [
        ("with_items: [a, [b, c], 1]", ["ok a", "ok b", "ok c", "ok 1"]),
        ("with_items: '{{ words }}'", ["ok x", "ok y"]),
        ("with_list: [a, [b, c]]", ["ok a", "ok ['b', 'c']"]),
        ("with_indexed_items: '{{ words }}'", ["ok [0, 'x']", "ok [1, 'y']"]),
        ("with_together: ['{{ words }}', [1, 2]]", ["ok ['x', 1]", "ok ['y', 2]"]),
        ("with_nested: ['{{ words }}', [1, 2]]", ["ok ['x', 1]", "ok ['x', 2]", "ok ['y', 1]", "ok ['y', 2]"]),
        ("with_sequence: start=1 end=3 format=db%02d", ["ok db01", "ok db02", "ok db03"]),
    ],
)
def test_ansibles_older_loops_mean_what_they_mean_there(stage: Stage, form: str, commands: list[str]) -> None:
    run = stage.run(f'- {{hosts: all, vars: {{words: [x, y]}}, tasks: [{{command: "ok {{{{ item }}}}", {form}}}]}}')
    assert run.cmds() == commands


def test_with_dict_gives_pairs_and_its_items_have_the_names_of_loop_control(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks:
            - command: "ok {{ pair.key }}={{ pair.value }} {{ number }}"
              with_dict: {a: 1, b: 2}
              loop_control: {loop_var: pair, index_var: number}
        """
    )
    assert run.cmds() == ["ok a=1 0", "ok b=2 1"]


def test_a_task_with_two_loops_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="a task has one loop, here are 'loop' and 'with_items'"):
        stage.run("- {hosts: all, tasks: [{command: ok, loop: [1], with_items: [2]}]}")


def test_module_defaults_are_arguments_unless_the_task_says_otherwise(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          vars: {word: hello}
          module_defaults:
            debug: {msg: "{{ word }} {{ item | default('') }}"}
            command: {cmd: ok by default}
          tasks:
            - {name: t, debug: }
            - {name: own, debug: {msg: mine}}
            - command:
            - block:
                - {name: inner, debug: }
              module_defaults: {debug: {var: word}}
        """
    )
    assert [run.result(name).get("msg") for name in ("t", "own")] == ["hello ", "mine"]
    assert run.result("inner")["word"] == "hello"
    assert run.cmds() == ["ok by default"]


@pytest.mark.parametrize(
    ("play", "message"),
    [
        ("module_defaults: {coppy: {mode: '0600'}}, tasks: []", "unknown module 'coppy'"),
        ("module_defaults: {copy: {moed: '0600'}}, tasks: []", "unknown argument 'moed'"),
        ("module_defaults: {copy: {mode: '0600'}}, tasks: [{copy: {content: x}}]", "'dest'"),
        ("tasks: [{module_defaults: {file: {path: /x}}, file: {state: nonsense}}]", "'state'"),
    ],
)
def test_wrong_module_defaults_are_told_before_the_run(stage: Stage, play: str, message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        stage.run(f"- {{hosts: all, {play}}}")
    assert any(message in problem.message for problem in error.value.problems)


def test_defaults_of_a_play_hold_in_the_files_it_imports(stage: Stage) -> None:
    text = "- {file: {state: absent}, register: r}\n- command: ok {{ r.path }}\n"
    (stage.directory / "more.yml").write_text(text)
    playbook = "- {hosts: all, module_defaults: {file: {path: /nowhere/at/all}}, tasks: [{import_tasks: more.yml}]}"
    plan, _ = stage.plan(playbook, Options())
    assert not plan.warnings
