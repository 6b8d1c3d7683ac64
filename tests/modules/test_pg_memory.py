"""Index builds of a restore have the memory that is free, where it can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.modules.postgres import memory
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.secret import Secret
from tests.modules.pg_bed import PgBench, database
from tests.support.postgres import PostgresServer


def seen(pg: PgBench, server: PostgresServer) -> Postgres:
    return Postgres(pg.at.host, Server(str(server.sockets), server.port, password=Secret(server.superuser.password)))


def test_index_builds_get_an_eighth_of_the_free_memory(pg: PgBench, postgres_server: PostgresServer) -> None:
    option = memory.for_indexes(seen(pg, postgres_server), 2)
    given = int(option.removeprefix("-c maintenance_work_mem=").removesuffix("kB"))
    (free,) = [line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line]
    assert 64 * 1024 < given <= min(int(free) // 8, 1024 * 1024)


def test_index_builds_of_a_restore_have_that_memory(
    pg: PgBench, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_MOST", 123_456)
    with database(postgres_server) as name:
        postgres_server.query(
            name,
            "CREATE FUNCTION told(n bigint) RETURNS text IMMUTABLE LANGUAGE sql"
            " AS $$ SELECT current_setting('maintenance_work_mem') $$; CREATE INDEX seen ON scans (told(id))",
        )
        pg.backup(name)
        pg.restore(name)
        with postgres_server.connect(name) as connection:
            connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            by_index = connection.execute("SELECT count(*) FROM scans WHERE told(id) = '123456kB'").fetchone()
    assert by_index == (3,)


def test_index_builds_keep_the_memory_of_a_server_that_gives_them_more(
    pg: PgBench, postgres_server: PostgresServer
) -> None:
    postgres_server.query("postgres", "ALTER ROLE postgres SET maintenance_work_mem = '1TB'")
    try:
        assert memory.for_indexes(seen(pg, postgres_server), 2) == ""
    finally:
        postgres_server.query("postgres", "ALTER ROLE postgres RESET maintenance_work_mem")


def test_index_builds_keep_the_memory_of_a_server_whose_machine_is_not_seen(
    pg: PgBench, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = seen(pg, postgres_server)
    monkeypatch.setattr(Postgres, "seen_directory", None)
    assert memory.for_indexes(server, 2) == ""
