"""`sentraplay backups copy`, between two directories."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from runner.backup.wal.archive import WalArchive
from runner.hosts.local import open_local
from runner.repositories.directory import DirectoryRepository
from tests.cli.program import Program
from tests.cli.test_backups import PLAYBOOK
from tests.unit.test_pitr_choosing import Store

INVENTORY = """\
all:
  vars:
    repositories:
      main: {{type: directory, path: {path}/main}}
      second: {{type: directory, path: {path}/second}}
"""
COPY = ("backups", "copy", "main", "second", "-i", "inventory.yml")


@pytest.fixture
def made(sentraplay: Program) -> Program:
    """Two backups in main."""
    sentraplay.write("data/report.txt", "content")
    sentraplay.write("backup.yml", PLAYBOOK.replace("{path}", str(sentraplay.directory / "data")))
    sentraplay.write("inventory.yml", INVENTORY.format(path=sentraplay.directory))
    for _ in range(2):
        ended = sentraplay("run", "backup.yml", "-i", "inventory.yml")
        assert ended.code == 0, ended.everything
    return sentraplay


def manifests(program: Program, name: str) -> list[Path]:
    return sorted((program.directory / name).glob("scanner/*/manifest.json"))


def test_every_backup_the_other_lacks_is_copied_and_the_second_time_none(made: Program) -> None:
    first = made(*COPY)
    assert first.code == 0, first.everything
    assert [line.endswith(": copied") for line in first.out.splitlines()] == [True, True]
    assert [path.read_bytes() for path in manifests(made, "second")] == [
        path.read_bytes() for path in manifests(made, "main")
    ]
    assert made(*COPY).out.count("is there already") == 2


def test_a_named_backup_alone_is_copied_and_a_wrong_name_copies_nothing(made: Program) -> None:
    newest = manifests(made, "main")[-1].parent.name
    wrong = made(*COPY, newest, "20200101T000000Z-files-000000")
    assert wrong.code == 5 and "main has no backup 20200101T000000Z-files-000000" in wrong.err
    assert manifests(made, "second") == []
    assert made(*COPY, newest).code == 0
    assert [path.parent.name for path in manifests(made, "second")] == [newest]


def test_a_damaged_backup_is_told_and_the_sound_ones_are_copied(made: Program) -> None:
    broken, sound = manifests(made, "main")
    data = bytearray(broken.read_bytes())
    data[len(data) // 2] ^= 1
    broken.write_bytes(data)
    ended = made(*COPY)
    assert ended.code == 3, ended.everything
    assert "1 of the backups could not be copied" in ended.err and "the manifest is damaged" in ended.err
    assert [path.parent.name for path in manifests(made, "second")] == [sound.parent.name]


def test_the_wal_that_leads_on_from_copied_base_backups_goes_along(sentraplay: Program) -> None:
    sentraplay.write("inventory.yml", INVENTORY.format(path=sentraplay.directory))
    (sentraplay.directory / "main").mkdir()
    store = Store()
    with closing(open_local()) as host:
        store.repository = DirectoryRepository("main", host, str(sentraplay.directory / "main"))  # type: ignore[assignment]
        store.archive = WalArchive(store.repository, "app", "42")
        store.wal(1, 2, 3, 4)
        base = store.backup(2)
    copied = sentraplay(*COPY)
    assert copied.code == 0, copied.everything
    assert copied.out.splitlines() == [f"app/{base.id}: copied", "app/wal: 2 files copied, to 000000010000000000000004"]
    there = sorted(path.name[:24][-1] for path in (sentraplay.directory / "second").rglob("*-*") if "wal" in path.parts)
    assert there == ["2", "3", "4"]
    assert sentraplay(*COPY).out == f"app/{base.id}: is there already\n"


def test_wal_that_was_shipped_to_another_place_closes_a_gap(sentraplay: Program) -> None:
    """That place has no backups, only WAL."""
    sentraplay.write("inventory.yml", INVENTORY.format(path=sentraplay.directory))
    stores = {}
    with closing(open_local()) as host:
        for name, numbers in (("main", [3]), ("second", [2, 4])):
            (sentraplay.directory / name).mkdir()
            store = stores[name] = Store()
            store.repository = DirectoryRepository(name, host, str(sentraplay.directory / name))  # type: ignore[assignment]
            store.archive = WalArchive(store.repository, "app", "42")
            store.wal(*numbers)
        stores["second"].backup(2)
    gap = sentraplay("backups", "status", "second", "-i", "inventory.yml")
    assert gap.code == 3 and "WAL segment 000000010000000000000003 is missing" in gap.out
    copied = sentraplay(*COPY)
    assert (copied.code, copied.out) == (0, "app/wal: 1 file copied, to 000000010000000000000003\n")
    assert sentraplay("backups", "status", "second", "-i", "inventory.yml").code == 0
