"""What people read when the output is piped."""

from __future__ import annotations

import io
from pathlib import Path

from runner.events import HostRecap
from runner.render.plain import Plain
from runner.render.story import Story, recap_line
from runner.render.text import printable
from tests.cli.sample import EVENTS

GOLDEN = Path(__file__).parent / "golden"


def told(**how: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    renderer = Plain(out, err, Story(**how))  # type: ignore[arg-type]  # keywords of Story
    for event in EVENTS:
        renderer(event)
    return out.getvalue(), err.getvalue()


def test_a_run_reads_as_the_golden_file_says() -> None:
    assert told()[0] == (GOLDEN / "plain.txt").read_text()


def test_verbose_output_streams_lines_and_diffs_as_the_golden_file_says() -> None:
    assert told(verbosity=1, diff=True)[0] == (GOLDEN / "verbose.txt").read_text()


def test_results_are_shown_in_full_with_two_v() -> None:
    assert '"rc": 1' not in told(verbosity=1)[0]
    assert '"rows": 12' in told(verbosity=2)[0]


def test_warnings_go_to_standard_error_only() -> None:
    out, err = told()
    assert "accepted as new" not in out
    assert err == "db1: warning: the host key was accepted as new\n    hint: pin it with host_key\n"


def test_the_recap_line_is_ansibles_to_the_letter() -> None:
    line = recap_line("web1", HostRecap(ok=2, changed=1))
    assert line == "web1 : ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"


def test_what_a_host_says_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x1b]0;title\x07") == "a\\x1b[2Jb\\x1b]0;title\\x07"
    assert printable("\x1b[1;32mgreen\x1b[0m") == "green"
    assert printable("evil\u202etxt.exe") == "evil\\u202etxt.exe"
    assert printable("caf\udce9") == "caf\\xe9"
    assert printable("tab\tstays, so does é ✓") == "tab\tstays, so does é ✓"
