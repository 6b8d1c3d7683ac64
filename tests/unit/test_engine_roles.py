"""Roles: what is in their directories, in which order it is done, how often, and what it sees."""

from __future__ import annotations

import pytest

from runner.engine import recollect
from runner.events import Status, TaskFinished, TaskStarted
from tests.support.files import problems, write
from tests.support.stage import Stage

WEB = {
    "roles/web/tasks/main.yml": "- {name: t, command: 'changed {{ what }}', notify: h}\n- import_tasks: more.yml\n",
    "roles/web/tasks/more.yml": "- command: ok more {{ kind }}\n",
    "roles/web/handlers/main.yml": "- {name: h, command: 'ok handled {{ what }}', listen: all}\n",
    "roles/web/defaults/main.yml": "what: web\n",
    "roles/web/vars/main.yml": "kind: of role\n",
}


def test_roles_are_done_between_pre_tasks_and_tasks_and_handlers_after_them(stage: Stage) -> None:
    write(stage.directory, WEB)
    run = stage.run(
        """
        - hosts: all
          pre_tasks: [{command: changed pre, notify: own}]
          roles: [web]
          tasks: [{command: ok task}]
          post_tasks: [{command: ok post}]
          handlers: [{name: own, command: ok own}]
        """
    )
    assert run.cmds() == [
        *("changed pre", "ok own", "changed web", "ok more of role", "ok task", "ok handled web", "ok post")
    ]
    named = [event.name for event in run.events if isinstance(event, TaskStarted)]
    assert named[2:4] == ["web : t", "web : command"]
    paths = [event.path for event in run.events if isinstance(event, TaskFinished)]
    assert paths[2:4] == ["plays[0].roles[0].tasks[0]", "plays[0].roles[0].tasks[1].import[0]"]
    assert paths[5] == "plays[0].flush[1].roles[0].handlers[0]"


def test_what_is_said_at_a_role_holds_for_its_tasks_and_handlers(stage: Stage) -> None:
    write(stage.directory, WEB)
    playbook = """
        - hosts: all
          roles:
            - {role: web, when: 1 == 2}
            - {role: web, what: param, vars: {kind: given}, become: true, tags: [w]}
        """
    run = stage.run(playbook)
    assert run.cmds() == ["changed param", "ok more given", "ok handled param"]
    assert {call.become for call in run.calls} == {"root"}
    assert [end.status for end in run.ends("web : t")] == [Status.SKIPPED, Status.CHANGED]
    assert stage.run(playbook, skip_tags=("w",)).cmds() == []


def test_the_same_role_is_done_once_and_another_use_of_it_again(stage: Stage) -> None:
    write(stage.directory, {"roles/r/tasks/main.yml": "- command: ok {{ a | default('r') }}\n"})
    run = stage.run("- {hosts: all, roles: [r, {role: r, a: 1}, r, {role: r, a: 1}, {role: r, tags: x}]}")
    assert run.cmds() == ["ok r", "ok 1", "ok r"]
    write(stage.directory, {"roles/r/meta/main.yml": "allow_duplicates: true\n"})
    stage.hosts("a")
    assert stage.run("- {hosts: all, roles: [r, {role: r, a: 1}, r]}").cmds() == ["ok r", "ok 1", "ok r"]


def test_a_role_that_was_skipped_as_a_whole_has_not_been_done(stage: Stage) -> None:
    write(stage.directory, {"roles/r/tasks/main.yml": "- {command: ok, when: now}\n- {set_fact: {now: true}}\n"})
    write(stage.directory, {"roles/s/tasks/main.yml": "- {command: ok s, when: now | default(false)}\n"})
    run = stage.run("- {hosts: all, vars: {now: false}, roles: [s, r, s, s]}")
    assert run.cmds() == ["ok s"]


