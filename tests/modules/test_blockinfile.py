"""blockinfile."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.schema import argument_problems
from tests.modules.bed import Bench

BEGIN, END = b"# BEGIN ANSIBLE MANAGED BLOCK\n", b"# END ANSIBLE MANAGED BLOCK\n"
X = BEGIN + b"x\n" + END

# (before, arguments, after, msg), each seen with ansible-core 2.19.
CASES: tuple[tuple[bytes, dict[str, object], bytes, str], ...] = (
    (b"a\n", {"block": "x"}, b"a\n" + X, "Block inserted"),
    (b"a", {"block": "x\n"}, b"a\n" + X, "Block inserted"),
    (b"a\n" + BEGIN + b"old\n" + END + b"b\n", {"block": "x"}, b"a\n" + X + b"b\n", "Block inserted"),
    (b"a\n" + X + b"b\n", {"block": "x", "insertbefore": "BOF"}, b"a\n" + X + b"b\n", ""),
    (b"a\n" + X + b"b\n", {"state": "absent", "block": "x"}, b"a\nb\n", "Block removed"),
    (b"a\n" + X + b"b\n", {"block": ""}, b"a\nb\n", "Block removed"),
    (b"a\n", {"state": "absent"}, b"a\n", ""),
    (b"a\nb\na\nc\n", {"block": "x", "insertafter": "^a"}, b"a\nb\na\n" + X + b"c\n", "Block inserted"),
    (b"a\nb\na\n", {"block": "x", "insertbefore": "^a"}, b"a\nb\n" + X + b"a\n", "Block inserted"),
    (b"a\n", {"block": "x", "insertbefore": "BOF"}, X + b"a\n", "Block inserted"),
    (b"a\n", {"block": "x", "insertafter": "^zz"}, b"a\n" + X, "Block inserted"),
    (b"a\nb\nc\n", {"block": "x", "insertafter": "(?m)a\nb$"}, b"a\nb\n" + X + b"c\n", "Block inserted"),
    (
        b"a\nb\n",
        {"block": "x", "insertafter": "^a", "append_newline": True, "prepend_newline": True},
        b"a\n\n" + X + b"\nb\n",
        "Block inserted",
    ),
    (
        b"<Y>\nold\n<X>\na\n",
        {"block": "x", "marker": "<{mark}>", "marker_begin": "X", "marker_end": "Y"},
        b"<X>\nx\n<Y>\na\n",
        "Block inserted",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]!r}-{case[1]}")
def test_a_block_is_put_as_ansible_puts_it(
    bench: Bench, target: Path, case: tuple[bytes, dict[str, object], bytes, str]
) -> None:
    before, arguments, after, said = case
    path = target / "f"
    path.write_bytes(before)
    done = bench.settle("blockinfile", path=str(path), **arguments)
    assert (path.read_bytes(), done.data["msg"], done.changed) == (after, said, after != before)


def test_a_missing_file_is_an_error_unless_it_is_to_be_made(bench: Bench, target: Path) -> None:
    path = target / "new" / "f"
    with pytest.raises(TaskFailed, match="does not exist") as failed:
        bench.apply("blockinfile", path=str(path), block="x")
    assert failed.value.data["rc"] == 257
    done = bench.settle("blockinfile", path=str(path), block="x", create=True, mode="0600")
    assert done.data["msg"] == "File created"
    assert path.read_bytes() == X and path.stat().st_mode & 0o777 == 0o600


def test_a_missing_file_needs_no_removal(bench: Bench, target: Path) -> None:
    done = bench.settle("blockinfile", path=f"{target}/f", state="absent", create=True)
    assert done.data["msg"] == f"File {target}/f not present" and not (target / "f").exists()


def test_a_file_without_a_block_is_left_alone_when_none_is_wanted(bench: Bench, target: Path) -> None:
    (target / "f").write_text("a")
    assert not bench.settle("blockinfile", path=f"{target}/f", state="absent", append_newline=True).changed
    assert (target / "f").read_text() == "a"


def test_the_backup_is_the_file_as_it_was(bench: Bench, target: Path) -> None:
    (target / "f").write_text("a\n")
    done = bench.settle("blockinfile", path=f"{target}/f", block="x", backup=True)
    assert Path(str(done.data["backup_file"])).read_text() == "a\n"


def test_what_a_program_refuses_is_not_placed(bench: Bench, target: Path) -> None:
    (target / "f").write_text("a\n")
    with pytest.raises(TaskFailed, match="failed to validate"):
        bench.apply("blockinfile", path=f"{target}/f", block="bad", validate="grep -q good %s")
    assert (target / "f").read_text() == "a\n"


def test_markers_that_could_not_be_told_apart_are_refused(bench: Bench, target: Path) -> None:
    (target / "f").write_text("a\n")
    with pytest.raises(TaskFailed, match="begin and end with the same line"):
        bench.preview("blockinfile", path=f"{target}/f", block="x", marker_begin="X", marker_end="X")
    assert argument_problems("blockinfile", {"path": "/f", "marker": "# none"}, rendered=True)
    assert argument_problems("blockinfile", {"path": "/f", "marker": "# {mark}\n#"}, rendered=True)


def test_two_places_at_once_are_refused() -> None:
    both = {"path": "/f", "block": "x", "insertafter": "a", "insertbefore": "b"}
    assert argument_problems("blockinfile", both, rendered=True)
