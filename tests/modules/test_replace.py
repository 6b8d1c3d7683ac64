"""replace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench

NOT_FOUND = "Pattern for before/after params did not match the given file: "

# (before, arguments, after, msg), each seen with ansible-core 2.19.
CASES: tuple[tuple[bytes, dict[str, object], bytes, str], ...] = (
    (b"aXaX\n", {"regexp": "X", "replace": "y"}, b"ayay\n", "2 replacements made"),
    (b"aXaX\n", {"regexp": "X"}, b"aa\n", "2 replacements made"),
    (b"aXaX\n", {"regexp": "Q"}, b"aXaX\n", ""),
    (b"a=1\nb=2\n", {"regexp": r"^(\w)=\d$", "replace": r"\1=3"}, b"a=3\nb=3\n", "2 replacements made"),
    (b"a\na\nb\na\n", {"regexp": "a", "replace": "z", "after": "^a\n"}, b"a\nz\nb\nz\n", "2 replacements made"),
    (b"a\nb\na\nb\na\n", {"regexp": "a", "replace": "z", "before": "b"}, b"z\nb\nz\nb\na\n", "2 replacements made"),
    (b"b\na\nc\na\nc\n", {"regexp": "a", "replace": "z", "after": "b", "before": "c"}, b"b\nz\nc\na\nc\n", "1 replac"),
    (b"a\n", {"regexp": "a", "replace": "z", "after": "Q"}, b"a\n", f"{NOT_FOUND}Q(?P<subsection>.*)"),
    (b"\xfcX\xff\n", {"regexp": "X", "replace": "\u00fc"}, b"\xfc\xc3\xbc\xff\n", "1 replacements made"),
    (b"\xfcX\n", {"regexp": "\u00fcX", "replace": "\u00fc", "encoding": "latin-1"}, b"\xfc\n", "1 replacements made"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]!r}-{case[1]}")
def test_matches_are_replaced_as_ansible_replaces_them(
    bench: Bench, target: Path, case: tuple[bytes, dict[str, object], bytes, str]
) -> None:
    before, arguments, after, said = case
    path = target / "f"
    path.write_bytes(before)
    done = bench.apply("replace", path=str(path), **arguments)
    assert (path.read_bytes(), done.changed) == (after, after != before)
    assert str(done.data["msg"]).startswith(said) and bool(said) == bool(done.data["msg"])


def test_done_twice_it_changes_nothing_again(bench: Bench, target: Path) -> None:
    path = target / "a b'\"$(id)\n*"
    path.write_text("old old\n")
    path.chmod(0o640)
    os.chown(path, 1, 1)
    done = bench.settle("replace", path=str(path), regexp="old", replace="new", backup=True)
    assert path.read_text() == "new new\n"
    assert (path.stat().st_mode & 0o7777, path.stat().st_uid) == (0o640, 1)
    assert Path(str(done.data["backup_file"])).read_text() == "old old\n"
    assert done.diff is not None and (done.diff.before, done.diff.after) == ("old old\n", "new new\n")


def test_rights_alone_are_changed_and_told(bench: Bench, target: Path) -> None:
    (target / "f").write_text("x\n")
    done = bench.settle("replace", path=f"{target}/f", regexp="y", mode="0600")
    assert done.data["msg"] == "ownership, perms or SE linux context changed"


def test_a_missing_file_is_an_error(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="does not exist") as failed:
        bench.apply("replace", path=f"{target}/f", regexp="a")
    assert failed.value.data["rc"] == 257
    assert bench.preview("replace", path=f"{target}/f", regexp="a").needed is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"regexp": "("}, "`regexp` is not a regular expression"),
        ({"regexp": "a", "after": "("}, "`after` or `before` is not a regular expression"),
        ({"regexp": "a", "replace": r"\1"}, "`replace` cannot be filled in"),
        ({"regexp": "a", "encoding": "klingon"}, "as klingon"),
        # Ansible writes a question mark here.
        ({"regexp": "a", "replace": "\u00fc", "encoding": "ascii"}, "as ascii"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_its_reason(
    bench: Bench, target: Path, arguments: dict[str, object], said: str
) -> None:
    (target / "f").write_text("a\n")
    with pytest.raises(TaskFailed, match=said):
        bench.apply("replace", path=f"{target}/f", **arguments)
    assert (target / "f").read_text() == "a\n"


def test_what_a_program_refuses_is_not_placed(bench: Bench, target: Path) -> None:
    (target / "f").write_text("good\n")
    with pytest.raises(TaskFailed, match="failed to validate"):
        bench.apply("replace", path=f"{target}/f", regexp="good", replace="bad", validate="grep -q good %s")
    assert (target / "f").read_text() == "good\n"
