"""lineinfile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.hosts.host import ShellHost
from runner.schema import argument_problems
from tests.modules.bed import Bench

# (before, arguments, after, msg), each seen with ansible-core 2.19.
CASES: tuple[tuple[bytes, dict[str, object], bytes, str], ...] = (
    (b"a\nb\n", {"line": "c"}, b"a\nb\nc\n", "line added"),
    (b"a\nb", {"line": "c"}, b"a\nb\nc\n", "line added"),
    (b"", {"line": "c"}, b"c\n", "line added"),
    (b"a\nb\n", {"line": "b"}, b"a\nb\n", ""),
    (b"a\nb\n", {"line": "b", "regexp": "x"}, b"a\nb\n", ""),
    (b"a=1\n#a=2\n", {"line": "a=3", "regexp": "^#?a="}, b"a=1\na=3\n", "line replaced"),
    (b"a=1\n#a=2\n", {"line": "a=3", "regexp": "^#?a=", "firstmatch": True}, b"a=3\n#a=2\n", "line replaced"),
    (b"x a[0] y\n", {"line": "z", "search_string": "a[0]"}, b"z\n", "line replaced"),
    (b"x\nb\n", {"line": "c", "regexp": "b$"}, b"x\nc\n", "line replaced"),
    (b"a\r\nb\r\n", {"line": "b"}, b"a\r\nb\n", "line replaced"),
    (b"k=v\n", {"line": r"\1w", "regexp": "^(k=).*", "backrefs": True}, b"k=w\n", "line replaced"),
    (b"k=v\n", {"line": r"\1w", "regexp": "^(x=).*", "backrefs": True}, b"k=v\n", ""),
    (b"a\nb\na\nc\n", {"line": "x", "insertafter": "^a"}, b"a\nb\na\nx\nc\n", "line added"),
    (b"a\nb\na\n", {"line": "x", "insertafter": "^a", "firstmatch": True}, b"a\nx\nb\na\n", "line added"),
    (b"a\nb\n", {"line": "x", "insertafter": "^zz"}, b"a\nb\nx\n", "line added"),
    (b"a\nb\n", {"line": "x", "insertafter": "BOF"}, b"x\na\nb\n", "line added"),
    (b"a\nb\na\n", {"line": "x", "insertbefore": "^a"}, b"a\nb\nx\na\n", "line added"),
    (b"a\nb\n", {"line": "x", "insertbefore": "BOF"}, b"x\na\nb\n", "line added"),
    (b"a\nb\n", {"line": "x", "insertbefore": "^zz"}, b"a\nb\nx\n", "line added"),
    (b"a\nb\nab\n", {"regexp": "^a", "state": "absent"}, b"b\n", "2 line(s) removed"),
    (b"a\nb\na\r\n", {"line": "a", "state": "absent"}, b"b\n", "2 line(s) removed"),
    (b"a.c\nabc\n", {"search_string": "a.c", "state": "absent"}, b"abc\n", "1 line(s) removed"),
    (b"a\n", {"line": "b", "state": "absent"}, b"a\n", ""),
    (b"\xff\n", {"line": "ü", "regexp": "ü"}, "\udcff\nü\n".encode("utf-8", "surrogateescape"), "line added"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]!r}-{case[1]}")
def test_a_line_is_put_as_ansible_puts_it(
    bench: Bench, target: Path, case: tuple[bytes, dict[str, object], bytes, str]
) -> None:
    before, arguments, after, said = case
    path = target / "f"
    path.write_bytes(before)
    done = bench.apply("lineinfile", path=str(path), **arguments)
    assert (path.read_bytes(), done.data["msg"], done.changed) == (after, said, after != before)
    assert done.data["backup"] == ""


def test_done_twice_it_changes_nothing_again(bench: Bench, target: Path) -> None:
    path = target / "a b'\"$(id)\n*"
    path.write_text("a\nb\n")
    path.chmod(0o640)
    os.chown(path, 1, 1)
    done = bench.settle("lineinfile", path=str(path), line="x", regexp="^b|^x")
    assert path.read_text() == "a\nx\n"
    assert (path.stat().st_mode & 0o7777, path.stat().st_uid) == (0o640, 1)
    assert done.diff is not None and (done.diff.before, done.diff.after) == ("a\nb\n", "a\nx\n")
    assert bench.settle("lineinfile", path=str(path), line="x", state="absent").data["found"] == 1


def test_behind_a_last_line_without_a_newline_comes_a_line_of_its_own(bench: Bench, target: Path) -> None:
    (target / "f").write_text("a")
    bench.settle("lineinfile", path=f"{target}/f", line="x", insertafter="^a")
    assert (target / "f").read_text() == "a\nx\n"


def test_a_missing_file_is_an_error_unless_it_is_to_be_made(bench: Bench, target: Path) -> None:
    path = f"{target}/new/f"
    with pytest.raises(TaskFailed, match="does not exist") as failed:
        bench.apply("lineinfile", path=path, line="x")
    assert failed.value.data["rc"] == 257
    # In check mode an earlier task may have been to make it.
    assert bench.preview("lineinfile", path=path, line="x").needed is None
    assert bench.settle("lineinfile", path=path, line="x", create=True, mode="0600").changed
    assert Path(path).read_text() == "x\n" and Path(path).stat().st_mode & 0o777 == 0o600


def test_nothing_is_removed_from_a_file_that_is_not_there(bench: Bench, target: Path) -> None:
    done = bench.settle("lineinfile", path=f"{target}/f", line="x", state="absent")
    assert done.data["msg"] == "file not present" and not done.changed


def test_rights_alone_are_changed_and_told(bench: Bench, target: Path) -> None:
    (target / "f").write_text("x\n")
    done = bench.settle("lineinfile", path=f"{target}/f", line="x", mode="0600")
    assert done.data["msg"] == "ownership, perms or SE linux context changed"
    done = bench.settle("lineinfile", path=f"{target}/f", line="y", mode="0640")
    assert done.data["msg"] == "line added and ownership, perms or SE linux context changed"


def test_the_backup_is_the_file_as_it_was(bench: Bench, target: Path) -> None:
    (target / "f").write_text("a\n")
    done = bench.settle("lineinfile", path=f"{target}/f", line="x", backup=True)
    assert Path(str(done.data["backup"])).read_text() == "a\n"


def test_what_a_program_refuses_is_not_placed(bench: Bench, target: Path) -> None:
    (target / "f").write_text("good\n")
    with pytest.raises(TaskFailed, match="failed to validate"):
        bench.apply("lineinfile", path=f"{target}/f", line="bad", regexp="good", validate="grep -q good %s")
    assert (target / "f").read_text() == "good\n"
    bench.settle("lineinfile", path=f"{target}/f", line="more", validate="grep -q good %s")


def test_a_link_is_followed(bench: Bench, target: Path) -> None:
    (target / "f").write_text("a\n")
    (target / "link").symlink_to("f")
    bench.settle("lineinfile", path=f"{target}/link", line="x")
    assert (target / "link").is_symlink() and (target / "f").read_text() == "a\nx\n"


def test_what_somebody_wrote_meanwhile_is_not_lost(bench: Bench, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = target / "f"
    path.write_text("a\n")
    put = ShellHost.put

    def late(host: ShellHost, *arguments: object, **keywords: object) -> None:
        path.write_text("somebody else's\n")
        put(host, *arguments, **keywords)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(ShellHost, "put", late)
    with pytest.raises(TaskFailed, match="somebody else has changed it"):
        bench.apply("lineinfile", path=str(path), line="x")
    assert path.read_text() == "somebody else's\n"
    assert [one.name for one in target.iterdir()] == ["f"]


def test_what_is_no_file_or_too_large_is_refused(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="is a directory, not a file"):
        bench.preview("lineinfile", path=str(target), line="x")
    with (target / "f").open("wb") as large:
        large.truncate(16 * 1024 * 1024 + 1)
    with pytest.raises(TaskFailed, match="larger than 16 MiB"):
        bench.preview("lineinfile", path=f"{target}/f", line="x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"regexp": "["}, "`regexp` is not a regular expression"),
        ({"insertafter": "("}, "`insertafter` is not a regular expression"),
        ({"regexp": "a", "line": r"\7", "backrefs": True}, "`line` cannot be filled in"),
    ],
)
def test_a_wrong_expression_is_an_error_with_its_name(
    bench: Bench, target: Path, arguments: dict[str, object], said: str
) -> None:
    (target / "f").write_text("a\n")
    with pytest.raises(TaskFailed, match=said):
        bench.preview("lineinfile", **{"path": f"{target}/f", "line": "x", **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"line": "x", "regexp": "a", "search_string": "b"},
        {"line": "x", "insertafter": "a", "insertbefore": "b"},
        {"line": "x", "backrefs": True},
        {"state": "absent"},
        {"line": "x", "unsafe_writes": True},
    ],
    ids=str,
)
def test_arguments_that_do_not_go_together_are_refused_before_anything_runs(arguments: dict[str, object]) -> None:
    assert argument_problems("lineinfile", {"path": "/f", **arguments}, rendered=False)
