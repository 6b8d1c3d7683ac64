"""raw."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench


def test_the_text_runs_as_it_is_and_nothing_is_stripped(bench: Bench) -> None:
    done = bench.apply("raw", free_form="printf 'a b\\n\\n'; echo \"$((1+1))\" >&2")
    assert (done.changed, done.data["rc"]) == (True, 0)
    assert (done.data["stdout"], done.data["stderr"]) == ("a b\n\n", "2\n")


def test_another_status_fails_with_the_result(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="ended with status 3") as failed:
        bench.apply("raw", free_form="echo why >&2; exit 3")
    assert failed.value.data["rc"] == 3
    assert (failed.value.data["stderr"], failed.value.data["msg"]) == ("why\n", "non-zero return code")


def test_broken_text_is_the_shells_own_error(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="ended with status"):
        bench.apply("raw", free_form="echo 'a")


def test_the_accounts_own_shell_gets_it(bench: Bench, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = target / "odd shell"
    shell.write_text(f'#!{shutil.which("sh")}\necho "given: $*"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("SHELL", str(shell))
    assert bench.apply("raw", free_form="a 'b'").data["stdout"] == "given: -c a 'b'\n"


def test_an_account_that_may_not_log_in_has_sh(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/sbin/nologin")
    assert bench.apply("raw", free_form="echo x").data["stdout"] == "x\n"


def test_another_shell_can_be_named(bench: Bench) -> None:
    bash = shutil.which("bash", path="/usr/bin:/bin")
    assert bash is not None
    done = bench.apply("raw", free_form="a=(x y); echo ${#a[@]}", executable=bash)
    assert done.data["stdout"] == "2\n"


def test_nothing_is_known_before_it_runs(bench: Bench, target: Path) -> None:
    assert bench.preview("raw", free_form=f"touch {target}/f").needed is None
