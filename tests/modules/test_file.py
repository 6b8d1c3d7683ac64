"""file: directories, links, attributes, removal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench

ODD = "a b'\"$(id)\n*"


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o7777:04o}"


def test_a_directory_is_made_with_its_parents(bench: Bench, target: Path) -> None:
    path = target / "new" / ODD / "deep"
    done = bench.settle("file", path=str(path), state="directory", mode="0750")
    assert done.changed
    assert done.data["state"] == "directory"
    assert [mode(path), mode(path.parent), mode(path.parent.parent)] == ["0750"] * 3
    assert done.data["diff"] == {"before": {"state": "absent"}, "after": {"state": "directory"}}


def test_parents_that_are_there_keep_their_mode(bench: Bench, target: Path) -> None:
    (target / "old").mkdir(mode=0o711)
    bench.settle("file", path=f"{target}/old/new", state="directory", mode="0750")
    assert mode(target / "old") == "0711"


def test_a_file_in_the_place_of_a_directory_is_not_replaced(bench: Bench, target: Path) -> None:
    (target / "x").write_text("precious")
    with pytest.raises(TaskFailed, match="is a file, not a directory"):
        bench.apply("file", path=f"{target}/x", state="directory")


def test_attributes_of_a_file_are_set(bench: Bench, target: Path) -> None:
    path = target / ODD
    path.write_text("x")
    path.chmod(0o600)
    done = bench.settle("file", path=str(path), mode="u=rw,g=r,o=", owner="daemon", group="1")
    assert (mode(path), path.stat().st_uid, path.stat().st_gid) == ("0640", 1, 1)
    assert done.data["owner"] == "daemon"
    assert "mode: 0600" in done.diff.before and "mode: 0640" in done.diff.after  # type: ignore[union-attr]


def test_a_missing_file_is_not_made_by_state_file(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="is absent, cannot continue"):
        bench.apply("file", path=f"{target}/x", mode="0600")
    assert not (target / "x").exists()


def test_what_an_earlier_task_may_bring_is_unknown_in_check_mode(bench: Bench, target: Path) -> None:
    for arguments in (
        {"path": f"{target}/x", "mode": "0600"},
        {"path": f"{target}/x", "src": "y", "state": "link"},
        {"path": f"{target}/x", "src": f"{target}/y", "state": "hard"},
    ):
        assert bench.preview("file", **arguments).needed is None


def test_the_set_group_id_bit_of_a_directory_can_be_taken(bench: Bench, target: Path) -> None:
    (target / "d").mkdir()
    (target / "d").chmod(0o2755)
    bench.settle("file", path=f"{target}/d", state="directory", mode="0755")
    assert mode(target / "d") == "0755"


def test_recurse_reaches_everything_and_lets_only_directories_be_entered(bench: Bench, target: Path) -> None:
    (target / "d" / "e").mkdir(parents=True)
    (target / "d" / ODD).write_text("x")
    (target / "outside").write_text("x")
    (target / "outside").chmod(0o604)
    (target / "d" / "link").symlink_to(target / "outside")
    done = bench.settle(
        "file", path=f"{target}/d", state="directory", mode="u=rwX,g=rX,o=", owner="daemon", recurse=True
    )
    assert done.changed
    assert (mode(target / "d" / "e"), mode(target / "d" / ODD), mode(target / "outside")) == ("0750", "0640", "0604")
    assert (target / "d" / "link").lstat().st_uid == 1
    assert (target / "outside").stat().st_uid == os.getuid()


def test_a_link_is_made_and_led_elsewhere_in_one_step(bench: Bench, target: Path) -> None:
    (target / "v1").mkdir()
    (target / "v2").mkdir()
    path = target / "current"
    bench.settle("file", path=str(path), src="v1", state="link")
    done = bench.settle("file", path=str(path), src="v2", state="link")
    assert path.readlink() == Path("v2")
    assert done.data["src"] == "v2"
    assert list((target / "v1").iterdir()) == []
    assert {child.name for child in target.iterdir()} == {"v1", "v2", "current"}


def test_a_link_to_nothing_needs_force(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="src file does not exist"):
        bench.apply("file", path=f"{target}/l", src="nothing", state="link")
    assert bench.settle("file", path=f"{target}/l", src="nothing", state="link", force=True).changed


def test_a_link_takes_the_place_of_a_file_only_with_force(bench: Bench, target: Path) -> None:
    (target / "x").write_text("precious")
    (target / "y").write_text("y")
    with pytest.raises(TaskFailed, match="refusing to convert from file to link"):
        bench.apply("file", path=f"{target}/x", src="y", state="link")
    assert bench.settle("file", path=f"{target}/x", src="y", state="link", force=True).changed


def test_a_directory_with_content_is_never_replaced_by_a_link(bench: Bench, target: Path) -> None:
    (target / "d").mkdir()
    (target / "d" / "precious").write_text("x")
    with pytest.raises(TaskFailed, match="not empty"):
        bench.apply("file", path=f"{target}/d", src="/etc", state="link", force=True)
    assert (target / "d" / "precious").exists()


def test_a_hard_link_shares_the_file(bench: Bench, target: Path) -> None:
    (target / "x").write_text("x")
    bench.settle("file", path=f"{target}/y", src=f"{target}/x", state="hard")
    assert (target / "y").samefile(target / "x")


def test_touch_makes_a_file_and_always_changes_its_times(bench: Bench, target: Path) -> None:
    assert bench.apply("file", path=f"{target}/x", state="touch", mode="0640").changed
    assert mode(target / "x") == "0640"
    os.utime(target / "x", (1, 1))
    assert bench.apply("file", path=f"{target}/x", state="touch").changed
    assert (target / "x").stat().st_mtime > 1


def test_touch_that_preserves_the_times_is_repeatable(bench: Bench, target: Path) -> None:
    times = {"access_time": "preserve", "modification_time": "preserve"}
    assert bench.settle("file", path=f"{target}/x", state="touch", mode="0600", **times).changed


def test_absent_removes_a_tree_but_not_what_its_links_lead_to(bench: Bench, target: Path) -> None:
    (target / "keep").mkdir()
    (target / "keep" / "x").write_text("x")
    (target / "d" / ODD).mkdir(parents=True)
    (target / "d" / "link").symlink_to(target / "keep")
    assert bench.settle("file", path=f"{target}/d", state="absent").changed
    assert (target / "keep" / "x").exists()
    assert not (target / "d").exists()


def test_absent_removes_a_link_itself(bench: Bench, target: Path) -> None:
    (target / "keep").mkdir()
    (target / "link").symlink_to("keep")
    bench.settle("file", path=f"{target}/link/", state="absent")
    assert (target / "keep").exists()


@pytest.mark.parametrize("path", ["/", "//", "/etc", "/etc/", "/usr/../var", "/home/."])
def test_what_a_machine_cannot_live_without_is_never_removed(bench: Bench, path: str) -> None:
    with pytest.raises(TaskFailed, match="is never removed"):
        bench.preview("file", path=path, state="absent")


def test_a_relative_path_is_refused(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="is not an absolute path"):
        bench.preview("file", path="etc/x", state="absent")


def test_a_path_may_begin_at_home(bench: Bench, target: Path) -> None:
    bench.at.host = bench.at.host.view(env={"HOME": str(target)})
    bench.settle("file", path="~/d", state="directory")
    assert (target / "d").is_dir()


def test_an_unknown_owner_is_said_so(bench: Bench, target: Path) -> None:
    (target / "x").write_text("x")
    with pytest.raises(TaskFailed, match="cannot set owner") as caught:
        bench.apply("file", path=f"{target}/x", owner="nobody-of-that-name")
    assert "create the user" in caught.value.hint
