"""`sentraplay backups show, verify, hold, release, status`, on a directory and without any host."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest

from runner.backup.wal.names import Segment
from tests.cli.program import Program
from tests.cli.test_backups import INVENTORY, PLAYBOOK

HERE = ("-i", "inventory.yml")


@pytest.fixture
def made(sentraplay: Program) -> Program:
    """A backup in the repository main."""
    sentraplay.write("data/report.txt", "content")
    sentraplay.write("backup.yml", PLAYBOOK.replace("{path}", str(sentraplay.directory / "data")))
    sentraplay.write("inventory.yml", INVENTORY.format(path=sentraplay.directory / "repository"))
    ended = sentraplay("run", "backup.yml", *HERE)
    assert ended.code == 0, ended.everything
    return sentraplay


def directory(program: Program) -> Path:
    (manifest,) = (program.directory / "repository").glob("scanner/*/manifest.json")
    return manifest.parent


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_show_tells_everything_of_a_backup_for_people_and_for_programs(made: Program) -> None:
    backup = directory(made).name
    made("backups", "verify", "main", *HERE)
    text = made("backups", "show", "main", backup, *HERE)
    assert text.code == 0, text.everything
    for part in (f"scanner/{backup}", "01-data.tar", "verified      quick", "by            backup.yml"):
        assert part in text.out
    plain = json.loads(made("backups", "show", "main", f"scanner/{backup}", *HERE, "--output", "json").out)
    assert plain["manifest"]["id"] == backup
    assert [one["level"] for one in plain["verifications"]] == ["quick"]


def test_an_address_alone_is_enough(made: Program) -> None:
    (made.directory / "inventory.yml").unlink()
    listed = made("backups", "list", str(made.directory / "repository"))
    assert listed.code == 0, listed.everything
    assert directory(made).name in listed.out


def test_a_name_nobody_knows_is_answered_with_where_to_look(made: Program) -> None:
    ended = made("backups", "show", "main", "20200101T000000Z-files-000000", *HERE)
    assert ended.code == 5
    assert "backups list main" in ended.err


@pytest.mark.parametrize("command", [["verify"], ["verify", "--wal"], ["status"], ["status", "--rpo", "26h"]])
def test_a_place_without_backups_is_never_taken_for_one_where_all_is_well(made: Program, command: list[str]) -> None:
    elsewhere = made("backups", command[0], str(made.directory / "repositroy"), *command[1:])
    assert (elsewhere.code, elsewhere.out) == (3, "")
    assert "there are no backups" in elsewhere.err and "repositroy" in elsewhere.err
    other = made("backups", command[0], "main", *command[1:], "--service", "scaner", *HERE)
    assert other.code == 3
    assert "there are no backups of scaner" in other.err


def test_a_copy_of_nothing_is_no_copy(made: Program) -> None:
    ended = made("backups", "copy", str(made.directory / "repositroy"), "main", *HERE)
    assert ended.code == 3
    assert "there are no backups" in ended.err


def test_verify_says_that_there_is_no_wal(made: Program) -> None:
    ended = made("backups", "verify", "main", "--wal", *HERE)
    assert ended.code == 0, ended.everything
    assert ended.out.splitlines()[-1] == "no WAL"


def test_verify_finds_what_is_lost_and_reading_finds_what_is_damaged(made: Program) -> None:
    (archive,) = directory(made).glob("*.tar*")
    good = made("backups", "verify", "main", "--level", "full", *HERE)
    assert (good.code, good.out.endswith(": good\n")) == (0, True), good.everything
    flip(archive)
    assert made("backups", "verify", "main", *HERE).code == 0
    damaged = made("backups", "verify", "main", "--level", "full", *HERE)
    assert damaged.code == 3 and "is damaged" in damaged.out
    archive.unlink()
    lost = made("backups", "verify", "main", *HERE)
    assert lost.code == 3 and "missing" in lost.out
    listed = made("backups", "list", "main", *HERE)
    assert "FAILED" in listed.out


def test_a_damaged_manifest_is_found_beside_good_ones(made: Program) -> None:
    flip(directory(made) / "manifest.json")
    assert made("run", "backup.yml", *HERE).code == 0
    ended = made("backups", "verify", "main", *HERE)
    assert ended.code == 3
    assert "1 of 2 backups" in ended.err and ended.out.count(": good") == 1


def test_a_held_backup_is_shown_as_such_until_it_is_released(made: Program) -> None:
    backup = directory(made).name
    assert made("backups", "hold", "main", backup, "--reason", "audit 7", *HERE).out.endswith(": held\n")
    assert "is held already" in made("backups", "hold", "main", backup, "--reason", "other", *HERE).out
    assert "held: audit 7" in made("backups", "list", "main", *HERE).out
    assert made("backups", "verify", "main", *HERE).code == 0
    assert made("backups", "release", "main", backup, *HERE).out.endswith(": released\n")
    assert "held" not in made("backups", "list", "main", *HERE).out


def test_status_ends_with_3_for_what_is_too_old_or_was_never_proved(made: Program) -> None:
    fine = made("backups", "status", "main", "--rpo", "1h", *HERE)
    assert fine.code == 0 and "scanner" in fine.out, fine.everything
    unproved = made("backups", "status", "main", "--proved-within", "1d", *HERE)
    assert unproved.code == 3 and "no backup was ever proved" in unproved.err
    made("backups", "verify", "main", "--level", "full", *HERE)
    assert made("backups", "status", "main", "--proved-within", "1d", *HERE).code == 0
    old = made("backups", "status", "main", "--rpo", "0", *HERE)
    assert old.code == 3 and "old" in old.err
    plain = json.loads(made("backups", "status", "main", *HERE, "--output", "json").out)
    assert (plain["kind"], plain["backups"], plain["proved_level"]) == ("files", 1, "full")


def test_status_of_a_service_without_backups_is_a_failure(made: Program) -> None:
    assert made("backups", "status", "main", "--service", "other", *HERE).code == 3


def test_an_encrypted_backup_is_made_restored_and_verified_with_the_identity_alone(made: Program) -> None:
    identity = pyrage.x25519.Identity.generate()
    made.write("identity", f"{identity}\n")
    (made.directory / "identity").chmod(0o600)
    where = made.directory / "sealed"
    made.write("inventory.yml", SEALED.format(path=where, recipient=identity.to_public()))
    assert made("run", "backup.yml", *HERE).code == 0
    (archive,) = where.glob("scanner/*/*.age")
    assert b"content" not in archive.read_bytes()
    assert "encrypted" in made("backups", "list", "main", *HERE).out
    without = made("backups", "verify", "main", "--level", "full", *HERE)
    assert without.code == 2 and "no identity is at hand" in without.err
    proved = made("backups", "verify", "main", "--level", "full", "--identity", "identity", *HERE)
    assert proved.code == 0, proved.everything
    (made.directory / "data" / "report.txt").write_text("lost")
    made.write("restore.yml", RESTORE.format(path=made.directory / "data"))
    restored = made("run", "restore.yml", "--identity", "identity", *HERE)
    assert restored.code == 0, restored.everything
    assert (made.directory / "data" / "report.txt").read_text() == "content"
    everything = b"".join(
        path.read_bytes() for path in made.directory.rglob("*") if path.is_file() and path.name != "identity"
    )
    assert str(identity).encode() not in everything


SEALED = """\
all:
  vars:
    repositories:
      main: {{type: directory, path: {path}, encryption: {{recipients: [{recipient}]}}}}
