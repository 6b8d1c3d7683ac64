"""include_tasks and include_role: taken in when the run comes to them, checked before it where that can be."""

from __future__ import annotations

import pytest

from runner.engine import Done, recollect
from runner.errors import ExitCode, Refused
from runner.events import Event, OutputLine, Status, TaskFinished
from tests.support.files import problems, write
from tests.support.stage import Killed, Scripted, Stage

BY_RESULT = """
    - hosts: all
      gather_facts: false
      tasks: [{command: ok in, register: p}, {include_tasks: "{{ p.stdout }}.yml"}]
    """


def test_included_tasks_are_done_in_the_place_of_the_include(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: ok 2\n- block: [{command: ok 3}]\n"})
    run = stage.run("- {hosts: all, tasks: [{command: ok 1}, {include_tasks: in.yml}, {command: ok 4}]}")
    assert run.cmds() == ["ok 1", "ok 2", "ok 3", "ok 4"]
    assert [end.path for end in run.ends()][1:4] == [
        "plays[0].tasks[1]",
        "plays[0].tasks[1].include[in.yml][0]",
        "plays[0].tasks[1].include[in.yml][1].block[0]",
    ]
    assert run.recap().ok == 5


def test_what_is_said_at_an_include_is_for_it_alone_and_apply_for_its_tasks(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- {name: t, command: 'ok {{ word }}', vars: {word: own}}\n"})
    playbook = """
        - hosts: all
          become: true
          tasks:
            - include_tasks: {file: in.yml, apply: {environment: {A: b}, tags: inner}}
              vars: {word: given}
              tags: outer
            - {name: skipped, include_tasks: in.yml, when: 1 == 2}
        """
    run = stage.run(playbook)
    assert [(call.cmd, call.become, call.env) for call in run.calls] == [("ok given", "root", (("A", "b"),))]
    assert run.status("skipped") is Status.SKIPPED
    assert stage.run(playbook, tags=("outer",)).cmds() == []
    assert stage.run(playbook, tags=("outer", "inner")).cmds() == ["ok given"]


def test_variables_given_to_an_include_win_over_facts(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: ok {{ word }}\n"})
    run = stage.run("- {hosts: all, tasks: [{set_fact: {word: fact}}, {include_tasks: in.yml, vars: {word: given}}]}")
    assert run.cmds() == ["ok given"]


def test_an_include_can_be_looped_over(stage: Stage) -> None:
    write(
        stage.directory,
        {"a.yml": "- command: ok a {{ item }} {{ n }}\n", "b.yml": "- command: ok b {{ item }} {{ n }}\n"},
    )
    run = stage.run(
        """
        - hosts: all
          tasks:
            - include_tasks: "{{ item }}.yml"
              loop: [a, b, a]
              loop_control: {index_var: n}
              when: n != 1 or item == 'b'
              register: done
            - command: ok {{ done.results | length }}
        """
    )
    assert run.cmds() == ["ok a a 0", "ok b b 1", "ok a a 2", "ok 3"]
    assert [end.path for end in run.ends() if "include" in end.path] == [
        f"plays[0].tasks[0].include[{n}][{file}.yml][0]" for n, file in enumerate("aba")
    ]
    assert run.recap().ok == 3 + 3 + 1


def test_hosts_that_include_the_same_go_through_it_together(stage: Stage) -> None:
    stage.hosts("a", "b", "c")
    write(
        stage.directory,
        {"x.yml": "- {name: x, command: ok x}\n", "y.yml": "- {name: y, command: ok y}\n- {command: ok z}\n"},
    )
    run = stage.run(
        """
        - hosts: all
          tasks: [{include_tasks: "{{ 'x' if inventory_hostname == 'b' else 'y' }}.yml"}, {command: ok end}]
        """,
        forks=1,
    )
    assert run.cmds("b") == ["ok x", "ok end"]
    assert [call.machine for call in run.calls if call.cmd == "ok y"] == ["a", "c"]
    assert run.cmds()[:4] == ["ok y", "ok y", "ok z", "ok z"]


def test_includes_include_others_beside_themselves(stage: Stage) -> None:
    write(
        stage.directory,
        {"sub/one.yml": "- include_tasks: two.yml\n  vars: {b: 2}\n", "sub/two.yml": "- command: ok {{ a }} {{ b }}\n"},
    )
    assert stage.run("- {hosts: all, tasks: [{include_tasks: sub/one.yml, vars: {a: 1}}]}").cmds() == ["ok 1 2"]


def test_a_failure_in_an_include_goes_to_the_rescue_around_it(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- {name: bad, command: fail 1}\n- command: ok never\n"})
    run = stage.run(
        """
        - hosts: all
          tasks:
            - block: [{include_tasks: in.yml}]
              rescue: [{command: "ok {{ ansible_failed_task.name }}"}]
        """
    )
    assert run.cmds() == ["fail 1", "ok bad"]
    assert run.code == ExitCode.OK


def test_a_handler_can_include_tasks(stage: Stage) -> None:
    write(stage.directory, {"h.yml": "- command: ok h1\n- command: ok h2\n"})
    run = stage.run(
        """
        - hosts: all
          tasks: [{command: changed 1, notify: h}]
          handlers: [{name: h, include_tasks: h.yml, listen: more}]
        """
    )
    assert run.cmds() == ["changed 1", "ok h1", "ok h2"]
    assert run.ends()[2].path == "plays[0].flush[1].handlers[0].include[h.yml][0]"


def test_a_role_can_be_included(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/r/tasks/main.yml": "- {command: 'changed {{ word }} {{ role_name }}', notify: h}\n",
            "roles/r/tasks/other.yml": "- command: ok other {{ word }} {{ item }}\n",
            "roles/r/handlers/main.yml": "- {name: h, command: ok handled}\n",
            "roles/r/defaults/main.yml": "word: default\n",
            "roles/r/vars/v.yml": "word: from v\n",
        },
    )
    run = stage.run(
        """
        - hosts: all
          tasks:
            - include_role: {name: r}
            - include_role: {name: r, tasks_from: "{{ item }}", vars_from: v}
              loop: [other, other.yml]
            - include_role: {name: r, public: true, apply: {become: true}}
              vars: {word: given}
            - command: ok {{ word }}
        """
    )
    assert run.cmds() == [
        *("changed default r", "ok other from v other", "ok other from v other.yml", "changed given r"),
        *("ok default", "ok handled"),
    ]
    assert run.calls[3].become == "root"
    assert run.ends()[1].path == "plays[0].tasks[0].include[roles/r].tasks[0]"
    assert run.recap().ok == 4 + 4 + 1 + 1


def test_a_role_knows_the_role_that_included_it(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/in/tasks/main.yml": "- command: ok {{ ansible_parent_role_names }} {{ color }}\n",
            "roles/out/tasks/main.yml": "- include_role: {name: in}\n",
            "roles/out/vars/main.yml": "color: out\n",
        },
    )
    assert stage.run("- {hosts: all, tasks: [{include_role: {name: out}}]}").cmds() == ["ok ['out'] out"]


def test_included_files_are_checked_before_the_run_where_their_names_are_known(stage: Stage) -> None:
    stage.hosts("a", "b", a={"kind": "x"}, b={"kind": "y"})
    write(
        stage.directory,
        {
            "x.yml": "- command: ls {{ gone }}\n",
            "y.yml": "- comand: ls\n- {command: ls, notify: nobody}\n",
            "z.yml": "- command: ls {{ item }} {{ n }} {{ given }}\n",
            "roles/r/tasks/main.yml": "- copy: {src: nil, dest: /x}\n",
        },
    )
    playbook = """
        - hosts: all
          tasks:
            - include_tasks: "{{ kind }}.yml"
            - {include_tasks: "{{ item }}.yml", loop: [z, not], loop_control: {index_var: n}, vars: {given: 1}}
            - include_role: {name: r, tasks_from: nil}
            - include_role: {name: r}
            - {include_tasks: no.yml, when: 1 == 2}
        """
    assert problems(stage, playbook) == [
        "play.yml:5:23 there is no file 'not.yml'",
        "play.yml:6:28 the role 'r' has no file 'tasks/nil'",
        "roles/r/tasks/main.yml:1:15 there is no file 'nil' on the controller",
        "x.yml:1:12 'gone' is undefined",
        "y.yml:1:3 unknown module 'comand'",
        "y.yml:2:25 there is no handler 'nobody'",
    ]


def test_what_only_the_run_can_tell_is_checked_when_it_is_included(stage: Stage) -> None:
    write(
        stage.directory,
        {"good.yml": "- command: ok {{ word }}\n", "bad.yml": "- comand: ls\n- command: '{{ oh no }}'\n"},
    )
    playbook = """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: probe, command: ok NAME, register: probe}
            - {name: in, include_tasks: "{{ probe.stdout }}.yml", vars: {word: x}}
        """
    assert stage.run(playbook.replace("NAME", "good")).cmds() == ["ok good", "ok x"]
    end = stage.run(playbook.replace("NAME", "bad")).end("in")
    assert end.status is Status.FAILED
    assert f"{stage.directory}/bad.yml:1:3: unknown module 'comand'" in end.message
    assert "bad.yml:2:" in end.message
    assert "not.yml is not there" in stage.run(playbook.replace("NAME", "not")).end("in").message


def test_a_file_may_include_itself_under_a_condition_but_not_without_end(stage: Stage) -> None:
    write(stage.directory, {"loop.yml": "- include_tasks: loop.yml\n"})
    down = "- set_fact: {left: '{{ left - 1 }}'}\n- command: ok {{ left }}\n"
    write(stage.directory, {"down.yml": f"{down}- {{include_tasks: down.yml, when: left > 0}}\n"})
    run = stage.run("- {hosts: all, tasks: [{set_fact: {left: 3}}, {include_tasks: down.yml}]}")
    assert run.cmds() == ["ok 2", "ok 1", "ok 0"]
    assert problems(stage, "- {hosts: all, tasks: [{include_tasks: loop.yml}]}") == [
        "loop.yml:1:18 the file takes itself in without end: loop.yml → loop.yml"
    ]


def test_a_circle_that_only_the_run_can_tell_is_bounded(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- include_tasks: '{{ p.stdout }}.yml'\n"})
    run = stage.run(BY_RESULT)
    assert run.code == ExitCode.HOSTS_FAILED
    assert "more than 100 deep" in run.ends()[-1].message


def test_what_is_included_may_import_files_that_the_play_names(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- import_tasks: '{{ kind }}.yml'\n", "x.yml": "- command: ok x\n"})
    tasks = "[{include_tasks: in.yml}, {include_tasks: in.yml, loop: [1]}]"
    assert stage.run(f"- {{hosts: all, vars: {{kind: x}}, tasks: {tasks}}}").cmds() == ["ok x", "ok x"]


def test_only_one_host_takes_in_what_is_included_once(stage: Stage) -> None:
    stage.hosts("a", "b")
    write(stage.directory, {"in.yml": "- command: ok in\n"})
    run = stage.run("- {hosts: all, tasks: [{include_tasks: in.yml, run_once: true}, {command: ok after}]}")
    assert (run.cmds("a"), run.cmds("b")) == (["ok in", "ok after"], ["ok after"])
    assert (run.recap("a").ok, run.recap("b").ok) == (3, 1)


def test_a_handler_of_a_role_that_is_included_twice_runs_once(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/r/tasks/main.yml": "- {command: changed, notify: [h, both]}\n",
            "roles/r/handlers/main.yml": "- {name: h, command: 'ok {{ n }}', listen: both}\n",
        },
    )
    include = "{include_role: {name: r}, vars: {n: N}}"
    tasks = ", ".join(include.replace("N", number) for number in "123")
    assert stage.run(f"- {{hosts: all, tasks: [{tasks}]}}").cmds()[3:] == ["ok 3"]


def test_keywords_that_an_include_does_not_hand_down_are_refused(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: ls\n"})
    playbook = "- {hosts: all, tasks: [{include_tasks: {file: in.yml, apply: {whne: x}}, become: true}]}"
    assert problems(stage, playbook) == [
        "play.yml:1:63 unknown keyword 'whne'",
        "play.yml:1:74 'become' has no meaning for include_tasks",
    ]


PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: which, command: "ok {{ 'x y' if inventory_hostname == 'a' else 'y' }}", register: which}
    - {name: fact, set_fact: {later: 1}}
    - {name: role, include_role: {name: r}, when: later == 1}
    - {name: take, include_tasks: "{{ item }}.yml", loop: "{{ which.stdout.split() }}", register: taken}
    - {name: fact again, set_fact: {later: 2}}
    - {name: last, command: "ok last {{ taken.results | length }}"}
"""
FILES = {
    "x.yml": "- {name: x1, command: 'changed x {{ item }}', notify: h}\n- {name: x2, set_fact: {seen: '{{ item }}'}}\n",
    "y.yml": "- {name: y1, command: 'ok y {{ item }} {{ seen | default(0) }}'}\n- {name: y2, include_tasks: x.yml}\n",
    "roles/r/tasks/main.yml": "- {name: r1, command: changed r, notify: h}\n",
    "roles/r/handlers/main.yml": "- {name: h, command: ok handled}\n",
}


def ends(events: list[Event]) -> dict[tuple[str, str], object]:
    return {(event.path, event.host): event.status for event in events if isinstance(event, TaskFinished)}


@pytest.mark.parametrize("recorded", [True, False], ids=["after", "before"])
def test_killed_at_every_event_inside_an_include_it_walks_the_same_way_again(stage: Stage, recorded: bool) -> None:
    stage.hosts("a", "b")
    write(stage.directory, FILES)
    whole = stage.run(PLAYBOOK, forks=1)
    assert whole.code == ExitCode.OK
    events = [event for event in whole.events if not isinstance(event, OutputLine)]
    for number in range(1, len(events)):
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

        assert stage.run(PLAYBOOK, forks=1, publish=publish).code is None
        second = stage.run(PLAYBOOK, forks=1, done=recollect(kept))
        assert second.code == ExitCode.OK, number
        assert ends([*kept, *second.events]) == ends(whole.events), number
        assert not ends(kept).keys() & ends(second.events).keys(), number
        assert second.recap("a") == whole.recap("a"), number


def test_a_file_that_changed_since_it_was_included_is_refused_after_a_resume(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: flaky 1\n"})
    playbook = BY_RESULT
    done: Done = recollect(stage.run(playbook).events)
    write(stage.directory, {"in.yml": "- command: ok other\n"})
    stage.hosts("a")
    with pytest.raises(Refused, match="is not what it was when it was included"):
        stage.run(playbook, done=done)


def test_the_fingerprint_covers_what_is_included(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: ok 1\n"})
    playbook = "- {hosts: all, tasks: [{include_tasks: in.yml}]}"
    before = stage.run(playbook).plan.fingerprint
    write(stage.directory, {"in.yml": "- command: ok 2\n"})
    stage.hosts("a")
    assert stage.run(playbook).plan.fingerprint != before
