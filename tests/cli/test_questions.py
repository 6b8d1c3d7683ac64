"""Questions a run puts to people, and what happens where there are none."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.cli.program import PROGRAM, Program
from tests.cli.terminal import Shown, run_on_terminal

CONFIRM = """\
- hosts: localhost
  vars: {mark: %s}
  tasks:
    - name: Swap
      command: touch {{ mark }}
      confirm: Replace the live database?
"""
PROMPT = """\
- hosts: localhost
  vars_prompt:
    - {name: service, prompt: Which service, private: false, default: scanner}
    - {name: word, prompt: Its word}
  tasks:
    - debug: {msg: "{{ service }} has {{ word }}"}
"""


def at_a_terminal(sentraplay: Program, *argv: str, typed: list[tuple[str, str]]) -> Shown:
    env = {**sentraplay.environment, "TERM": "xterm"}
    return run_on_terminal([*PROGRAM, *argv], env=env, cwd=sentraplay.directory, typed=typed)


def test_a_task_waits_for_yes_at_the_terminal(sentraplay: Program, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    sentraplay.write("p.yml", CONFIRM % mark)
    ended = at_a_terminal(sentraplay, "run", "p.yml", typed=[("to go on:", "yes\n")])
    assert (ended.code, mark.exists()) == (0, True), ended.raw
    assert "CONFIRMED: Replace the live database?" in ended.raw


def test_no_leaves_everything_as_it_is_and_resume_asks_again(sentraplay: Program, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    sentraplay.write("p.yml", CONFIRM % mark)
    refused = at_a_terminal(sentraplay, "run", "p.yml", typed=[("to go on:", "no\n")])
    assert (refused.code, mark.exists()) == (7, False), refused.raw
    assert "not confirmed" in refused.raw
    again = at_a_terminal(sentraplay, "resume", typed=[("to go on:", "yes\n")])
    assert (again.code, mark.exists()) == (0, True), again.raw


def test_without_a_terminal_a_question_refuses_the_run_before_it_begins(sentraplay: Program, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    sentraplay.write("p.yml", CONFIRM % mark)
    ended = sentraplay("run", "p.yml")
    assert (ended.code, ended.out, mark.exists()) == (7, "", False)
    assert "p.yml:4:7" in ended.err and "--yes" in ended.err
    agreed = sentraplay("run", "p.yml", "--yes")
    assert (agreed.code, mark.exists()) == (0, True), agreed.everything


def test_variables_are_asked_for_and_a_private_one_never_shows(sentraplay: Program) -> None:
    sentraplay.write("p.yml", PROMPT)
    ended = at_a_terminal(sentraplay, "run", "p.yml", typed=[("Which service", "\n"), ("Its word", "sesame99\n")])
    assert ended.code == 0, ended.raw
    assert "scanner has ***" in ended.raw
    assert "sesame99" not in ended.raw


def test_without_a_terminal_what_has_no_default_must_be_given(sentraplay: Program) -> None:
    sentraplay.write("p.yml", PROMPT)
    refused = sentraplay("run", "p.yml")
    assert refused.code == 5
    assert "-e word=" in refused.err
    given = sentraplay("run", "p.yml", "-e", "word=sesame99")
    assert given.code == 0
    assert "its default is taken" in given.err


def test_a_task_killed_in_the_middle_that_may_not_be_repeated_is_settled_by_hand(
    sentraplay: Program, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    sentraplay.write(
        "p.yml",
        f"""\
- hosts: localhost
  tasks:
    - {{name: Send, shell: echo x >> {begun}; sleep 60, resume: stop}}
    - {{name: After, command: touch {tmp_path}/after}}
""",
    )
    process = sentraplay.start("run", "p.yml")
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    refused = sentraplay("resume")
    assert refused.code == 7
    assert "--settle 'plays[0].tasks[0]=done'" in refused.err
    assert sentraplay("resume", "--settle", "nonsense").code == 5
    settled = sentraplay("resume", "--settle", "plays[0].tasks[0]=done")
    assert settled.code == 0, settled.everything
    assert begun.read_text() == "x\n"
    assert (tmp_path / "after").exists()
