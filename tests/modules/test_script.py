"""script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench


@pytest.fixture
def write(controller: Path) -> Callable[[str, str], None]:
    def write(name: str, text: str) -> None:
        (controller / "files" / name).write_text(text)

    return write


def test_a_script_runs_with_its_arguments_and_is_gone(
    bench: Bench, target: Path, write: Callable[[str, str], None]
) -> None:
    write("a b.sh", '#!/bin/sh\nprintf "%s|" "$@"\necho "$0" >"$1"\nstat -c %a "$0" >&2\n')
    odd = "x y'$(id)*"
    done = bench.apply("script", cmd=f"""'a b.sh' {target}/where "{odd}" $HOME""")
    assert done.data["stdout"] == f"{target}/where|{odd}|$HOME|"
    assert (done.data["stderr"], done.data["rc"], done.changed) == ("700\n", 0, True)
    placed = Path((target / "where").read_text().strip())
    assert placed.name == "a b.sh" and not placed.parent.exists()


def test_without_a_first_line_it_is_a_script_of_sh(bench: Bench, write: Callable[[str, str], None]) -> None:
    write("s", "echo $((1+1))\n")
    assert bench.apply("script", cmd="s").data["stdout"] == "2\n"


def test_an_interpreter_can_be_named(bench: Bench, write: Callable[[str, str], None]) -> None:
    write("s", "#!/nowhere\necho $- $1\n")
    assert "e" in str(bench.apply("script", cmd="s x", executable="sh -e").data["stdout"]).split()[0]


def test_another_status_fails_with_the_result_and_nothing_stays(
    bench: Bench, target: Path, write: Callable[[str, str], None]
) -> None:
    write("s", f"#!/bin/sh\necho $0 >{target}/where; echo why >&2; exit 4\n")
    with pytest.raises(TaskFailed, match="ended with status 4: s one") as failed:
        bench.apply("script", cmd="s one")
    assert (failed.value.data["rc"], failed.value.data["stderr"]) == (4, "why\n")
    assert not Path((target / "where").read_text().strip()).parent.exists()


def test_it_runs_in_the_directory_that_is_named(bench: Bench, target: Path, write: Callable[[str, str], None]) -> None:
    write("s", "touch made\n")
    assert bench.settle("script", cmd="s", chdir=str(target), creates="made").changed
    assert (target / "made").exists()


def test_it_does_not_run_where_it_is_needless(bench: Bench, target: Path, write: Callable[[str, str], None]) -> None:
    write("s", f"rm {target}/mark\n")
    (target / "mark").write_text("")
    done = bench.settle("script", cmd="s", removes=f"{target}/ma*")
    assert done.changed and not (target / "mark").exists()
    assert "does not exist" in str(bench.apply("script", cmd="s", removes=f"{target}/ma*").data["msg"])


def test_a_script_that_is_not_there_is_an_error_in_check_mode_too(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="nowhere"):
        bench.preview("script", cmd="nowhere x")


def test_an_encrypted_script_is_run_decrypted(
    bench: Bench, controller: Path, write: Callable[[str, str], None], encrypt: Callable[[Path], None]
) -> None:
    write("s", "echo opened\n")
    encrypt(controller / "files" / "s")
    assert bench.apply("script", cmd="s").data["stdout"] == "opened\n"
    with pytest.raises(TaskFailed, match="ended with status"):
        bench.apply("script", cmd="s", decrypt=False)


def test_a_quote_that_is_not_closed_is_an_error(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="cannot be split into words"):
        bench.preview("script", cmd="s 'x")
