"""A recovered cluster left beside the live one, paused: to look around in, to move forward, and to remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runner.errors import UsageError, VerificationFailed
from tests.modules.wal_bed import WalBench, benches, moment
from tests.support.postgres import PostgresServer
from tests.support.workplace import Workplace


@pytest.fixture(params=[15, 18])
def wal(
    request: pytest.FixtureRequest, own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path
) -> Iterator[WalBench]:
    """A cluster with a base backup and a table `log` with one row from before it."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("where systemd runs, a server started by hand is refused")
    with benches(own_postgres, workplace, tmp_path) as make:
        found = make(request.param)
        found.sql("CREATE TABLE log (what text); INSERT INTO log VALUES ('1 before the backup')")
        found.base()
        yield found
        found.pitr(state="absent")


def explored(wal: WalBench, **target: object) -> dict[str, Any]:
    """What pg_pitr says of it, in a run of its own."""
    wal.bench.again()
    return wal.pitr(state="explored", **target)


def connected(where: dict[str, Any]) -> psycopg.Connection[Any]:
    given = {"host": where["socket"], "port": where["port"], "user": where["user"], "dbname": "postgres"}
    return psycopg.connect(**given, options="-c lock_timeout=2s")


def seen(data: dict[str, Any]) -> list[str]:
    """The rows of `log` in the explored cluster."""
    where = data["explored"]
    with connected(where) as link:
        return [str(row[0]) for row in link.execute("SELECT what FROM log ORDER BY what").fetchall()]


@pytest.fixture
def moments(wal: WalBench) -> list[dict[str, object]]:
    """Before the second row, before the third, before the table is dropped (by position and by time); all of it
    is archived."""
    found = []
    for what in ("2", "3"):
        found.append({"target_time": moment(wal)})
        wal.sql(f"INSERT INTO log VALUES ('{what}')")
    found.append({"target_lsn": str(wal.sql("SELECT pg_current_wal_insert_lsn()")[0][0]), "inclusive": False})
    found.append({"target_time": moment(wal)})
    wal.sql("DROP TABLE log")
    wal.switch()
    wal.ship()
    return found


def test_it_moves_forward_while_the_live_cluster_runs_on(wal: WalBench, moments: list[dict[str, object]]) -> None:
    started = wal.sql("SELECT pg_postmaster_start_time()")
    assert seen(explored(wal, **moments[0])) == ["1 before the backup"]
    assert seen(explored(wal, **moments[1])) == ["1 before the backup", "2"]
    assert seen(explored(wal, **moments[2])) == ["1 before the backup", "2", "3"]
    assert wal.sql("SELECT pg_postmaster_start_time()") == started
    assert wal.sql("SELECT to_regclass('log')") == [(None,)]


def test_an_earlier_target_is_reached_too(wal: WalBench, moments: list[dict[str, object]]) -> None:
    explored(wal, **moments[2])
    assert seen(explored(wal, **moments[0])) == ["1 before the backup"]


def test_at_its_target_already_it_is_left_alone(wal: WalBench, moments: list[dict[str, object]]) -> None:
    data = explored(wal, **moments[1])
    where = data["explored"]
    ask = "SELECT pg_postmaster_start_time()"
    with connected(where) as link:
        started = link.execute(ask).fetchone()
    again = wal.bench.apply("pg_pitr", **wal.where(), **wal.place(), state="explored", **moments[1])
    assert not again.changed
    with connected(where) as link:
        assert link.execute(ask).fetchone() == started


def test_nothing_can_be_written_in_it(wal: WalBench, moments: list[dict[str, object]]) -> None:
    where = explored(wal, **moments[1])["explored"]
    with (
        connected(where) as link,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        link.execute("INSERT INTO log VALUES ('x')")


def test_removed_it_leaves_nothing_and_the_target_can_be_restored(
    wal: WalBench, moments: list[dict[str, object]]
) -> None:
    data = explored(wal, **moments[2])
    wal.bench.again()
    wal.pitr(state="absent")
    assert not Path(data["explored"]["socket"]).exists()
    wal.bench.again()
    wal.pitr(**moments[2])
    assert wal.sql("SELECT count(*) FROM log") == [(3,)]


def test_what_was_under_way_at_the_target_holds_its_locks(wal: WalBench, moments: list[dict[str, object]]) -> None:
    data = explored(wal, **moments[3])
    with pytest.raises(psycopg.errors.LockNotAvailable):
        seen(data)


def test_what_fails_leaves_nothing(wal: WalBench, moments: list[dict[str, object]]) -> None:
    room = wal.data.parent / f".{wal.data.name}.sentraplay"
    with pytest.raises(VerificationFailed, match="is not in the WAL"):
        explored(wal, target_name="never_made")
    assert not room.exists()
    with pytest.raises(UsageError, match="needs a target"):
        explored(wal)
    assert not room.exists()
