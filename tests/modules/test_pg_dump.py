"""pg_dump: what is in a backup, and that there is none until there is all of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.backup.catalogue import ids
from runner.errors import TaskFailed
from runner.hosts.contract import Host
from runner.repositories.directory import DirectoryRepository
from runner.repositories.memory import MemoryRepository
from tests.modules.pg_bed import PgBench
from tests.support.fulldisk import TinyDisk


def decoded(path: Path) -> str:
    """The SQL in a stored dump, by the real programs."""
    plain = subprocess.run(["zstd", "-d", "-c", path], check=True, capture_output=True).stdout
    restore = ["/usr/lib/postgresql/15/bin/pg_restore", "-f", "-"]
    return subprocess.run(restore, input=plain, check=True, capture_output=True).stdout.decode()


def test_a_backup_holds_the_whole_database(pg: PgBench) -> None:
    with pg.server.disposable_database(scans=5) as name:
        pg.server.query(name, 'CREATE SCHEMA "Shard 1"')
        pg.server.query(name, 'CREATE TABLE "Shard 1"."Odd.Table" AS SELECT generate_series(1, 7) AS x')
        result = pg.backup(name)
    sql = decoded(pg.stored("database", result))
    assert 'CREATE TABLE "Shard 1"."Odd.Table"' in sql and "CREATE TABLE public.scans" in sql
    assert result["row_counts"]['"Shard 1"."Odd.Table"'] == 7
    assert result["row_counts"]["public.scans"] == 5


def test_a_dump_is_in_a_second_repository_after_the_same_step(pg: PgBench) -> None:
    second = pg.at.shelf.by_name["second"] = MemoryRepository("second")
    with pg.server.disposable_database(scans=2) as name:
        asked = {"service": "app", "repository": "main", "database": name, "copy_to": ["second"]}
        assert second.describe() in pg.preview("pg_dump", **asked).summary
        made = pg.apply("pg_dump", **asked).data
    assert ids(second, "app") == [made["backup_id"]]
    assert made["copied"] == [{"backup_id": made["backup_id"], "to": "second", "bytes": made["size"]}]


def test_the_manifest_says_what_a_restore_must_know(pg: PgBench) -> None:
    with pg.server.disposable_database(scans=2) as name:
        pg.server.query("postgres", f"COMMENT ON DATABASE {name} IS 'the scanner'")
        pg.server.query("postgres", f"ALTER DATABASE {name} SET work_mem TO '7MB'")
        manifest = pg.backup(name)["backup"]
    database = manifest["contents"]["database"]
    assert (database["name"], database["encoding"], database["comment"]) == (name, "UTF8", "the scanner")
    assert {"name": "work_mem", "value": "7MB", "role": None} in database["settings"]
    assert manifest["contents"]["content"]["size"] > 1_000_000
    assert manifest["versions"]["postgresql"].startswith("15.")
    assert manifest["kind"] == "database" and manifest["consistent"]
    assert manifest["started_at"] <= manifest["restored_point"] <= manifest["finished_at"]


def test_rows_are_counted_in_the_state_that_is_dumped(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.modules.postgres import pg_dump

    with pg.server.disposable_database() as name:
        pg.server.query(name, "CREATE TABLE t AS SELECT generate_series(1, 3) AS x")
        real = pg_dump._store_database

        def busy(*arguments: object) -> None:
            pg.server.query(name, "INSERT INTO t VALUES (4), (5)")
            real(*arguments)  # type: ignore[arg-type]  # passed through

        monkeypatch.setattr(pg_dump, "_store_database", busy)
        result = pg.backup(name)
    assert result["row_counts"] == {"public.t": 3}
    assert "\n1\n2\n3\n\\." in decoded(pg.stored("database", result))


def test_roles_are_in_the_backup(pg: PgBench) -> None:
    role = pg.server.create_role()
    with pg.server.disposable_database() as name:
        result = pg.backup(name)
    stored = pg.stored("globals", result)
    text = subprocess.run(["zstd", "-d", "-c", stored], check=True, capture_output=True).stdout.decode()
    assert f'CREATE ROLE "{role.name}"' in text and "SCRAM-SHA-256$" in text
    assert stored.stat().st_mode & 0o077 == 0, "password hashes are nobody else's business"


def test_without_a_superuser_the_roles_have_no_passwords_and_it_says_so(pg: PgBench) -> None:
    role = pg.server.create_role()
    with pg.server.disposable_database(owner=role, scans=1) as name:
        result = pg.backup(name, server=pg.server.server(role))
    assert "without their passwords" in result["warnings"][0]
    assert pg.at.warnings
    text = subprocess.run(["zstd", "-dc", pg.stored("globals", result)], check=True, capture_output=True).stdout
    assert b"SCRAM" not in text


def test_excluded_rows_are_left_out_and_the_table_is_not(pg: PgBench) -> None:
    with pg.server.disposable_database() as name:
        pg.server.query(name, 'CREATE TABLE "Page Cache" AS SELECT generate_series(1, 9) AS x')
        pg.server.query(name, "CREATE TABLE t AS SELECT 1 AS x")
        result = pg.backup(name, exclude_table_data=['public."Page Cache"'])
        with pytest.raises(TaskFailed, match="no table public.nothing"):
            pg.backup(name, exclude_table_data=["public.nothing"])
    sql = decoded(pg.stored("database", result))
    assert 'CREATE TABLE public."Page Cache"' in sql and 'COPY public."Page Cache"' not in sql
    assert result["row_counts"] == {"public.t": 1}


@pytest.mark.parametrize("compression", ["auto", "zstd", "lz4", "gzip", "none"])
def test_every_compression_can_be_used(pg: PgBench, compression: str) -> None:
    with pg.server.disposable_database(scans=1) as name:
        result = pg.backup(name, compression=compression)
    assert result["size"] == sum(path.stat().st_size for path in pg.files() if path.name != "manifest.json")


def test_a_database_that_is_not_there_leaves_nothing(pg: PgBench) -> None:
    with pytest.raises(TaskFailed, match="no database 'nowhere'"):
        pg.backup("nowhere")
    assert pg.files() == []


@pytest.mark.parametrize("counting", [True, False])
def test_a_dump_that_fails_midway_leaves_nothing_that_looks_like_a_backup(pg: PgBench, counting: bool) -> None:
    role = pg.server.create_role()
    with pg.server.disposable_database(owner=role) as name, pg.server.connect(name, role) as session:
        session.execute("CREATE TABLE a AS SELECT generate_series(1, 50000) AS x")
        session.execute("CREATE TABLE z AS SELECT 1 AS x")
        # Rows the role may not see must fail the backup, never shrink it.
        session.execute("ALTER TABLE z ENABLE ROW LEVEL SECURITY")
        session.execute("ALTER TABLE z FORCE ROW LEVEL SECURITY")
        with pytest.raises(TaskFailed, match="row-level security"):
            pg.backup(name, server=pg.server.server(role), row_counts=counting)
    assert pg.files() == []


def test_a_full_disk_in_the_middle_leaves_nothing_that_looks_like_a_backup(
    pg: PgBench, host: Host, tiny_disk: TinyDisk
) -> None:
    pg.at.shelf.by_name["main"] = DirectoryRepository("main", host, str(tiny_disk.path))
    with pg.server.disposable_database() as name:
        pg.server.query(name, "CREATE TABLE t AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 80000) g")
        with pytest.raises(TaskFailed, match="no space left"):
            pg.backup(name)
    assert [path for path in tiny_disk.path.rglob("*") if path.is_file()] == []


def test_a_wrong_password_leaves_nothing(pg: PgBench) -> None:
    with pytest.raises(TaskFailed, match="password authentication failed"):
        pg.backup("postgres", server={**pg.server.server(), "password": "wrong"})
    assert pg.files() == []


def test_check_mode_says_what_it_would_do_and_does_nothing(pg: PgBench) -> None:
    with pg.server.disposable_database(scans=1) as name:
        change = pg.preview("pg_dump", service="app", repository="main", database=name)
    assert change.needed is True and name in change.summary
    assert pg.files() == []


def test_a_client_older_than_the_server_is_refused(pg: PgBench, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.9'\n")
    (old / "pg_dump").chmod(0o755)
    with pytest.raises(TaskFailed, match="PostgreSQL 14.9 at most, and 15 is needed") as caught:
        pg.backup("postgres", server={**pg.server.server(), "programs": str(old)})
    assert "postgresql-client-15" in caught.value.hint
