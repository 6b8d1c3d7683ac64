"""Which value a variable has, and the variables that are always there."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import InvalidInput
from runner.plan import Options
from tests.support.stage import Stage

LEVELS = {
    "inventory": "",
    "play": "vars: {x: play}",
    "files": "vars_files: [more.yml]",
}


def said(stage: Stage, play: str, tasks: str, **options: Any) -> list[str]:
    (stage.directory / "more.yml").write_text("x: files\n")
    return stage.run(f"- hosts: all\n{play}  tasks:\n{tasks}", **options).cmds()


def levels(*names: str) -> str:
    return "".join(f"  {LEVELS[name]}\n" for name in names if LEVELS[name])


@pytest.mark.parametrize("names", [("inventory",), ("inventory", "play"), ("inventory", "play", "files")])
def test_plays_win_over_the_inventory_and_files_over_plays(stage: Stage, names: tuple[str, ...]) -> None:
    stage.hosts("a", a={"x": "inventory"})
    assert said(stage, levels(*names), "    - command: ok {{ x }}\n") == [f"ok {names[-1]}"]


def test_blocks_win_over_files_and_tasks_over_blocks(stage: Stage) -> None:
    tasks = """
    - block:
        - {command: "ok {{ x }}"}
        - {command: "ok {{ x }}", vars: {x: task}}
      vars: {x: block}
"""
    assert said(stage, levels("play", "files"), tasks) == ["ok block", "ok task"]


def test_facts_and_results_win_over_task_variables(stage: Stage) -> None:
    tasks = """
    - set_fact: {x: fact}
    - {command: "ok {{ x }}", vars: {x: task}}
    - {command: "ok {{ x.rc }}", register: x, vars: {x: {rc: 7}}}
    - {command: "ok {{ x.stdout }}", vars: {x: task}}
"""
    assert said(stage, "", tasks.replace("x.rc", "(x | string)[:0]")) == ["ok fact", "ok ", "ok "]


def test_extra_variables_win_over_all_but_loop_variables(stage: Stage) -> None:
    tasks = """
    - set_fact: {x: fact}
    - {command: "ok {{ x }}", vars: {x: task}}
    - {command: "ok {{ x }}", loop: [loop], loop_control: {loop_var: x}}
"""
    assert said(stage, levels("play"), tasks, extra_vars={"x": "extra"}) == ["ok extra", "ok loop"]


def test_the_name_of_a_variables_file_can_be_a_template(stage: Stage) -> None:
    stage.hosts("a", "b")
    for name in ("a", "b"):
        (stage.directory / f"{name}.yml").write_text(f"y: of-{name}\n")
    run = stage.run(
        "- hosts: all\n  vars_files: ['{{ inventory_hostname }}.yml']\n  tasks: [{command: 'ok {{ y }}'}]\n"
    )
    assert (run.cmds("a"), run.cmds("b")) == (["ok of-a"], ["ok of-b"])


def test_magic_variables_are_there(stage: Stage) -> None:
    stage.hosts("a.example", "b.example")
    run = stage.run(
        """
        - hosts: all
          tasks:
            - name: t
              debug:
                msg:
                  - "{{ inventory_hostname }}"
                  - "{{ inventory_hostname_short }}"
                  - "{{ groups.all }}"
                  - "{{ ansible_play_hosts }}"
                  - "{{ ansible_play_batch }}"
                  - "{{ play_hosts }}"
                  - "{{ ansible_check_mode }}"
                  - "{{ playbook_dir }}"
                  - "{{ run.id }}"
        """
    )
    both = ["a.example", "b.example"]
    assert run.result("t", "a.example")["msg"] == [
        *("a.example", "a", both, both, both, both, False),
        *(str(stage.directory), "r1"),
    ]


def test_failed_hosts_are_no_longer_play_hosts(stage: Stage) -> None:
    stage.hosts("a", "b")
    run = stage.run(
        """
        - hosts: all
          tasks:
            - command: "{{ 'fail' if inventory_hostname == 'b' else 'ok' }}"
            - command: "ok {{ ansible_play_hosts | join }} {{ ansible_play_hosts_all | join }}"
        """
    )
    assert run.cmds("a") == ["ok", "ok a ab"]


def test_other_hosts_variables_facts_and_results_can_be_read(stage: Stage) -> None:
    stage.hosts("a", "b", a={"y": "1{{ z }}", "z": "2"}, b={"z": "9"})
    run = stage.run(
        """
        - hosts: all
          tasks:
            - {command: "ok {{ inventory_hostname }}", register: r}
            - {command: "ok {{ hostvars.a.y }} {{ hostvars['a'].r.stdout }}"}
        """
    )
    assert run.cmds("b")[1] == "ok 12 a"


def test_variables_refer_to_later_ones(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          vars: {url: "http://{{ host }}:{{ port }}", host: db, port: 5432}
          tasks:
            - {command: "ok {{ url }}"}
            - {command: "ok {{ url }}", vars: {port: 1}}
        """
    )
    assert run.cmds() == ["ok http://db:5432", "ok http://db:1"]


def test_omit_leaves_an_argument_out(stage: Stage) -> None:
    run = stage.run("- {hosts: all, tasks: [{name: t, assert: {that: true, success_msg: '{{ omit }}'}}]}")
    assert run.result("t")["msg"] == "All assertions passed"


def test_of_a_list_within_vars_files_the_first_file_that_is_there_counts(stage: Stage) -> None:
    (stage.directory / "b.yml").write_text("word: from b\n")
    (stage.directory / "c.yml").write_text("word: from c\n")
    play = "hosts: all, vars: {wanted: b}, tasks: [{command: 'ok {{ word }}'}]"
    for names in ("[[a.yml, b.yml, c.yml]]", "[['{{ wanted }}.yml', c.yml]]", "[c.yml, ['{{ run.id }}.yml', b.yml]]"):
        assert stage.run(f"- {{{play}, vars_files: {names}}}").cmds() == ["ok from b"]
    with pytest.raises(InvalidInput, match="there is no file of variables"):
        stage.plan("- {hosts: all, vars_files: [[x.yml, y.yml]], tasks: []}", Options())


def test_a_task_is_told_what_the_command_line_chose(stage: Stage) -> None:
    playbook = "- {hosts: all, tasks: [{command: 'ok {{ ansible_run_tags }} {{ ansible_skip_tags }}', tags: t}]}"
    assert stage.run(playbook).cmds() == ["ok ['all'] []"]
    assert stage.run(playbook, tags=("t",), limit="a").cmds() == ["ok ['t'] []"]


def test_cacheable_is_no_fact(stage: Stage) -> None:
    tasks = "{set_fact: {a: 1, cacheable: true}}, {command: 'ok {{ a }} {{ cacheable is defined }}'}"
    run = stage.run(f"- {{hosts: all, tasks: [{tasks}]}}")
    assert run.cmds() == ["ok 1 False"]
