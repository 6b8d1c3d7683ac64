"""A disk that runs full, on a host or under the journal: said, nothing half-done counts, and it can be mended."""

from __future__ import annotations

import json

import pytest

from tests.cli.program import Program
from tests.support.deployment import write_files
from tests.support.fulldisk import TinyDisk
from tests.support.rig import Rig

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

FULL = "No space left"


def test_a_repository_that_runs_full_in_mid_dump_holds_no_backup_and_is_mended(rig: Rig, tiny_disk: TinyDisk) -> None:
    definition = {"type": "directory", "host": "old", "path": str(tiny_disk.path / "backups")}
    (tiny_disk.path / "backups").mkdir()
    describe(rig, definition)
    filler = tiny_disk.fill(leave=24_000)
    said = rig.play("backup.yml", code=2)
    assert said.count(FULL) == 2, said
    assert rig.backups() == []
    left = [path for path in tiny_disk.path.rglob("*") if path.is_file() and path != filler]
    assert left == []
    rig.nothing_runs()

    filler.unlink()
    rig.resume()
    assert len(rig.backups()) == 2
    rig.play("verify.yml")


def describe(rig: Rig, definition: dict[str, object]) -> None:
    """The inventory with a directory in the place of the bucket."""
    rig.describe()
    document = json.loads(rig.controller.inventory.read_text())
    document["all"]["vars"]["repositories"]["offsite"] = definition
    rig.controller.knows(document)


def test_files_that_do_not_fit_are_not_half_restored(rig: Rig, tiny_disk: TinyDisk) -> None:
    rig.root = tiny_disk.path / "service"
    rig.root.mkdir()
    write_files(rig.root)
    rig.describe()
    rig.play("backup.yml")
    (rig.root / "reports" / "scan 1.html").write_text("newer than the backup")
    before = {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()}
    filler = tiny_disk.fill(leave=24_000)
    said = rig.play("dr-restore.yml", code=2)
    assert "bytes are needed" in said, said
    assert {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()} == before
    assert rig.copy not in rig.databases()

    filler.unlink()
    rig.resume()
    assert (rig.root / "reports" / "scan 1.html").read_bytes() != b"newer than the backup"
    assert rig.rows(rig.copy) == rig.rows(rig.database)


FILL = """\
- hosts: localhost
  tasks:
    - shell: dd if=/dev/zero of={disk}/filler bs=4096 || true
    - command: touch {mark}
    - command: touch {mark}-2
"""


def test_without_room_for_the_journal_the_next_effect_does_not_happen(sentraplay: Program, tiny_disk: TinyDisk) -> None:
    mark, journal = sentraplay.directory / "mark", str(tiny_disk.path / "journal.sqlite3")
    sentraplay.write("fill.yml", FILL.format(disk=tiny_disk.path, mark=mark))
    ended = sentraplay("run", "fill.yml", "--journal", journal)
    assert ended.code == 2, ended.everything
    assert "error: the journal " in ended.err
    assert "full" in ended.err
    assert "Traceback" not in ended.everything
    assert not mark.exists()

    (tiny_disk.path / "filler").unlink()
    sentraplay.write("fill.yml", FILL.format(disk=tiny_disk.path, mark=mark))
    listed = sentraplay("runs", "list", "--journal", journal)
    assert listed.code == 0, listed.everything
    assert " broken off " in listed.out


def test_a_journal_without_room_from_the_start_touches_nothing(sentraplay: Program, tiny_disk: TinyDisk) -> None:
    mark = sentraplay.directory / "mark"
    sentraplay.write("play.yml", f"- hosts: localhost\n  tasks:\n    - command: touch {mark}\n")
    tiny_disk.fill()
    ended = sentraplay("run", "play.yml", "--journal", str(tiny_disk.path / "journal.sqlite3"))
    assert ended.code == 2, ended.everything
    assert "error: the journal " in ended.err
    assert "hint: " in ended.err
    assert not mark.exists()
