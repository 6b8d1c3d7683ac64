"""tempfile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.schema import argument_problems
from tests.modules.bed import Bench


def test_each_time_there_is_another_file_of_ones_own(bench: Bench, target: Path) -> None:
    assert bench.preview("tempfile", path=str(target)).needed
    made = [bench.apply("tempfile", path=str(target), prefix="a b.", suffix="'.sql") for _ in range(2)]
    paths = [Path(str(done.data["path"])) for done in made]
    assert paths[0] != paths[1]
    for done, path in zip(made, paths, strict=True):
        assert done.changed and path.parent == target
        assert path.name.startswith("a b.") and path.name.endswith("'.sql")
        assert path.read_bytes() == b"" and path.stat().st_mode & 0o7777 == 0o600
        assert (done.data["state"], done.data["mode"], done.data["uid"]) == ("file", "0600", os.getuid())


def test_a_directory_is_made(bench: Bench, target: Path) -> None:
    done = bench.apply("tempfile", state="directory", path=str(target))
    path = Path(str(done.data["path"]))
    assert path.is_dir() and path.stat().st_mode & 0o7777 == 0o700
    assert path.name.startswith("ansible.") and done.data["state"] == "directory"


def test_without_a_path_it_goes_where_temporary_files_go(
    bench: Bench, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(target))
    assert Path(str(bench.apply("tempfile").data["path"])).parent == target


def test_a_directory_that_is_not_there_is_an_error(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="cannot make"):
        bench.apply("tempfile", path=f"{target}/nowhere")


def test_a_name_cannot_lead_elsewhere() -> None:
    assert argument_problems("tempfile", {"prefix": "../x"}, rendered=True)
    assert argument_problems("tempfile", {"suffix": "/x"}, rendered=True)
