"""`sentraplay run` on the machine itself, as people and programs see it."""

from __future__ import annotations

import json

import pytest

from tests.cli.program import Program

GOOD = """\
- name: Say hello
  hosts: localhost
  tasks:
    - name: Speak
      command: echo hello
      register: said
    - name: Show it
      debug:
        msg: "it said {{ said.stdout }}"
    - name: Not today
      command: "false"
      when: said.stdout == 'goodbye'
"""


def test_a_playbook_runs_to_its_recap(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    ended = sentraplay("run", "good.yml")
    assert ended.code == 0, ended.everything
    lines = ended.out.splitlines()
    assert lines[0].startswith("RUN [good.yml] ")
    assert "PLAY [Say hello] " in ended.out
    assert "TASK [Speak] " in ended.out
    assert "changed: [localhost]" in lines
    assert "    it said hello" in lines
    assert "skipping: [localhost]" in lines
    assert lines[-1] == "localhost : ok=2 changed=1 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0"
    assert ended.err == ""


def test_check_mode_changes_nothing_and_says_so(sentraplay: Program) -> None:
    target = sentraplay.directory / "made"
    sentraplay.write("p.yml", f"- hosts: localhost\n  tasks:\n    - copy: {{content: x, dest: {target}}}\n")
    ended = sentraplay("run", "p.yml", "--check", "--diff")
    assert ended.code == 0, ended.everything
    assert "check mode: nothing is changed" in ended.out
    assert "changed: [localhost]" in ended.out
    assert "+x" in ended.out
    assert not target.exists()


def test_what_a_command_prints_streams_with_v_and_not_without(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    assert "  localhost | hello" in sentraplay("run", "good.yml", "-v").out
    assert "localhost | hello" not in sentraplay("run", "good.yml").out


def test_a_failed_command_shows_its_stderr_and_ends_with_2(sentraplay: Program) -> None:
    sentraplay.write("p.yml", "- hosts: localhost\n  tasks:\n    - shell: echo the reason >&2; exit 3\n")
    ended = sentraplay("run", "p.yml")
    assert ended.code == 2
    assert "failed: [localhost] => " in ended.out
    assert "    the reason" in ended.out.splitlines()
    assert "failed=1" in ended.out
    assert "sentraplay resume " in ended.out


def test_json_is_one_event_per_line_and_nothing_else(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    ended = sentraplay("run", "good.yml", "--output", "json")
    assert ended.code == 0, ended.everything
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    assert events[-1]["recap"]["localhost"]["ok"] == 2
    assert ended.err == ""


def test_invalid_input_keeps_json_output_empty(sentraplay: Program) -> None:
    sentraplay.write("bad.yml", "- hosts: localhost\n  taks: []\n")
    ended = sentraplay("run", "bad.yml", "--output", "json")
    assert (ended.code, ended.out) == (6, "")
    assert ended.err.startswith("bad.yml:2:3: ")


def test_extra_variables_win_in_all_three_forms(sentraplay: Program) -> None:
    sentraplay.write(
        "p.yml", "- hosts: localhost\n  vars: {who: nobody}\n  tasks:\n    - debug: {msg: 'I am {{ who }}'}\n"
    )
    sentraplay.write("extra.yml", "who: from a file\n")
    for given, expected in (("who=me", "me"), ('{"who": "json"}', "json"), ("@extra.yml", "from a file")):
        assert f"    I am {expected}" in sentraplay("run", "p.yml", "-e", given).out.splitlines()


def test_several_playbooks_run_in_order_and_the_first_failure_ends_it(sentraplay: Program) -> None:
    for name, command in (("a", "echo a"), ("b", "exit 1"), ("c", "echo c")):
        sentraplay.write(f"{name}.yml", f"- name: play {name}\n  hosts: localhost\n  tasks: [{{shell: {command}}}]\n")
    ended = sentraplay("run", "a.yml", "b.yml", "c.yml")
    assert ended.code == 2
    assert "PLAY [play a]" in ended.out
    assert "PLAY [play b]" in ended.out
    assert "PLAY [play c]" not in ended.out


def test_no_playbook_starts_while_another_is_wrong(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    sentraplay.write("bad.yml", "- hosts: localhost\n  taks: []\n")
    sentraplay.write("worse.yml", "- hosts: localhost\n  tasks: [{comand: ls}]\n")
    ended = sentraplay("run", "good.yml", "bad.yml", "worse.yml")
    assert (ended.code, ended.out) == (6, "")
    assert "bad.yml:2:3: " in ended.err
    assert "worse.yml:2:" in ended.err
    assert "nothing was touched" in ended.err


def test_tags_select_tasks(sentraplay: Program) -> None:
    sentraplay.write(
        "p.yml",
        "- hosts: localhost\n  tasks:\n    - {debug: {msg: one}, tags: a}\n    - {debug: {msg: two}, tags: b}\n",
    )
    out = sentraplay("run", "p.yml", "-t", "b").out
    assert "    two" in out
    assert "    one" not in out
    assert "    two" not in sentraplay("run", "p.yml", "--skip-tags", "b").out


def test_a_reader_that_leaves_early_does_not_stop_the_run(sentraplay: Program) -> None:
    mark = sentraplay.directory / "mark"
    sentraplay.write("p.yml", f"- hosts: localhost\n  tasks:\n    - command: sleep 1\n    - command: touch {mark}\n")
    process = sentraplay.start("run", "p.yml")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert mark.exists()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_a_list_read_by_head_ends_quietly(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    sentraplay("run", "good.yml")
    process = sentraplay.start("runs", "list")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_the_journal_knows_what_was_run(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    ran = sentraplay("run", "good.yml")
    listed = sentraplay("runs", "list").out.splitlines()
    assert listed[0].split()[0] == "RUN"
    run = listed[1].split()[0]
    assert " ok " in listed[1]
    assert listed[1].endswith("good.yml")
    shown = sentraplay("runs", "show", run)
    assert shown.out == ran.out
    events = [
        json.loads(line)["event"] for line in sentraplay("runs", "show", run, "--output", "json").out.splitlines()
    ]
    assert (events[0], events[-1]) == ("run_started", "run_finished")
    assert json.loads(sentraplay("runs", "list", "--output", "json").out)["state"] == "ok"


def test_a_journal_that_cannot_be_written_stops_the_run_before_it_starts(sentraplay: Program) -> None:
    mark = sentraplay.directory / "mark"
    sentraplay.write("p.yml", f"- hosts: localhost\n  tasks: [{{command: touch {mark}}}]\n")
    sentraplay.write("occupied", "a file, so nothing can be below it")
    ended = sentraplay("run", "p.yml", "--journal", "occupied/journal")
    assert ended.code == 2
    assert ended.err.startswith("error: the journal ")
    assert not mark.exists()


@pytest.mark.parametrize("word", ["no-such-run", "../../etc"])
def test_a_run_that_is_not_there_is_refused(sentraplay: Program, word: str) -> None:
    for command in (["resume", word], ["runs", "show", word]):
        ended = sentraplay(*command)
        assert ended.code == 7, ended.everything
        assert f"no run {word}" in ended.err
        assert ended.out == ""
