"""pg_restore with state: rolled_back, and the database that was replaced."""

from __future__ import annotations

import time

import pytest

from runner.errors import Refused
from tests.modules.pg_bed import PgBench, database, open_to_all


def test_the_old_database_comes_back(pg: PgBench) -> None:
    with database(pg.server) as live:
        pg.backup(live)
        pg.server.query(live, "CREATE TABLE written_since AS SELECT 42 AS x")
        pg.server.query("postgres", f"COMMENT ON DATABASE {live} IS 'mine'")
        pg.restore(live)
        assert pg.server.query(live, "SELECT to_regclass('written_since')") == [(None,)]
        assert pg.preview("pg_restore", database=live, state="rolled_back").needed is True
        undone = pg.apply("pg_restore", database=live, state="rolled_back")
        assert undone.changed
        assert pg.server.query(live, "SELECT x FROM written_since") == [(42,)]
        assert str(undone.data["undone"]) in pg.server.databases()
        again = pg.apply("pg_restore", database=live, state="rolled_back")
        assert not again.changed
        assert pg.preview("pg_restore", database=live, state="rolled_back").needed is False


def test_rolling_back_what_was_never_restored_changes_nothing(pg: PgBench) -> None:
    with database(pg.server) as live:
        assert not pg.apply("pg_restore", database=live, state="rolled_back").changed


def test_rolling_back_to_a_database_somebody_dropped_is_refused(pg: PgBench) -> None:
    with database(pg.server) as live:
        pg.backup(live)
        previous = str(pg.restore(live).data["previous"])
        pg.server.drop_database(previous)
        with pytest.raises(Refused, match="nothing to bring back"):
            pg.apply("pg_restore", database=live, state="rolled_back")
        assert open_to_all(pg.server, live)


def test_the_previous_database_goes_only_when_its_time_has_passed(pg: PgBench) -> None:
    with database(pg.server) as live:
        pg.backup(live)
        first = str(pg.restore(live, keep_previous=0).data["previous"])
        assert first in pg.server.databases(), "the run that kept it never drops it"
        time.sleep(1.1)  # how long something is kept is counted in whole seconds
        pg.again()
        second = str(pg.restore(live, keep_previous="7d").data["previous"])
        pg.again()
        third = str(pg.restore(live).data["previous"])
        assert first not in pg.server.databases()
        assert {second, third} <= pg.server.databases()
