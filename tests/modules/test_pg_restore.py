"""pg_restore: what was lost comes back, with all that belongs to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psycopg
import pyrage
import pytest

from runner.hosts.contract import Host
from runner.modules.postgres.sql import identifier
from runner.repositories.contract import EncryptionKeys
from runner.repositories.directory import DirectoryRepository
from runner.secret import Secret
from tests.modules.pg_bed import PgBench, data, database, open_to_all, untouched
from tests.support.postgres import PostgresServer

ODD_NAMES = ["Plain Name", "quo\"ted ' \\ x=y", "datenbank größe äöü", "n" * 63]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_destroyed_database_comes_back_as_it_was(pg: PgBench, name: str) -> None:
    with database(pg.server, name) as live:
        before = data(pg.server, live)
        backup = pg.backup(live)
        pg.server.query(live, "DROP TABLE findings CASCADE")
        outcome = pg.restore(live)
        assert outcome.changed
        assert data(pg.server, live) == before
        assert outcome.data["backup_id"] == backup["backup_id"]
        assert outcome.data["restored_point"] == backup["restored_point"]
        previous = str(outcome.data["previous"])
        assert previous in pg.server.databases() and not open_to_all(pg.server, previous)


def test_on_a_new_server_the_database_is_made_with_its_roles(
    pg: PgBench, own_postgres: Callable[..., PostgresServer]
) -> None:
    role = pg.server.create_role()
    with pg.server.disposable_database(owner=role, scans=2) as name:
        pg.server.query("postgres", f'ALTER DATABASE {name} SET search_path TO public, "Odd One"')
        pg.server.query("postgres", f"GRANT CONNECT ON DATABASE {name} TO {identifier(role.name)} WITH GRANT OPTION")
        before = data(pg.server, name)
        pg.backup(name)
        new = own_postgres()
        outcome = pg.restore(name, server=new.server())
        assert data(new, name) == before
        assert role.name in outcome.data["roles_created"]  # type: ignore[operator]  # a list
        assert outcome.data["previous"] == ""
        with new.connect(name, role) as session:
            assert session.execute("SELECT current_user").fetchone() == (role.name,), "its password came back too"
            assert session.execute("SHOW search_path").fetchone() == ('public, "Odd One"',)
        assert not pg.restore(name, server=new.server()).changed


def test_existing_roles_are_left_as_they_are(pg: PgBench) -> None:
    role = pg.server.create_role()
    with database(pg.server) as live:
        pg.backup(live)
        pg.server.query("postgres", f"ALTER ROLE {identifier(role.name)} PASSWORD 'changed since'")
        pg.restore(live)
    changed = type(role)(role.name, "changed since")
    assert pg.server.connect(role=changed).execute("SELECT 1").fetchone() == (1,)


def test_settings_privileges_and_comment_are_carried_over(pg: PgBench) -> None:
    role = pg.server.create_role()
    who = identifier(role.name)
    with database(pg.server) as live:
        pg.backup(live)
        for statement in (
            f"ALTER DATABASE {live} SET work_mem TO '9MB'",
            f'ALTER ROLE {who} IN DATABASE {live} SET search_path TO "$user", public',
            f"REVOKE CONNECT ON DATABASE {live} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {live} TO {who}",
            f"ALTER DATABASE {live} CONNECTION LIMIT 17",
            f"COMMENT ON DATABASE {live} IS 'mind this'",
        ):
            pg.server.query("postgres", statement)
        pg.restore(live)
        limit, acl, comment = pg.server.query(
            "postgres",
            "SELECT datconnlimit, datacl::text, shobj_description(oid, 'pg_database')"
            " FROM pg_database WHERE datname = %s",
            live,
        )[0]
        assert limit == 17 and comment.startswith("mind this\n")
        assert "=Tc" not in acl.replace("postgres=CTc", "") and role.name in acl
        assert pg.server.query(live, "SHOW work_mem") == [("9MB",)]
        with pg.server.connect(live, role) as session:
            assert session.execute("SHOW search_path").fetchone() == ('"$user", public',)


def test_sessions_that_come_back_at_once_do_not_stop_the_swap(pg: PgBench) -> None:
    over = threading.Event()
    answers: list[int] = []

    def insist(live: str) -> None:
        while not over.is_set():
            try:
                with pg.server.connect(live) as session:
                    while not over.is_set():
                        answers.append(session.execute("SELECT count(*) FROM scans").fetchone()[0])  # type: ignore[index]
            except psycopg.OperationalError:
                continue

    with database(pg.server) as live:
        pg.backup(live)
        pg.server.query(live, "INSERT INTO scans SELECT * FROM scans WHERE false")
        clients = [threading.Thread(target=insist, args=(live,)) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            outcome = pg.restore(live)
            seen = len(answers)
            while len(answers) < seen + 20:
                pass
        finally:
            over.set()
            for client in clients:
                client.join()
        assert outcome.changed and set(answers) == {3}


def test_large_objects_and_odd_schemas_come_back(pg: PgBench) -> None:
    with database(pg.server, scans=None) as live:
        pg.server.query(live, 'CREATE SCHEMA "shard_0 1"')
        pg.server.query(
            live,
            'CREATE TABLE "shard_0 1"."T" AS SELECT g AS x, lo_from_bytea(0, \'\\xdeadbeef\') AS o'
            " FROM generate_series(1, 4) g",
        )
        pg.backup(live)
        outcome = pg.restore(live)
        assert outcome.data["row_counts"] == {'"shard_0 1"."T"': 4}
        assert pg.server.query(live, 'SELECT count(lo_get(o)) FROM "shard_0 1"."T"') == [(4,)]


def test_an_empty_database_comes_back_too(pg: PgBench) -> None:
    with database(pg.server, scans=None) as live:
        pg.backup(live)
        assert pg.restore(live).data["rows"] == 0


@pytest.mark.parametrize("compression", ["lz4", "gzip", "none"])
def test_every_compression_comes_back(pg: PgBench, compression: str) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live, compression=compression)
        pg.restore(live, jobs=1)
        assert data(pg.server, live) == before


def test_an_encrypted_backup_is_restored_and_verified_and_shows_nothing(
    host: Host, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    identity = pyrage.x25519.Identity.generate()
    keys = EncryptionKeys((str(identity.to_public()),), lambda: (Secret(str(identity)),))
    pg = PgBench(host, postgres_server, tmp_path)
    pg.at.shelf.by_name["main"] = DirectoryRepository("main", host, str(pg.root), keys)
    with database(pg.server) as name:
        before = data(pg.server, name)
        pg.backup(name)
        assert all(path.suffix == ".age" for path in pg.files() if path.name != "manifest.json")
        pg.server.query(name, "DELETE FROM findings")
        pg.restore(name)
        assert data(pg.server, name) == before
    programs = {"programs": str(pg.server.programs)}
    pg.apply("backup_verify", service="app", repository="main", server=programs)


def test_check_mode_says_what_it_would_do_and_does_nothing(pg: PgBench) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        backup = pg.backup(live)
        change = pg.preview("pg_restore", service="app", repository="main", database=live)
        assert change.needed is True and backup["backup_id"] in change.summary
        untouched(pg, live, before)


def test_done_twice_in_one_run_it_changes_nothing_and_another_run_restores_again(pg: PgBench) -> None:
    with database(pg.server) as live:
        backup = pg.backup(live)
        first = pg.restore(live)
        again = pg.restore(live)
        assert not again.changed
        assert again.data["previous"] == first.data["previous"]
        assert again.data["keep_until"] == first.data["keep_until"]
        assert again.data["row_counts"] == first.data["row_counts"] == backup["row_counts"]
        assert pg.preview("pg_restore", service="app", repository="main", database=live).needed is False
        pg.again()
        pg.server.query(live, "DROP TABLE findings CASCADE")
        assert pg.restore(live).changed


def test_an_older_backup_is_restored_by_its_id(pg: PgBench) -> None:
    with database(pg.server) as live:
        older = pg.backup(live)
        pg.server.query(live, "CREATE TABLE newer AS SELECT 1 AS x")
        pg.backup(live)
        assert pg.restore(live, backup=older["backup_id"]).data["backup_id"] == older["backup_id"]
        assert pg.server.query(live, "SELECT to_regclass('newer')") == [(None,)]


def test_the_clock_of_the_data_is_utc(pg: PgBench) -> None:
    with database(pg.server) as live:
        pg.backup(live)
        point = datetime.fromisoformat(str(pg.restore(live).data["restored_point"]))
        assert point.utcoffset() is not None and point.utcoffset().total_seconds() == 0  # type: ignore[union-attr]