def test_roles_that_are_depended_on_come_first_with_their_handlers(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/top/meta/main.yml": "dependencies: [{role: base, n: 1}, base]\n",
            "roles/top/tasks/main.yml": "- {command: 'changed top {{ color }}', notify: 'base : h'}\n",
            "roles/top/handlers/main.yml": "- {name: h, command: ok top handler}\n",
            "roles/base/tasks/main.yml": "- command: ok base {{ n | default(0) }} {{ color }}\n",
            "roles/base/handlers/main.yml": "- {name: h, command: 'ok base handler'}\n",
            "roles/base/vars/main.yml": "color: base\n",
            "roles/top/defaults/main.yml": "color: top\n",
        },
    )
    run = stage.run("- {hosts: all, roles: [{role: top, tags: x}, base]}", tags=("x",))
    assert run.cmds() == ["ok base 1 base", "ok base 0 base", "changed top base", "ok base handler"]
    assert run.ends()[0].path == "plays[0].roles[0].dependencies[0].tasks[0]"


def test_the_last_handler_of_a_name_is_meant_unless_the_role_is_named(stage: Stage) -> None:
    for name in ("one", "two"):
        write(stage.directory, {f"roles/{name}/handlers/main.yml": f"- {{name: h, command: ok {name}}}\n"})
    head = "- hosts: all\n  roles: [one, two]\n"
    assert stage.run(head + "  tasks: [{command: changed, notify: h}]\n").cmds() == ["changed", "ok two"]
    assert stage.run(head + "  tasks: [{command: changed, notify: 'one : h'}]\n").cmds() == ["changed", "ok one"]
    own = head + "  handlers: [{name: h, command: ok own}]\n  tasks: [{command: changed, notify: h}]\n"
    assert stage.run(own).cmds() == ["changed", "ok own"]


def test_the_whole_play_sees_the_defaults_and_vars_of_its_roles(stage: Stage) -> None:
    write(stage.directory, WEB)
    run = stage.run(
        "- {hosts: all, vars: {kind: of play}, pre_tasks: [{command: 'ok {{ what }} {{ kind }}'}], roles: [web]}"
    )
    assert run.cmds()[0] == "ok web of role"


def test_a_role_knows_where_and_what_it_is(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/in/tasks/main.yml": "- command: ok {{ role_path }}\n- command: ok {{ ansible_parent_role_names }}\n",
            "roles/out/tasks/main.yml": "- import_role: {name: in}\n",
            "roles/out/meta/main.yml": "dependencies: [needed]\n",
            "roles/needed/tasks/main.yml": "- command: ok {{ role_names }} {{ ansible_dependent_role_names }}\n",
        },
    )
    assert stage.run("- {hosts: all, roles: [out]}").cmds() == [
        "ok ['out', 'in'] ['needed']",
        f"ok {stage.directory}/roles/in",
        "ok ['out']",
    ]


def test_an_imported_role_stands_where_it_is_imported(stage: Stage) -> None:
    write(stage.directory, WEB)
    write(
        stage.directory,
        {"roles/web/tasks/other.yml": "- command: ok other {{ kind }}\n", "roles/web/vars/v.yml": "kind: v\n"},
    )
    run = stage.run(
        """
        - hosts: all
          tasks:
            - command: ok first
            - import_role: {name: web}
              vars: {what: given}
            - import_role: {name: web, tasks_from: other, vars_from: v.yml}
              become: true
            - command: changed last
              notify: all
        """
    )
    assert run.cmds()[:5] == ["ok first", "changed given", "ok more of role", "ok other v", "changed last"]
    assert run.ends()[1].path == "plays[0].tasks[1].role.tasks[0]"


def test_files_and_templates_are_looked_for_in_the_role_first(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/r/tasks/main.yml": "- command: ok {{ lookup('file', 'x') }} {{ lookup('file', 'y') }}\n",
            "roles/r/files/x": "role",
            "files/x": "playbook",
            "files/y": "playbook",
        },
    )
    run = stage.run("- {hosts: all, roles: [r], tasks: [{command: \"ok {{ lookup('file', 'x') }}\"}]}")
    assert run.cmds() == ["ok role playbook", "ok playbook"]


