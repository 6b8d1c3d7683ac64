"""Files that are read before the run: import_tasks and import_playbook."""

from __future__ import annotations

from runner.engine import recollect
from runner.events import Status, TaskFinished
from tests.support.files import problems, write
from tests.support.stage import Stage


def test_imported_tasks_stand_in_the_place_of_their_import(stage: Stage) -> None:
    write(stage.directory, {"two.yml": "- command: ok 2\n- command: ok 3\n"})
    run = stage.run(
        """
        - hosts: all
          tasks:
            - command: ok 1
            - import_tasks: two.yml
            - command: ok 4
        """
    )
    assert run.cmds() == ["ok 1", "ok 2", "ok 3", "ok 4"]
    paths = [event.path for event in run.events if isinstance(event, TaskFinished)]
    assert paths[1:3] == ["plays[0].tasks[1].import[0]", "plays[0].tasks[1].import[1]"]


def test_what_is_said_at_an_import_holds_for_each_of_its_tasks(stage: Stage) -> None:
    write(
        stage.directory,
        {"in.yml": "- {name: b, command: ok b}\n- {name: c, command: 'ok {{ word }}', when: word == 'y'}\n"},
    )
    run = stage.run(
        """
        - hosts: all
          tasks:
            - import_tasks: in.yml
              vars: {word: y}
              become: true
              environment: {LANG: C}
              tags: some
            - import_tasks: in.yml
              when: 1 == 2
        """
    )
    assert run.cmds() == ["ok b", "ok y"]
    assert [(call.become, call.env) for call in run.calls] == [("root", (("LANG", "C"),))] * 2
    assert [end.status for end in run.ends("b")] == [Status.OK, Status.SKIPPED]
    assert stage.run("- {hosts: all, tasks: [{import_tasks: in.yml, vars: {word: y}, tags: t}]}", tags=("t",)).cmds()


def test_imports_are_looked_for_beside_their_own_file_then_beside_the_playbook(stage: Stage) -> None:
    write(stage.directory, {"sub/one.yml": "- import_tasks: two.yml\n- import_tasks: other.yml\n"})
    write(stage.directory, {"sub/two.yml": "- command: ok sub\n"})
    write(stage.directory, {"two.yml": "- command: ok wrong\n"})
    write(stage.directory, {"other.yml": "- command: ok top\n"})
    assert stage.run("- {hosts: all, tasks: [{import_tasks: sub/one.yml}]}").cmds() == ["ok sub", "ok top"]


def test_the_name_of_an_import_may_hold_what_is_known_before_any_host_is(stage: Stage) -> None:
    write(stage.directory, {"x.yml": "- command: ok x\n"})
    playbook = "- {hosts: all, vars: {n: x}, tasks: [{import_tasks: '{{ n }}.yml'}]}"
    assert stage.run(playbook).cmds() == ["ok x"]
    playbook = "- {hosts: all, tasks: [{import_tasks: '{{ n }}.yml'}]}"
    assert stage.run(playbook, extra_vars={"n": "x"}).cmds() == ["ok x"]
    assert problems(stage, playbook) == ["play.yml:1:39 'n' is undefined"]


def test_blocks_and_handlers_can_be_imported(stage: Stage) -> None:
    write(
        stage.directory,
        {"in.yml": "- block: [{command: fail 1}]\n  rescue: [{command: changed 2, notify: [h, all of them]}]\n"},
    )
    write(
        stage.directory,
        {"handlers.yml": "- {name: h, command: ok h}\n- {name: i, listen: all of them, command: ok i}\n"},
    )
    run = stage.run(
        """
        - hosts: all
          tasks: [{import_tasks: in.yml}]
          handlers: [{import_tasks: handlers.yml, vars: {a: 1}}, {name: last, command: ok last}]
        """
    )
    assert run.cmds() == ["fail 1", "changed 2", "ok h", "ok i"]
    handled = [event.path for event in run.events if isinstance(event, TaskFinished) and event.is_handler]
    assert handled[0] == "plays[0].flush[1].handlers[0].import[0]"


def test_a_file_without_tasks_can_be_imported(stage: Stage) -> None:
    write(stage.directory, {"empty.yml": "---\n"})
    assert stage.run("- {hosts: all, tasks: [{import_tasks: empty.yml}, {command: ok}]}").cmds() == ["ok"]