"""
RESTORE = """\
- hosts: localhost
  tasks:
    - files_restore: {{service: scanner, repository: main, paths: ["{path}"]}}
"""


def wal(program: Program, *numbers: int, timeline: int = 1) -> list[Path]:
    """Small WAL files of the service in the repository."""
    made = []
    for number in numbers:
        name = Segment(timeline, number).name
        content = f"written as {name}".encode()
        path = program.directory / f"repository/scanner/wal/42/{name[:8]}/{name}-{sha256(content).hexdigest()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.append(path)
    return made


def test_verify_reads_the_wal_too_and_names_what_is_damaged(made: Program) -> None:
    files = wal(made, 1, 2, 3)
    sound = made("backups", "verify", "main", *HERE, "--wal", "--level", "full")
    assert sound.code == 0 and "scanner/wal/42: good, 3 files, timelines 1" in sound.out
    flip(files[1])
    assert made("backups", "verify", "main", *HERE, "--wal").code == 0
    damaged = made("backups", "verify", "main", *HERE, "--wal", "--level", "full")
    assert damaged.code == 3 and f"WAL file {files[1].name[:24]} is damaged" in damaged.out
    assert "1 of 2 backups are not what they must be: scanner/wal/42" in damaged.err


def test_verify_finds_wal_that_is_missing_without_reading_any(made: Program) -> None:
    wal(made, 1, 2, 4)
    ended = made("backups", "verify", "main", *HERE, "--wal")
    assert ended.code == 3 and "WAL segment 000000010000000000000003 is missing" in ended.out
    assert made("backups", "verify", "main", *HERE).code == 0
