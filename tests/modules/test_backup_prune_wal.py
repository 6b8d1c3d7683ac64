"""backup_prune and the WAL of a real server: what is left recovers to the last row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.modules.wal_bed import WalBench, benches
from tests.support.postgres import PostgresServer
from tests.support.workplace import Workplace


@pytest.fixture
def wal(own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path) -> Iterator[WalBench]:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("where systemd runs, a server started by hand is refused")
    with benches(own_postgres, workplace, tmp_path) as make:
        yield make()


def test_wal_before_the_oldest_base_backup_goes_and_recovery_still_reaches_the_end(wal: WalBench) -> None:
    wal.sql("CREATE TABLE log (what text)")
    wal.base()
    wal.sql("INSERT INTO log VALUES ('between')")
    for _ in range(3):
        wal.switch()
    wal.ship()
    second = wal.base()
    wal.sql("INSERT INTO log VALUES ('after')")
    wal.switch()
    wal.ship()
    before = [path.name[:24] for path in wal.stored()]
    start = second["backup"]["contents"]["start_lsn"]
    (first_needed,) = wal.sql(f"SELECT pg_walfile_name('{start}')")[0]

    rules = {"keep_last": 1, "minimum_verified": 0}
    given = {**wal.where(), "retention": rules}
    preview = wal.bench.preview("backup_prune", **given)
    assert [path.name[:24] for path in wal.stored()] == before
    data = wal.bench.apply("backup_prune", **given).data
    left = [path.name[:24] for path in wal.stored()]
    assert left == [name for name in before if name >= first_needed] and len(left) < len(before)
    assert data["wal_removed"] == len(before) - len(left) == preview.data["wal"][0]["dropped"]

    wal.sql("DROP TABLE log")
    wal.bench.again()
    wal.pitr(target="immediate")
    wal.bench.again()
    wal.pitr(state="rolled_back")
    wal.bench.again()
    wal.pitr(timeline=1)
    assert wal.sql("SELECT what FROM log ORDER BY what") == [("after",), ("between",)]
