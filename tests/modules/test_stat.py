"""stat."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench


def test_a_file_is_told_in_ansibles_keys(bench: Bench, target: Path) -> None:
    path = target / "a b\n'"
    path.write_text("text")
    path.chmod(0o4750)
    seen = path.stat()
    stat = bench.settle("stat", path=str(path)).data["stat"]
    assert isinstance(stat, dict)
    assert (stat["exists"], stat["isreg"], stat["isdir"], stat["islnk"]) == (True, True, False, False)
    assert (stat["mode"], stat["isuid"], stat["isgid"]) == ("4750", True, False)
    assert [stat[right] for right in ("rusr", "wusr", "xusr", "rgrp", "wgrp", "xgrp", "roth", "woth", "xoth")] == [
        *(True, True, True),
        *(True, False, True),
        *(False, False, False),
    ]
    assert (stat["size"], stat["uid"], stat["inode"], stat["nlink"]) == (4, os.getuid(), seen.st_ino, 1)
    assert int(stat["mtime"]) == int(seen.st_mtime)
    assert (stat["readable"], stat["writeable"]) == (True, True)
    assert stat["checksum"] == hashlib.sha1(b"text").hexdigest()


def test_what_is_not_there_does_not_exist(bench: Bench, target: Path) -> None:
    assert bench.settle("stat", path=f"{target}/x").data == {"stat": {"exists": False}}


def test_a_link_is_told_itself_unless_followed(bench: Bench, target: Path) -> None:
    (target / "x").write_text("x")
    (target / "link").symlink_to("x")
    itself = bench.apply("stat", path=f"{target}/link").data["stat"]
    followed = bench.apply("stat", path=f"{target}/link", follow=True).data["stat"]
    assert isinstance(itself, dict) and isinstance(followed, dict)
    assert (itself["islnk"], itself["lnk_target"], itself["lnk_source"]) == (True, "x", str(target / "x"))
    assert (followed["isreg"], followed["size"]) == (True, 1)


def test_a_link_to_nothing_exists(bench: Bench, target: Path) -> None:
    (target / "link").symlink_to("nothing")
    stat = bench.apply("stat", path=f"{target}/link").data["stat"]
    assert isinstance(stat, dict) and stat["exists"] and not stat["readable"]


def test_the_hash_is_told_only_when_wanted(bench: Bench, target: Path) -> None:
    (target / "x").write_text("x")
    without = bench.apply("stat", path=f"{target}/x", get_checksum=False).data["stat"]
    other = bench.apply("stat", path=f"{target}/x", checksum_algorithm="sha256").data["stat"]
    assert isinstance(without, dict) and "checksum" not in without
    assert isinstance(other, dict) and other["checksum"] == hashlib.sha256(b"x").hexdigest()


def test_a_relative_path_is_refused(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="is not an absolute path"):
        bench.apply("stat", path="x")
