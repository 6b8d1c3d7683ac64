"""files_restore: what it replaces is kept, comes back, and goes; cut off anywhere, the next run finishes it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ObjectNotFound, SentraPlayError, TaskFailed
from runner.hosts.contract import Host
from runner.modules.table import MODULES
from tests.modules.files_bed import Files, described
from tests.support.fulldisk import TinyDisk


def test_the_newest_backup_is_taken_and_an_older_one_by_its_id(files: Files) -> None:
    (files.live / "x").write_text("first")
    first = files.backup()["backup_id"]
    time.sleep(1.1)
    (files.live / "x").write_text("second")
    files.backup()
    files.restore()
    assert (files.live / "x").read_text() == "second"
    files.restore(backup=first)
    assert (files.live / "x").read_text() == "first"
    with pytest.raises(ObjectNotFound) as failed:
        files.restore(backup="20200101T000000Z-files-000000")
    assert first in failed.value.hint


def test_a_service_without_backups_is_said_to_have_none(files: Files) -> None:
    files.backup()
    with pytest.raises(ObjectNotFound, match="no files backup of other") as failed:
        files.restore(service="other")
    assert "app" in failed.value.hint


def test_what_is_replaced_is_kept_and_can_be_brought_back(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    (files.live / "x").write_text("changed since")
    data = files.restore().data
    assert (files.live / "x").read_text() == "saved"
    (kept,) = data["kept"]
    assert (Path(kept["kept_as"]) / "x").read_text() == "changed since"
    assert Path(kept["kept_as"]).parent.parent.stat().st_mode & 0o077 == 0
    assert files.restore(state="rolled_back").changed
    assert (files.live / "x").read_text() == "changed since"
    files.restore(state="rolled_back")
    assert (files.live / "x").read_text() == "saved", "a rollback can be undone too"


def test_rolling_back_what_was_never_restored_is_refused(files: Files) -> None:
    files.backup()
    with pytest.raises(TaskFailed, match="nothing is kept"):
        files.restore(state="rolled_back")


def test_kept_data_goes_when_its_time_has_passed(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    files.restore(keep_previous="1s")
    room = files.live.parent / ".live.sentraplay"
    assert room.exists()
    time.sleep(1.1)
    files.in_run("run-2")
    files.backup()
    assert not room.exists()
    assert files.restore(keep_previous=0).data["kept"] == []


def test_a_resumed_run_sees_what_it_has_already_restored(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    files.restore()
    (files.live / "x").write_text("written after the restore")
    files.in_run("run-1", resumed=True)
    assert files.preview("files_restore").needed is False
    assert not files.restore().changed
    assert (files.live / "x").read_text() == "written after the restore"
    files.in_run("run-2")
    assert files.restore().changed, "another run restores again"


def test_a_restore_makes_the_directories_above_as_they_were(files: Files) -> None:
    deep = files.live / "a" / "b"
    deep.mkdir(parents=True)
    (files.live / "a").chmod(0o710)
    (deep / "x").write_text("x")
    files.backup(deep / "x")
    shutil.rmtree(files.live / "a")
    files.restore()
    assert (deep / "x").read_text() == "x"
    assert (files.live / "a").stat().st_mode & 0o7777 == 0o710


def test_a_backup_can_be_unpacked_elsewhere_without_touching_what_is_live(files: Files, tmp_path: Path) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    (files.live / "x").write_text("live")
    files.restore(into=str(tmp_path / "look"))
    assert Path(f"{tmp_path}/look{files.live}/x").read_text() == "saved"
    assert (files.live / "x").read_text() == "live"


def test_one_path_of_several_can_be_restored(files: Files) -> None:
    for name in ("a", "b"):
        (files.live / name).write_text("saved")
    files.backup("a", "b", base=str(files.live))
    for name in ("a", "b"):
        (files.live / name).write_text("live")
    files.restore(paths=["a"], base=str(files.live))
    assert [(files.live / name).read_text() for name in ("a", "b")] == ["saved", "live"]
    with pytest.raises(TaskFailed, match="is not in backup"):
        files.restore(paths=["c"], base=str(files.live))


def test_a_disk_too_small_for_both_is_said_before_anything_is_unpacked(files: Files, tiny_disk: TinyDisk) -> None:
    place = tiny_disk.path / "data"
    place.mkdir()
    (place / "x").write_bytes(os.urandom(2_500_000))
    files.backup(place)
    before = described(place)
    with pytest.raises(TaskFailed, match="bytes are needed"):
        files.restore()
    assert described(place) == before
    assert [path.name for path in tiny_disk.path.iterdir()] == ["data"]


def test_a_mount_point_keeps_its_mount_and_changes_its_content(files: Files, tiny_disk: TinyDisk) -> None:
    place = tiny_disk.path
    place.chmod(0o751)
    (place / "x").write_text("saved")
    (place / "sub").mkdir()
    before = described(place)
    files.backup(place)
    (place / "x").write_text("live")
    (place / "later").write_text("later")
    files.restore()
    assert {**described(place), b".": ()} == {**before, b".": ()}
    assert place.is_mount() and place.stat().st_mode & 0o777 == 0o751
    files.restore(state="rolled_back")
    assert (place / "x").read_text() == "live" and (place / "later").read_text() == "later"


def test_something_mounted_below_a_path_is_refused(files: Files, tiny_disk: TinyDisk) -> None:
    (tiny_disk.path / "x").write_text("x")
    files.backup(tiny_disk.path.parent / tiny_disk.path.name)
    parent = tiny_disk.path.parent
    with pytest.raises(SentraPlayError, match="is mounted below"):
        MODULES["files_restore"].preview(
            files.at, files._args("files_restore", {"state": "rolled_back", "paths": [str(parent)]})
        )


class Dying:
    """A host that dies just before its n-th change, as a killed controller would."""

    def __init__(self, host: Host, changes: int) -> None:
        self._host = host
        self._left = changes

    def __getattr__(self, name: str) -> Any:
        if name in {"run", "put"}:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        return getattr(self._host, name)


@pytest.mark.parametrize("state", ["restored", "rolled_back"])
def test_a_run_killed_before_any_step_is_finished_by_the_next_and_loses_nothing(files: Files, state: str) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    for steps in range(40):
        for path in files.live.parent.glob(".live.sentraplay"):
            shutil.rmtree(path)
        (files.live / "x").write_text("live")
        files.in_run(f"run-{steps}")
        if state == "rolled_back":
            files.restore()
        files.at.host = Dying(files.host, steps)  # type: ignore[assignment]  # a host in all that is used
        try:
            files.restore(state=state)
        except KeyboardInterrupt:
            died = True
        else:
            died = False
        finally:
            files.at.host = files.host
        versions = {path.read_text() for path in files.live.parent.rglob("x")}
        assert "live" in versions, f"the live data was lost after {steps} steps"
        files.in_run(f"run-{steps}", resumed=True)
        files.restore(state=state)
        assert (files.live / "x").read_text() == ("saved" if state == "restored" else "live")
        assert "live" in {path.read_text() for path in files.live.parent.rglob("x")}
        if not died:
            return
    raise AssertionError("it never came to an end")