def test_plays_of_an_imported_playbook_get_its_vars_tags_and_conditions(stage: Stage) -> None:
    write(
        stage.directory,
        {"sub/one.yml": "- hosts: all\n  vars: {a: 1, b: 2}\n  tasks: [{command: 'ok {{ a }} {{ b }}'}]\n"},
    )
    playbook = """
        - import_playbook: sub/one.yml
          vars: {a: 5}
          tags: first
        - import_playbook: sub/one.yml
          when: 1 == 2
        - hosts: all
          tasks: [{command: ok last}]
        """
    run = stage.run(playbook)
    assert run.cmds() == ["ok 5 2", "ok last"]
    assert [end.path for end in run.ends()] == [f"plays[{n}].tasks[0]" for n in range(3)]
    assert stage.run(playbook, tags=("first",)).cmds() == ["ok 5 2"]


def test_a_playbook_imported_by_an_import_gets_the_vars_of_both(stage: Stage) -> None:
    write(stage.directory, {"sub/one.yml": "- {import_playbook: two.yml, vars: {a: 1, b: 1}}\n"})
    write(
        stage.directory, {"sub/two.yml": "- hosts: all\n  vars: {a: 0}\n  tasks: [{command: 'ok {{ a }} {{ b }}'}]\n"}
    )
    assert stage.run("- {import_playbook: sub/one.yml, vars: {a: 2}}").cmds() == ["ok 2 1"]


def test_files_of_an_imported_playbook_are_beside_it(stage: Stage) -> None:
    write(stage.directory, {"sub/one.yml": "- hosts: all\n  vars_files: v.yml\n  tasks: [{import_tasks: t.yml}]\n"})
    write(stage.directory, {"sub/v.yml": "a: 1\n"})
    write(stage.directory, {"sub/t.yml": "- command: ok {{ a }} {{ playbook_dir }}\n"})
    assert stage.run("- import_playbook: sub/one.yml").cmds() == [f"ok 1 {stage.directory / 'sub'}"]


def test_problems_are_told_in_the_file_where_they_are_and_once(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- comand: ls\n- command: ls {{ gone }}\n- {command: ls, notify: nobody}\n"})
    write(stage.directory, {"pb.yml": "- hosts: all\n  tasks: [{import_tasks: in.yml}, {import_tasks: not.yml}]\n"})
    assert problems(stage, "- import_playbook: pb.yml\n- {hosts: all, tasks: [{import_tasks: in.yml}]}") == [
        "in.yml:1:3 unknown module 'comand'",
        "in.yml:2:12 'gone' is undefined",
        "in.yml:3:25 there is no handler 'nobody'",
        "pb.yml:2:50 there is no file 'not.yml'",
    ]


def test_circles_are_refused(stage: Stage) -> None:
    write(stage.directory, {"a.yml": "- import_tasks: b.yml\n"})
    write(stage.directory, {"b.yml": "- import_tasks: a.yml\n"})
    write(stage.directory, {"p.yml": "- import_playbook: play.yml\n"})
    assert problems(stage, "- {hosts: all, tasks: [{import_tasks: a.yml}]}") == [
        "b.yml:1:17 the file takes itself in: a.yml → b.yml → a.yml"
    ]
    assert [line[:37] for line in problems(stage, "- import_playbook: p.yml")] == [
        "p.yml:1:20 the file takes itself in: "
    ]


def test_what_has_no_meaning_for_an_import_is_refused(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: ls\n"})
    assert problems(stage, "- {hosts: all, tasks: [{import_tasks: in.yml, loop: [1], register: x}]}") == [
        "play.yml:1:47 'loop' has no meaning for import_tasks",
        "play.yml:1:58 'register' has no meaning for import_tasks",
    ]
    assert problems(stage, "- {import_playbook: in.yml, serial: 1}")[-1] == (
        "play.yml:1:29 'serial' is a keyword of a play, not of an import_playbook"
    )


def test_a_run_killed_in_an_imported_file_goes_on_there(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: ok 1\n- command: flaky 1\n- command: ok 3\n"})
    playbook = "- {hosts: all, tasks: [{import_tasks: in.yml}]}"
    first = stage.run(playbook)
    assert stage.run(playbook, done=recollect(first.events)).cmds() == ["flaky 1", "ok 3"]


def test_the_fingerprint_covers_what_is_imported(stage: Stage) -> None:
    write(stage.directory, {"in.yml": "- command: ok 1\n"})
    before = stage.run("- {hosts: all, tasks: [{import_tasks: in.yml}]}").plan.fingerprint
    write(stage.directory, {"in.yml": "- command: ok 2\n"})
    stage.hosts("a")
    assert stage.run("- {hosts: all, tasks: [{import_tasks: in.yml}]}").plan.fingerprint != before
