"""The live view on a real terminal (a pty)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.cli.terminal import Shown, run_on_terminal
from tests.cli.test_plain import told

REPLAY = (sys.executable, "-m", "tests.cli.replay")
PROJECT = Path(__file__).parents[2]


def shown(columns: int = 100, **env: str) -> Shown:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return run_on_terminal(REPLAY, env={**kept, "TERM": "xterm", **env}, cwd=PROJECT, columns=columns)


def test_what_stays_on_the_screen_is_what_a_pipe_would_get() -> None:
    out, err = told(verbosity=1, diff=True)
    screen = [line for line in shown().screen if line]
    for line in (*out.splitlines(), *err.splitlines()):
        assert not line.strip() or line.rstrip() in screen
    assert "Say hello" not in screen[-1]
    assert len(screen) == len([line for line in (out + err).splitlines() if line])


def test_the_live_area_shows_what_runs_where_and_how_far_it_is() -> None:
    raw = shown().raw
    assert "Say hello" in raw.replace("TASK [Say hello]", "")
    assert "upload ━━━━━━━━━━────────── 50% 1 B of 2 B" in raw


def test_the_cursor_is_back_at_the_end() -> None:
    raw = shown().raw
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")


def test_no_color_means_no_colour() -> None:
    coloured, plain = "\x1b[31m", shown(NO_COLOR="1").raw
    assert coloured in shown().raw
    assert coloured not in plain
    assert "failed: [db2]" in plain


@pytest.mark.parametrize("columns", [20, 40])
def test_a_narrow_terminal_never_wraps_the_live_area(columns: int) -> None:
    """A wrapped row would leave rubbish behind whenever it is drawn again."""
    screen = shown(columns=columns).screen
    assert not [line for line in screen if line.startswith("db1  ")]
    assert screen[0].startswith("RUN [")


def test_a_dumb_terminal_gets_plain_text() -> None:
    assert "\x1b" not in shown(TERM="dumb").raw


def run_live(sentraplay: Program, text: str, *argv: str, typed: tuple[tuple[str, str], ...] = ()) -> Shown:
    sentraplay.write("p.yml", text)
    env = {**sentraplay.environment, "TERM": "xterm"}
    return run_on_terminal(sentraplay.argv("run", "p.yml", *argv), env=env, cwd=sentraplay.directory, typed=typed)


def test_a_real_run_on_a_terminal_ends_with_its_recap(sentraplay: Program) -> None:
    ended = run_live(sentraplay, "- hosts: localhost\n  tasks: [{command: sleep 1}]\n")
    assert ended.code == 0
    assert "localhost : ok=1 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0" in ended.screen


def test_ctrl_c_on_a_terminal_ends_in_order_with_the_cursor_back(sentraplay: Program) -> None:
    text = "- hosts: localhost\n  tasks:\n    - name: Wait long\n      command: sleep 60\n"
    ended = run_live(sentraplay, text, typed=(("Wait long  ", "\x03"),))
    assert ended.code == 130
    assert "interrupted: [localhost]" in ended.screen
    assert ended.raw.rindex("\x1b[?25h") > ended.raw.rindex("\x1b[?25l")


def test_a_question_is_answered_at_the_terminal(sentraplay: Program) -> None:
    text = (
        "- hosts: localhost\n  tasks:\n    - pause: {prompt: 'Really?', echo: true}\n      register: said\n"
        "    - debug: {msg: 'you said {{ said.user_input }}'}\n"
    )
    ended = run_live(sentraplay, text, typed=(("Really?", "yes\n"),))
    assert ended.code == 0, ended.raw
    assert "    you said yes" in ended.screen


def test_a_hidden_answer_is_not_echoed(sentraplay: Program) -> None:
    text = "- hosts: localhost\n  tasks:\n    - pause: {prompt: 'Password?', echo: false}\n      no_log: true\n"
    ended = run_live(sentraplay, text, typed=(("Password?", "hunter22\n"),))
    assert ended.code == 0, ended.raw
    assert "hunter22" not in ended.raw


def test_a_password_asked_for_is_not_echoed(sentraplay: Program) -> None:
    text = "- hosts: localhost\n  tasks: [{debug: {msg: 'it is {{ ansible_become_password }}'}}]\n"
    ended = run_live(sentraplay, text, "-K", typed=(("become password: ", "hunter22\n"),))
    assert ended.code == 0, ended.raw
    assert "hunter22" not in ended.raw
    assert "    it is ***" in ended.screen
