"""include_vars: variables taken in while the run goes on."""

from __future__ import annotations

import pytest

from runner.engine import recollect
from runner.errors import ExitCode, InvalidInput
from runner.events import Event, TaskFinished
from runner.plan import Options
from tests.support.stage import Killed, Stage


@pytest.fixture
def files(stage: Stage) -> Stage:
    (stage.directory / "vars").mkdir()
    (stage.directory / "vars" / "a.yml").write_text("word: from a\nother: '{{ word }} too'\nport: 1\n")
    (stage.directory / "vars" / "b.yml").write_text("word: from b\n")
    (stage.directory / "vars" / "sub").mkdir()
    (stage.directory / "vars" / "sub" / "c.yaml").write_text("deep: yes it is\n")
    return stage


def test_later_tasks_see_them_and_templates_in_them_are_read_when_used(files: Stage) -> None:
    run = files.run(
        """
        - hosts: all
          vars: {word: from the play}
          tasks:
            - {include_vars: a.yml, register: r}
            - {command: "ok {{ other }} {{ port + 1 }} {{ r.ansible_included_var_files | length }}"}
            - {include_vars: {file: b.yml}}
            - {command: "ok {{ other }}", vars: {word: weaker}}
            - {set_fact: {word: stronger}}
            - {include_vars: a.yml}
            - {command: "ok {{ other }}"}
        """
    )
    assert run.cmds() == ["ok from a too 2 1", "ok from b too", "ok stronger too"]


def test_they_can_go_into_one_variable(files: Stage) -> None:
    run = files.run("- {hosts: all, tasks: [{include_vars: {file: a.yml, name: box}}, {command: 'ok {{ box.word }}'}]}")
    assert run.cmds() == ["ok from a"]


def test_a_directory_is_taken_in_sorted_by_path_and_as_deep_as_said(files: Stage) -> None:
    playbook = (
        "- {hosts: all, tasks: [{include_vars: {dir: vars%s}}, {command: 'ok {{ word }} {{ deep | default(0) }}'}]}"
    )
    assert files.run(playbook % "").cmds() == ["ok from b yes it is"]
    assert files.run(playbook % ", depth: 1").cmds() == ["ok from b 0"]
    assert files.run(playbook % ", files_matching: '^a'").cmds() == ["ok from a 0"]
    assert files.run(playbook % ", ignore_files: [b.yml]").cmds() == ["ok from a yes it is"]


def test_a_file_with_another_ending_is_an_error_unless_passed_over(files: Stage) -> None:
    (files.directory / "vars" / "notes.txt").write_text("x")
    playbook = "- {hosts: all, tasks: [{name: t, include_vars: {dir: vars%s}}]}"
    assert "does not have a valid extension" in files.run(playbook % "").end("t").message
    assert files.run(playbook % ", ignore_unknown_extensions: true").code == ExitCode.OK


def test_each_host_has_its_own(files: Stage) -> None:
    files.hosts("a", "b")
    run = files.run(
        "- {hosts: all, tasks: [{include_vars: '{{ inventory_hostname }}.yml'}, {command: 'ok {{ word }}'}]}"
    )
    assert (run.cmds("a"), run.cmds("b")) == (["ok from a"], ["ok from b"])


def test_a_resumed_run_sees_them_again(files: Stage) -> None:
    playbook = "- {hosts: all, tasks: [{include_vars: a.yml}, {name: t, command: 'ok {{ other }}'}]}"

    def publish(event: Event) -> None:
        if isinstance(event, TaskFinished) and event.name == "t":
            raise Killed

    first = files.run(playbook, publish=publish)
    again = files.run(playbook, done=recollect(first.events))
    assert again.cmds() == ["ok from a too"]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("{include_vars: nowhere.yml}", "there is no file 'nowhere.yml' on the controller"),
        ("{include_vars: a.yml}, {command: 'ok {{ wrod }}'}", "'wrod' is undefined"),
        ("{include_vars: broken.yml}", "template"),
        ("{include_vars: {file: a.yml, dir: vars}}", "'dir'"),
    ],
)
def test_what_is_wrong_is_told_before_the_run(files: Stage, tasks: str, message: str) -> None:
    (files.directory / "vars" / "broken.yml").write_text("x: '{{ y'\n")
    with pytest.raises(InvalidInput) as error:
        files.plan(f"- {{hosts: all, tasks: [{tasks}]}}", Options())
    assert message in " ".join(problem.message for problem in error.value.problems)


def test_a_file_only_the_run_knows_may_define_anything(files: Stage) -> None:
    files.plan("- {hosts: all, tasks: [{include_vars: '{{ run.id }}.yml'}, {command: 'ok {{ whatever }}'}]}", Options())


def test_another_content_is_another_plan(files: Stage) -> None:
    playbook = "- {hosts: all, tasks: [{include_vars: a.yml}]}"
    before = files.plan(playbook, Options())[0].fingerprint
    (files.directory / "vars" / "a.yml").write_text("word: changed\n")
    files.hosts("a")
    assert files.plan(playbook, Options())[0].fingerprint != before
