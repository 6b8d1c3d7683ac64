"""Facts: gathered when a play uses one, when it says so, and never when it says no."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from runner.engine import recollect
from runner.errors import ExitCode, InvalidInput, TaskFailed
from runner.events import Event, TaskFinished
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.facts.gathering import FACTS, prefixed
from runner.modules.facts.setup import SetupArgs
from runner.plan import Options
from runner.plan.gathering import fact_names, is_fact
from tests.support.stage import Killed, Run, Stage


class Told:
    """Stands for the module setup: every host is a Debian."""

    name: ClassVar = "setup"
    Args = SetupArgs

    def __init__(self) -> None:
        self.asked: list[tuple[str, SetupArgs]] = []

    def preview(self, at: Reading, args: SetupArgs) -> Change:
        return Change(False, "gathers", facts=self._facts(at, args))

    def apply(self, at: Acting, args: SetupArgs) -> Outcome:
        return Outcome(False, facts=self._facts(at, args))

    def _facts(self, at: Reading, args: SetupArgs) -> dict[str, object]:
        self.asked.append((at.host.name, args))
        if at.host.name == "broken":
            raise TaskFailed("no facts here")
        return {"ansible_distribution": "Debian", "ansible_facts": {"distribution": "Debian"}}


def run(stage: Stage, playbook: str, **more: Any) -> tuple[Run, Told]:
    setup = Told()
    return stage.run(playbook, modules={"setup": setup}, **more), setup


def test_a_play_that_uses_a_fact_has_it_and_every_host_is_asked_once(stage: Stage) -> None:
    stage.hosts("a", "b")
    ended, setup = run(
        stage,
        """
        - hosts: all
          tasks:
            - command: ok {{ ansible_distribution }}
            - command: ok {{ ansible_facts.distribution }}
              when: ansible_facts['distribution'] == 'Debian'
        """,
    )
    assert ended.cmds("b") == ["ok Debian", "ok Debian"]
    assert sorted(host for host, _ in setup.asked) == ["a", "b"]
    assert [end.name for end in ended.ends()][:2] == ["Gathering Facts"] * 2
    assert ended.recap("a").ok == 3


def test_a_play_that_uses_none_asks_nobody(stage: Stage) -> None:
    _, setup = run(stage, "- {hosts: all, tasks: [{command: ok}]}")
    assert setup.asked == []


@pytest.mark.parametrize(
    "play",
    [
        "vars: {a: '{{ b }}', b: '{{ ansible_os_family }}'}, tasks: [{command: ok, when: false}, {debug: {var: a}}]",
        "tasks: [{command: ok, when: ansible_eth0 is defined}]",
        "tasks: [{debug: {msg: \"{{ hostvars['a'].ansible_hostname | default('x') }}\"}}]",
        "tasks: [], handlers: [{name: h, debug: {var: ansible_kernel}}]",
    ],
)
def test_a_fact_is_used_wherever_its_name_leads_to_it(stage: Stage, play: str) -> None:
    plan, _ = stage.plan(f"- {{hosts: all, {play}}}", Options())
    assert plan.plays[0].gathers


def test_a_variable_that_has_a_facts_name_is_no_fact(stage: Stage) -> None:
    play = "vars: {ansible_distribution: mine}, tasks: [{command: 'ok {{ ansible_distribution }}'}]"
    ended, setup = run(stage, f"- {{hosts: all, {play}}}")
    assert (ended.cmds(), setup.asked) == (["ok mine"], [])


def test_a_template_file_that_uses_a_fact_has_it(stage: Stage) -> None:
    (stage.directory / "t.j2").write_text("{{ ansible_distribution }}")
    plan, _ = stage.plan("- {hosts: all, tasks: [{template: {src: t.j2, dest: /x}}]}", Options())
    assert plan.plays[0].gathers


def test_gather_facts_true_asks_though_nothing_is_used_in_ansibles_words(stage: Stage) -> None:
    _, setup = run(
        stage,
        "- {hosts: all, gather_facts: true, gather_subset: ['!all', network], fact_path: /facts, tasks: []}",
    )
    assert setup.asked == [("a", SetupArgs(("!all", "network"), (), "/facts"))]


def test_gather_facts_false_makes_a_fact_an_undefined_variable(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="'ansible_distribution' is undefined") as error:
        run(stage, "- {hosts: all, gather_facts: false, tasks: [{command: 'ok {{ ansible_distribution }}'}]}")
    assert "no play gathers facts" in error.value.problems[0].hint


def test_facts_gathered_in_one_play_are_there_in_the_next(stage: Stage) -> None:
    ended, setup = run(
        stage,
        """
        - {hosts: all, gather_facts: true, tasks: []}
        - {hosts: all, gather_facts: false, tasks: [{command: 'ok {{ ansible_distribution }}'}]}
        """,
    )
    assert (ended.cmds(), len(setup.asked)) == (["ok Debian"], 1)


def test_a_host_whose_facts_cannot_be_gathered_is_out_of_the_play(stage: Stage) -> None:
    stage.hosts("broken", "b")
    ended, _ = run(stage, "- {hosts: all, gather_facts: true, tasks: [{command: ok}]}")
    assert (ended.cmds("broken"), ended.cmds("b"), ended.code) == ([], ["ok"], ExitCode.HOSTS_FAILED)


def test_tags_do_not_leave_the_gathering_out(stage: Stage) -> None:
    playbook = "- {hosts: all, tasks: [{command: 'ok {{ ansible_distribution }}', tags: [t]}]}"
    assert run(stage, playbook, tags=("t",))[0].cmds() == ["ok Debian"]


def test_check_mode_gathers_too(stage: Stage) -> None:
    ended, _ = run(stage, "- {hosts: all, tasks: [{debug: {msg: '{{ ansible_distribution }}'}}]}", check=True)
    assert ended.result("debug")["msg"] == "Debian"


def test_a_resumed_run_does_not_ask_again(stage: Stage) -> None:
    playbook = "- {hosts: all, tasks: [{command: ok 1}, {command: 'ok {{ ansible_distribution }}'}]}"

    def publish(event: Event) -> None:
        if isinstance(event, TaskFinished) and event.path.endswith("tasks[0]"):
            raise Killed

    first, _ = run(stage, playbook, publish=publish)
    again, setup = run(stage, playbook, done=recollect(first.events))
    assert (again.cmds(), setup.asked) == (["ok 1", "ok Debian"], [])


def test_the_schema_of_setup_names_every_fact() -> None:
    assert fact_names() == {"ansible_facts", *prefixed(dict.fromkeys(FACTS))}
    assert all(map(is_fact, ("ansible_eth0", "ansible_enp3s0", "ansible_lo", "ansible_docker0", "ansible_hostname")))
    assert not any(map(is_fact, ("ansible_loop", "ansible_loop_var", "ansible_distributon", "x")))
