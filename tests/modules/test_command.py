"""command and shell."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.modules.system.execution import words
from tests.modules.bed import Bench

ODD = ["a b", "$(id)", "`id`", "'", '"', "\\", "*", "", "-n", "é\nü", ";", "|"]


def test_arguments_reach_the_program_as_they_are(bench: Bench) -> None:
    done = bench.apply("command", argv=["printf", "<%s>", *ODD])
    assert done.data["stdout"] == "".join(f"<{word}>" for word in ODD)
    assert done.changed


def test_one_line_is_split_as_a_shell_would_and_nothing_is_expanded(bench: Bench) -> None:
    assert bench.apply("command", cmd="printf '<%s>' 'a b' $HOME *").data["stdout"] == "<a b><$HOME><*>"


def test_a_quote_left_open_is_an_error(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="cannot be split into words") as caught:
        bench.preview("command", cmd="echo 'a")
    assert "argv" in caught.value.hint


def test_the_result_has_what_ansible_puts_there(bench: Bench) -> None:
    data = bench.apply("shell", cmd="echo out; echo err >&2").data
    assert {key: data[key] for key in ("cmd", "rc", "stdout", "stderr", "msg")} == {
        "cmd": "echo out; echo err >&2",
        "rc": 0,
        "stdout": "out",
        "stderr": "err",
        "msg": "",
    }
    assert {"start", "end", "delta"} <= data.keys()


def test_another_status_than_0_fails_with_the_whole_result(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="ended with status 3: .*\nbroken") as caught:
        bench.apply("shell", cmd="echo half; echo broken >&2; exit 3")
    assert caught.value.data["rc"] == 3
    assert caught.value.data["stdout"] == "half"
    assert caught.value.data["msg"] == "non-zero return code"


def test_a_program_that_is_not_there_is_said_so(bench: Bench) -> None:
    with pytest.raises(TaskFailed) as caught:
        bench.apply("command", argv=["no-such-program"])
    assert caught.value.data["rc"] == 127
    assert "PATH" in caught.value.hint


def test_whether_a_command_changes_anything_is_unknown(bench: Bench) -> None:
    assert bench.preview("command", cmd="true").needed is None


def test_creates_makes_a_command_repeatable(bench: Bench, target: Path) -> None:
    done = bench.settle("command", argv=["touch", f"{target}/a b"], creates=f"{target}/a*")
    assert done.changed
    again = bench.apply("command", argv=["false"], creates=f"{target}/a b")
    assert again.data["msg"] == f"Did not run command since '{target}/a b' exists"
    assert again.data["rc"] == 0


def test_removes_makes_a_command_repeatable(bench: Bench, target: Path) -> None:
    (target / "flag").touch()
    assert bench.preview("command", cmd="rm flag", chdir=str(target), removes="flag").needed is True
    assert bench.settle("command", cmd="rm flag", chdir=str(target), removes="flag").changed


def test_creates_is_a_pattern_and_never_shell_text(bench: Bench, target: Path) -> None:
    bench.preview("command", cmd="true", creates=f"$(touch {target}/evil)")
    assert not (target / "evil").exists()


def test_a_command_runs_where_it_is_told(bench: Bench, target: Path) -> None:
    assert bench.apply("command", cmd="pwd", chdir=str(target)).data["stdout"] == str(target)


def test_a_directory_that_is_not_there_is_an_error(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed):
        bench.apply("command", cmd="pwd", chdir=f"{target}/nowhere")


def test_a_wrong_directory_is_never_taken_for_nothing_to_do(bench: Bench, target: Path) -> None:
    arguments = {"cmd": "true", "chdir": f"{target}/nowhere", "removes": "x"}
    with pytest.raises(TaskFailed, match="cannot tell whether x exists"):
        bench.apply("command", **arguments)
    assert bench.preview("command", **arguments).needed is None


def test_standard_input_is_given_or_empty(bench: Bench) -> None:
    assert bench.apply("command", cmd="cat", stdin="secret").data["stdout"] == "secret"
    assert bench.apply("command", cmd="wc -c", stdin="ab").data["stdout"].strip() == "3"
    assert bench.apply("command", cmd="wc -c", stdin="ab", stdin_add_newline=False).data["stdout"].strip() == "2"
    assert bench.apply("command", cmd="cat").data["stdout"] == ""


def test_newlines_at_the_end_are_taken_off_unless_wanted(bench: Bench) -> None:
    assert bench.apply("shell", cmd="echo a; echo").data["stdout"] == "a"
    assert bench.apply("shell", cmd="echo a; echo", strip_empty_ends=False).data["stdout"] == "a\n\n"


def test_shell_takes_another_shell(bench: Bench) -> None:
    done = bench.apply("shell", cmd="set -o pipefail; echo ${BASH_VERSION:+bash} | cat", executable="/bin/bash")
    assert done.data["stdout"] == "bash"


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "ls -l /tmp",
        "a  b",
        " a",
        "a ",
        "",
        "a\tb",
        "a\nb",
        "a\x0bb",
        "a\u00a0b",
        "a 'b c'",
        'a "b c" d',
        "a\\ b",
    ],
)
def test_a_command_line_is_split_as_a_shell_would(text: str) -> None:
    assert words(text) == tuple(shlex.split(text))
