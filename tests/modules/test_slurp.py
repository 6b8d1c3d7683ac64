"""slurp."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench


def test_bytes_come_in_base64_in_check_mode_too(bench: Bench, target: Path) -> None:
    path = target / "a b'\n"
    path.write_bytes(bytes(range(256)))
    data = {"content": base64.b64encode(bytes(range(256))).decode(), "encoding": "base64", "source": str(path)}
    assert bench.settle("slurp", src=str(path)).data == data
    assert bench.preview("slurp", src=str(path)).data == data


def test_a_link_is_followed(bench: Bench, target: Path) -> None:
    (target / "f").write_text("x")
    (target / "link").symlink_to("f")
    assert bench.settle("slurp", src=f"{target}/link").data["content"] == "eA=="


def test_what_is_not_there_is_an_error_and_unknown_in_check_mode(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="File not found: "):
        bench.apply("slurp", src=f"{target}/f")
    assert bench.preview("slurp", src=f"{target}/f").needed is None


def test_directories_and_large_files_are_refused(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="Source is a directory and must be a file"):
        bench.apply("slurp", src=str(target))
    with (target / "f").open("wb") as large:
        large.truncate(16 * 1024 * 1024 + 1)
    with pytest.raises(TaskFailed, match="larger than 16 MiB"):
        bench.apply("slurp", src=f"{target}/f")