def test_roles_are_also_found_on_the_roles_path(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    write(stage.directory, {"elsewhere/r/tasks/main.yaml": "- command: ok r\n"})
    monkeypatch.setenv("SENTRAPLAY_ROLES_PATH", f"/nowhere:{stage.directory}/elsewhere")
    assert stage.run("- {hosts: all, roles: [r]}").cmds() == ["ok r"]


def test_problems_of_roles_are_told_in_their_files_and_once(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/r/tasks/main.yml": "- command: ls {{ gone }} {{ known }} {{ half }}\n- copy: {src: nil, dest: /x}\n",
            "roles/r/defaults/main.yml": "known: 1\nhalf: '{{ missing }}'\n",
            "roles/r/handlers/main.yml": "- {name: h, comand: ls}\n",
            "roles/r/meta/main.yml": "dependencies: [{role: nobody}, 5]\nauthor: me\n",
        },
    )
    assert problems(stage, "- {hosts: all, roles: [r, {role: r, x: 1}], tasks: [{import_role: {name: what}}]}") == [
        "play.yml:1:74 there is no role 'what'",
        "roles/r/defaults/main.yml:2:7 'missing' is undefined, which 'half' needs",
        "roles/r/handlers/main.yml:1:13 unknown module 'comand'",
        "roles/r/meta/main.yml:1:23 there is no role 'nobody'",
        "roles/r/meta/main.yml:1:32 a role is a name, or a mapping with the key 'role'",
        "roles/r/meta/main.yml:2:1 unknown keyword 'author'",
        "roles/r/tasks/main.yml:1:12 'gone' is undefined",
        "roles/r/tasks/main.yml:2:15 there is no file 'nil' on the controller",
    ]


def test_roles_that_need_each_other_are_refused(stage: Stage) -> None:
    write(
        stage.directory,
        {"roles/a/meta/main.yml": "dependencies: [b]\n", "roles/b/meta/main.yml": "dependencies: [a]\n"},
    )
    assert problems(stage, "- {hosts: all, roles: [a]}") == [
        "roles/b/meta/main.yml:1:16 the role takes itself in: roles/a → roles/b → roles/a"
    ]


def test_a_task_of_a_role_that_failed_is_called_by_its_own_name_in_the_rescue(stage: Stage) -> None:
    rescue = "rescue: [{command: 'ok {{ ansible_failed_task.name }}'}]"
    write(stage.directory, {"roles/r/tasks/main.yml": f"- block: [{{name: bad, command: fail}}]\n  {rescue}\n"})
    assert stage.run("- {hosts: all, roles: [r]}").cmds() == ["fail", "ok bad"]


def test_a_handler_of_a_role_includes_files_beside_itself(stage: Stage) -> None:
    write(
        stage.directory,
        {
            "roles/r/tasks/main.yml": "- {command: changed, notify: h}\n",
            "roles/r/handlers/main.yml": "- {name: h, include_tasks: more.yml}\n",
            "roles/r/handlers/more.yml": "- command: ok {{ role_name }}\n",
        },
    )
    assert stage.run("- {hosts: all, roles: [r]}").cmds() == ["changed", "ok r"]


def test_a_role_cannot_be_a_handler(stage: Stage) -> None:
    write(stage.directory, WEB)
    assert problems(stage, "- {hosts: all, handlers: [{name: h, import_role: {name: web}}]}") == [
        "play.yml:1:37 a role cannot be a handler"
    ]


def test_a_run_killed_in_a_role_goes_on_there_and_does_not_do_it_twice(stage: Stage) -> None:
    write(stage.directory, {"roles/r/tasks/main.yml": "- command: ok 1\n- command: flaky 1\n- command: ok 3\n"})
    playbook = "- {hosts: all, roles: [r, r]}"
    first = stage.run(playbook)
    assert stage.run(playbook, done=recollect(first.events)).cmds() == ["flaky 1", "ok 3"]


def test_the_fingerprint_covers_every_file_of_a_role(stage: Stage) -> None:
    write(stage.directory, WEB)
    playbook = "- {hosts: all, roles: [web]}"
    seen = {stage.run(playbook).plan.fingerprint}
    for name, text in WEB.items():
        more = "- {name: new, command: ok new}\n" if text.startswith("-") else "new: 1\n"
        write(stage.directory, {name: text + more})
        stage.hosts("a")
        seen.add(stage.run(playbook).plan.fingerprint)
    assert len(seen) == 1 + len(WEB)
