"""Base backups proved without being needed: whole with their WAL, recovered on the side, and gone again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.backup.catalogue import find
from runner.backup.copying import copy
from runner.backup.manifest import to_json
from runner.backup.verifications import verifications
from runner.errors import VerificationFailed
from runner.hosts.host import ShellHost
from runner.repositories.directory import DirectoryRepository
from tests.modules.wal_bed import WalBench
from tests.support.postgres import service_user

Make = Callable[..., WalBench]


@pytest.fixture(params=[15, 18])
def wal(request: pytest.FixtureRequest, make: Make) -> WalBench:
    """A cluster with a table of two rows, and its base backup; on 18 the newest is an increment."""
    found = make(request.param)
    if request.param == 18:
        found.archive(summarize_wal=True)
        found.base(incremental=True)
    found.sql("CREATE TABLE log (what text); INSERT INTO log VALUES ('1'), ('2')")
    found.base(incremental=request.param == 18)
    return found


def verify(wal: WalBench, **more: object) -> dict[str, Any]:
    given = {**wal.where(), "kind": "base", "run_as": service_user() or "nobody", **more}
    server = {"programs": str(wal.server.programs), "user": "postgres"}
    return dict(wal.bench.apply("backup_verify", server=server, **given).data)


def results(wal: WalBench) -> list[tuple[str, bool]]:
    repository = wal.bench.at.repositories.get("main")
    newest = find(repository, "app", "latest", "base")
    return [(one.level, one.error is None) for one in verifications(repository, "app", newest.id)]


def flip(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(bytes(whole))


def newest(wal: WalBench) -> Path:
    """The archive of the newest base backup."""
    found = find(wal.bench.at.repositories.get("main"), "app", "latest", "base")
    return Path(wal.bench.stored("base", {"backup": json.loads(to_json(found))}))


def own_wal(wal: WalBench) -> list[Path]:
    start = find(wal.bench.at.repositories.get("main"), "app", "latest", "base").contents["start_lsn"]
    (name,) = wal.sql(f"SELECT pg_walfile_name('{start}')")[0]
    return [path for path in wal.stored() if path.name.startswith(name)]


@pytest.fixture
def directories(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every private directory that is made on the host from now on."""
    made: list[Path] = []
    real = ShellHost.private_directory

    @contextmanager
    def noted(self: ShellHost, parent: str = "/var/tmp") -> Iterator[str]:
        with real(self, parent) as path:
            made.append(Path(path))
            yield path

    monkeypatch.setattr(ShellHost, "private_directory", noted)
    return made


def test_it_is_recovered_to_its_own_end_beside_everything_and_nothing_stays(
    wal: WalBench, directories: list[Path]
) -> None:
    data = verify(wal, assertions=[{"query": "SELECT count(*) FROM log", "equals": 2}])
    assert data["level"] == "restore" and data["segments"] >= 1 and data["reached_lsn"]
    assert results(wal) == [("restore", True)]
    assert directories and not [path for path in directories if path.exists()]
    assert wal.sql("SELECT pg_is_in_recovery(), count(*) FROM log") == [(False, 2)], "the live cluster was touched"


def test_read_in_full_its_entries_and_its_wal_are_counted(wal: WalBench) -> None:
    data = verify(wal, level="full")
    assert data["entries"] > 100 and data["segments"] >= 1
    assert results(wal) == [("full", True)]


@pytest.mark.parametrize("level", ["full", "restore"])
def test_a_flipped_bit_of_the_backup_is_found_and_recorded(wal: WalBench, level: str) -> None:
    flip(newest(wal))
    with pytest.raises(VerificationFailed):
        verify(wal, level=level)
    assert results(wal) == [(level, False)]


@pytest.mark.parametrize("level", ["full", "restore"])
def test_a_flipped_bit_of_the_wal_it_needs_is_found(wal: WalBench, level: str) -> None:
    flip(own_wal(wal)[0])
    with pytest.raises(VerificationFailed):
        verify(wal, level=level)


def test_lost_wal_is_found_by_looking(wal: WalBench) -> None:
    own_wal(wal)[0].unlink()
    with pytest.raises(VerificationFailed, match="itself needs, is missing"):
        verify(wal, level="quick")


def test_an_assertion_that_does_not_hold_fails_it(wal: WalBench) -> None:
    with pytest.raises(VerificationFailed, match="does not hold: 2 instead of 3"):
        verify(wal, assertions=[{"query": "SELECT count(*) FROM log", "equals": 3}])
    assert results(wal) == [("restore", False)]


def test_a_copy_brings_the_wal_it_needs_and_is_restorable_by_itself(wal: WalBench, tmp_path: Path) -> None:
    source = wal.bench.at.repositories.get("main")
    other = DirectoryRepository("other", wal.bench.at.host, str(tmp_path / "other"))
    chain = [find(source, "app", "latest", "base")]
    chain += [find(source, "app", one, "base") for one in (chain[0].chain.parents if chain[0].chain else ())]
    for one in chain:
        assert copy(source, other, one)
    wal.bench.at.shelf.by_name["other"] = other
    verify(wal, repository="other", assertions=[{"query": "SELECT count(*) FROM log", "equals": 2}])


def test_nothing_is_copied_without_the_wal_it_needs(wal: WalBench, tmp_path: Path) -> None:
    source = wal.bench.at.repositories.get("main")
    other = DirectoryRepository("other", wal.bench.at.host, str(tmp_path / "other"))
    own_wal(wal)[0].unlink()
    with pytest.raises(VerificationFailed, match="itself needs, is missing"):
        copy(source, other, find(source, "app", "latest", "base"))
    assert not list(other.list("app/2"))
