"""Whole clusters into a repository, on real servers: complete with their WAL, or no backup at all."""

from __future__ import annotations

import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.backup.catalogue import find, ids
from runner.backup.wal.base import base_of
from runner.backup.wal.own import own_segments
from runner.errors import TaskFailed
from runner.hosts.local import open_local
from runner.repositories.memory import MemoryRepository
from tests.modules.pg_bed import PgBench
from tests.modules.wal_bed import WalBench, wal_bench
from tests.support.postgres import PostgresServer, programs_of, service_user
from tests.support.workplace import Workplace


@pytest.fixture(params=[15, 16, 18])
def wal(
    request: pytest.FixtureRequest, own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path
) -> Iterator[WalBench]:
    host = open_local()
    server = own_postgres({"archive_mode": "on"}, programs_of(request.param, workplace))
    found = wal_bench(PgBench(host, server, tmp_path), server, workplace)
    found.archive()
    yield found
    host.close()


def unpacked(wal: WalBench, result: dict[str, Any], into: Path) -> Path:
    """The data directory of a backup, as tar and zstd alone bring it back."""
    into.mkdir()
    data = subprocess.run(["zstd", "-d", "-c", wal.bench.stored("base", result)], capture_output=True, check=True)
    (into.parent / "base.tar").write_bytes(data.stdout)
    with tarfile.open(into.parent / "base.tar") as archive:
        # Python 3.11.2, Debian's own, has no argument for it.
        archive.extraction_filter = tarfile.fully_trusted_filter if hasattr(tarfile, "fully_trusted_filter") else None
        archive.extractall(into)
    listed = wal.bench.stored("backup_manifest", result)
    said = subprocess.run(["zstd", "-d", "-c", listed], capture_output=True, check=True).stdout
    if (into / "backup_manifest").exists():
        assert (into / "backup_manifest").read_bytes() == said
    (into / "backup_manifest").write_bytes(said)
    return into


