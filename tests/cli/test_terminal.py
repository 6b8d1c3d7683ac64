"""The live view on a real terminal (a pty)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

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