def test_a_cluster_is_backed_up_with_the_wal_it_needs(wal: WalBench, tmp_path: Path) -> None:
    result = wal.base()
    contents = result["backup"]["contents"]
    assert contents["system_identifier"] == wal.spool.joinpath(".system_identifier").read_text().strip()
    assert contents["timeline"] == 1 and not contents["own_wal"]
    stored = {path.name[:24] for path in wal.stored()}
    assert {
        wal.sql(f"SELECT pg_walfile_name('{contents[name]}')")[0][0] for name in ("start_lsn", "stop_lsn")
    } <= stored
    found = unpacked(wal, result, tmp_path / "unpacked")
    verify = [str(wal.server.programs / "pg_verifybackup"), "-n", str(found)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


def test_a_copy_made_in_the_same_step_has_the_wal_it_needs(wal: WalBench) -> None:
    second = wal.bench.at.shelf.by_name["second"] = MemoryRepository("second")
    result = wal.base(copy_to=["second"])
    assert ids(second, "app") == [result["backup_id"]]
    kept = {info.key.rpartition("/")[2][:24] for info in second.list("app/wal/")}
    positions = [result["backup"]["contents"][name] for name in ("start_lsn", "stop_lsn")]
    assert {wal.sql(f"SELECT pg_walfile_name('{position}')")[0][0] for position in positions} <= kept


def test_there_is_no_backup_until_its_wal_is_in_the_repository(wal: WalBench) -> None:
    with pytest.raises(TaskFailed, match="which the backup needs, is not in the repository after 1"):
        wal.base(spool=None, wal_timeout=1)
    assert ids(wal.bench.at.repositories.get("main"), "app") == []
    assert not [path for path in wal.bench.files() if "base" in path.name]


def test_a_backup_may_bring_its_own_wal(wal: WalBench, tmp_path: Path) -> None:
    result = wal.base(wal="include", spool=None)
    found = unpacked(wal, result, tmp_path / "unpacked")
    start = result["backup"]["contents"]["start_lsn"]
    assert (found / "pg_wal" / wal.sql(f"SELECT pg_walfile_name('{start}')")[0][0]).exists()


def test_tablespaces_are_in_the_backup(wal: WalBench, workplace: Workplace) -> None:
    place = workplace.directory("space", owner=service_user())
    wal.sql(f"CREATE TABLESPACE far LOCATION '{place}'")
    wal.sql("CREATE TABLE there TABLESPACE far AS SELECT generate_series(1, 1000) AS n")
    result = wal.base()
    (space,) = result["backup"]["contents"]["tablespaces"]
    assert (space["name"], space["path"]) == ("far", str(place))
    roles = [one["role"] for one in result["backup"]["objects"]]
    assert roles == ["base", f"tablespace {space['oid']}", "backup_manifest"]


@pytest.fixture
def quiet(own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path) -> Iterator[WalBench]:
    host = open_local()
    server = own_postgres()
    yield wal_bench(PgBench(host, server, tmp_path), server, workplace)
    host.close()


def test_a_server_that_does_not_archive_is_refused_with_the_way_out(quiet: WalBench) -> None:
    with pytest.raises(TaskFailed, match="does not archive its WAL") as met:
        quiet.base(spool=None)
    assert "wal: include" in met.value.hint


def test_archiving_that_waits_for_a_restart_is_told_from_archiving_that_is_off(quiet: WalBench) -> None:
    quiet.archive()
    with pytest.raises(TaskFailed, match="does not archive its WAL") as met:
        quiet.base()
    assert met.value.why.startswith("archiving is set up, but begins only after a restart")
    assert "`restart: true`" in met.value.hint


def test_a_role_that_may_not_replicate_is_told_what_it_needs(quiet: WalBench) -> None:
    role = quiet.server.create_role()
    with pytest.raises(TaskFailed, match="there is no backup") as met:
        quiet.base(wal="include", spool=None, server=quiet.server.server(role, socket=True))
    assert "REPLICATION" in met.value.hint
    assert role.password not in str(met.value) + str(met.value.data)


@pytest.mark.parametrize("place", ["server", "host"])
def test_a_server_that_dies_meanwhile_leaves_no_backup(quiet: WalBench, place: str) -> None:
    # What does not become smaller: the rate counts the bytes sent, and there shall be some left when it dies.
    made_of = "(SELECT string_agg(md5(g::text || n), '') FROM generate_series(1, 32) n)"
    quiet.sql(f"CREATE TABLE large AS SELECT {made_of} AS x, g FROM generate_series(1, 60000) g")

    def crash(label: str, done: int, total: int | None, unit: str = "bytes") -> None:
        quiet.server.crash()

    quiet.bench.at.progress = crash  # type: ignore[method-assign]
    with pytest.raises(TaskFailed):
        quiet.base(wal="include", spool=None, max_rate="4M", compress_at=place)
    assert ids(quiet.bench.at.repositories.get("main"), "app") == []
    assert quiet.bench.files() == []


def test_a_standby_can_be_backed_up_and_the_primary_archives_what_it_needs(wal: WalBench, tmp_path: Path) -> None:
    wal.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    with wal.server.standby() as standby, moving_on(wal):
        result = wal.base(server=standby.server(socket=True))
        assert standby.query("postgres", "SELECT pg_is_in_recovery()") == [(True,)]
    found = unpacked(wal, result, tmp_path / "unpacked")
    assert "BACKUP FROM: standby" in (found / "backup_label").read_text()
    assert set(own_names(wal, result)) <= {path.name[:24] for path in wal.stored()}


def test_a_standby_is_recovered_from_like_a_primary(wal: WalBench) -> None:
    wal.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    with wal.server.standby() as standby, moving_on(wal):
        made = wal.base(server=standby.server(socket=True))
    wal.sql("INSERT INTO kept VALUES (1001)")
    wal.switch()
    wal.ship()
    wal.sql("DROP TABLE kept")
    wal.bench.again()
    try:
        assert wal.pitr(backup=made["backup_id"])["backup_id"] == made["backup_id"]
        assert wal.sql("SELECT count(*) FROM kept") == [(1001,)]
    finally:
        wal.end_by_pg_ctl()


def own_names(wal: WalBench, result: dict[str, Any]) -> list[str]:
    return own_segments(base_of(find(wal.bench.at.repositories.get("main"), "app", result["backup_id"])).start)


@contextmanager
def moving_on(wal: WalBench) -> Iterator[None]:
    """A primary that is used, and so comes to the end of the segment that a standby's backup ends in."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.5):
            wal.sql("SELECT pg_switch_wal() FROM (SELECT txid_current()) AS used")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_the_server_sends_no_faster_than_it_may(wal: WalBench) -> None:
    size = int(wal.sql("SELECT sum(pg_database_size(oid))::bigint FROM pg_database")[0][0])
    begun = time.monotonic()
    wal.base(max_rate="8M", compress_at="host")
    assert time.monotonic() - begun > 0.8 * size / (8 * 1024 * 1024)
