"""pg_table_restore: rows of single tables back into a live database, all of them or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import Refused, TaskFailed
from runner.hosts.contract import Host
from runner.hosts.local import open_local
from tests.modules.pg_bed import PgBench
from tests.modules.test_pg_restore import data, database
from tests.support.postgres import PostgresServer

NOTHING = {"inserted": 0, "updated": 0, "deleted": 0}


@pytest.fixture
def host() -> Iterator[Host]:
    local = open_local()
    yield local
    local.close()


@pytest.fixture
def bench(host: Host, postgres_server: PostgresServer, tmp_path: Path) -> PgBench:
    return PgBench(host, postgres_server, tmp_path)


@pytest.fixture
def live(bench: PgBench) -> Iterator[str]:
    """A database with a backup of its present state."""
    with database(bench.server) as name:
        bench.backup(name)
        yield name


def restore(bench: PgBench, name: str, *tables: object, **more: object) -> dict[str, Any]:
    outcome = bench.apply(
        "pg_table_restore", service="app", repository="main", database=name, tables=list(tables), **more
    )
    return {**outcome.data, "changed": outcome.changed}


def counts(result: dict[str, Any], table: str) -> dict[str, int]:
    (found,) = [one for one in result["tables"] if one["table"] == table]
    return {what: found[what] for what in ("inserted", "updated", "deleted")}


def run(bench: PgBench, name: str, *statements: str) -> None:
    with bench.server.connect(name) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_deleted_rows_and_those_that_refer_to_them_come_back_and_newer_rows_stay(bench: PgBench, live: str) -> None:
    before = data(bench.server, live)
    run(bench, live, "DELETE FROM scans WHERE id = 2")
    run(bench, live, "INSERT INTO scans (target, started_at) VALUES ('newer', now())")
    result = restore(bench, live, "public.findings", "public.scans", mode="insert")
    assert counts(result, "public.scans") == {**NOTHING, "inserted": 1}
    assert counts(result, "public.findings") == {**NOTHING, "inserted": 40}
    assert bench.server.query(live, "SELECT count(*) FROM scans WHERE target = 'newer'") == [(1,)]
    run(bench, live, "DELETE FROM scans WHERE target = 'newer'", f'DROP SCHEMA "{result["kept"]}" CASCADE')
    assert data(bench.server, live) == before


def test_compared_tells_what_would_change_and_changes_nothing(bench: PgBench, live: str) -> None:
    run(bench, live, "DELETE FROM api_keys WHERE id <= 3", "UPDATE api_keys SET revoked = true WHERE id IN (5, 6)")
    run(bench, live, "INSERT INTO api_keys (name, key_hash) VALUES ('new', '')")
    before = data(bench.server, live)
    for mode, wanted in {"insert": (3, 0, 0), "merge": (3, 2, 0), "replace": (3, 2, 1)}.items():
        result = restore(bench, live, "api_keys", mode=mode, state="compared")
        assert not result["changed"]
        assert tuple(counts(result, "public.api_keys").values()) == wanted
    assert data(bench.server, live) == before
    for mode, wanted in {"insert": (3, 0, 0), "merge": (0, 2, 0), "replace": (0, 0, 1)}.items():
        bench.again()
        result = restore(bench, live, "api_keys", mode=mode, keep_previous=0)
        assert result["changed"]
        assert tuple(counts(result, "public.api_keys").values()) == wanted
    bench.again()
    assert not restore(bench, live, "api_keys", mode="replace")["changed"]


def test_what_was_replaced_can_be_brought_back(bench: PgBench, live: str) -> None:
    run(bench, live, "UPDATE api_keys SET name = name || ' changed'", "DELETE FROM api_keys WHERE id = 1")
    before = data(bench.server, live)["public.api_keys"]
    assert restore(bench, live, "api_keys", mode="replace")["kept"].startswith("sentraplay_previous_")
    assert data(bench.server, live)["public.api_keys"] != before
    bench.again()
    assert restore(bench, live, "api_keys", state="rolled_back")["changed"]
    assert data(bench.server, live)["public.api_keys"] == before


def test_copies_are_dropped_by_a_later_restore_once_their_time_has_passed(bench: PgBench, live: str) -> None:
    run(bench, live, "DELETE FROM api_keys WHERE id = 1")
    first = restore(bench, live, "api_keys", keep_previous="1s")["kept"]
    run(bench, live, "DELETE FROM api_keys WHERE id = 2", "SELECT pg_sleep(2.1)")
    bench.again()
    second = restore(bench, live, "api_keys")["kept"]
    schemas = [name for (name,) in bench.server.query(live, "SELECT nspname FROM pg_namespace")]
    assert first not in schemas and second in schemas


def test_a_dropped_table_is_made_anew_with_indexes_constraints_and_references_to_it(bench: PgBench, live: str) -> None:
    described = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN"
        " (to_regclass('scans'), to_regclass('findings')) ORDER BY 1"
    )
    constraints, before = bench.server.query(live, described), data(bench.server, live)
    run(bench, live, "DROP TABLE scans CASCADE")
    result = restore(bench, live, "public.scans", keep_previous=0)
    assert result["changed"] and counts(result, "public.scans") == {**NOTHING, "inserted": 3}
    assert bench.server.query(live, described) == constraints
    assert data(bench.server, live) == before
    run(bench, live, "INSERT INTO scans (target, started_at) VALUES ('after', now())")
    assert bench.server.query(live, "SELECT id FROM scans WHERE target = 'after'") == [(4,)]


def test_a_sequence_that_was_set_back_is_moved_past_every_value(bench: PgBench, live: str) -> None:
    run(bench, live, "DELETE FROM scans", "ALTER SEQUENCE scans_id_seq RESTART")
    restore(bench, live, "scans", "findings")
    run(bench, live, "INSERT INTO scans (target, started_at) VALUES ('after', now())")
    assert bench.server.query(live, "SELECT id FROM scans WHERE target = 'after'") == [(4,)]


def test_rows_without_what_they_refer_to_are_refused_and_nothing_is_changed(bench: PgBench, live: str) -> None:
    run(bench, live, "DELETE FROM scans WHERE id = 2")
    before = data(bench.server, live)
    with pytest.raises(TaskFailed, match="findings_scan_id_fkey"):
        restore(bench, live, "findings")
    assert data(bench.server, live) == before
    assert bench.server.query(live, "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^sentraplay'") == [(0,)]


def test_replacing_never_deletes_rows_of_another_table_silently(bench: PgBench, live: str) -> None:
    run(
        bench,
        live,
        "INSERT INTO scans (id, target, started_at) VALUES (99, 'newer', now())",
        "INSERT INTO findings (scan_id, severity, title) VALUES (99, 'low', 'newer')",
    )
    before = data(bench.server, live)
    with pytest.raises(Refused, match=r"would change 1 rows of public\.findings"):
        restore(bench, live, "scans", mode="replace")
    assert data(bench.server, live) == before
    bench.again()
    assert restore(bench, live, "scans", "findings", mode="replace")["changed"]


def test_triggers_of_users_neither_fire_nor_stay_off(bench: PgBench, live: str) -> None:
    run(
        bench,
        live,
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := 'X'; RETURN NEW; END $$",
        "CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON baselines FOR EACH ROW EXECUTE FUNCTION shout()",
        "DELETE FROM baselines WHERE id = 1",
    )
    restore(bench, live, "baselines")
    assert bench.server.query(live, "SELECT name FROM baselines WHERE id = 1") == [("baseline 1",)]
    assert bench.server.query(live, "SELECT tgenabled FROM pg_trigger WHERE tgname = 'shout'") == [("O",)]


def test_a_table_without_a_primary_key_needs_a_key_and_one_with_double_values_is_refused(
    bench: PgBench, live: str
) -> None:
    with pytest.raises(Refused, match="no primary key"):
        restore(bench, live, '"Odd Names"')
    with pytest.raises(Refused, match="told apart"):
        restore(bench, live, {"name": '"Odd Names"', "key": ["ключ"]})


def test_odd_values_come_back_exactly(bench: PgBench, live: str) -> None:
    before = data(bench.server, live)
    run(
        bench,
        live,
        "UPDATE findings SET title = '', evidence = NULL, tags = NULL, score = NULL",
        "DELETE FROM baselines",
    )
    restore(bench, live, "findings", "baselines", keep_previous=0)
    assert data(bench.server, live) == before


def test_generated_and_identity_columns_and_new_columns_are_no_obstacle(bench: PgBench) -> None:
    with database(bench.server, scans=None) as name:
        run(
            bench,
            name,
            "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text,"
            " b text GENERATED ALWAYS AS (upper(a)) STORED)",
            "INSERT INTO t (a) VALUES ('x'), ('y')",
        )
        bench.backup(name, service="t")
        run(bench, name, "DELETE FROM t WHERE id = 1", "ALTER TABLE t ADD c integer DEFAULT 7")
        bench.apply("pg_table_restore", service="t", repository="main", database=name, tables=["t"])
        assert bench.server.query(name, "SELECT * FROM t ORDER BY id") == [(1, "x", "X", 7), (2, "y", "Y", 7)]


def test_a_column_that_is_gone_is_not_lost_silently(bench: PgBench, live: str) -> None:
    run(bench, live, "ALTER TABLE api_keys DROP revoked")
    with pytest.raises(Refused, match="has no column revoked any more"):
        restore(bench, live, "api_keys")


def test_rows_come_from_a_csv_file_too(bench: PgBench, live: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text('id,name,key_hash\n1,"key, ""one""",\\x00ff\n77,new,\\x01\n')
    tables = [{"name": "api_keys", "csv": str(file)}]
    outcome = bench.apply("pg_table_restore", database=live, tables=tables)
    assert counts(dict(outcome.data), "public.api_keys") == {"inserted": 1, "updated": 1, "deleted": 0}
    found = bench.server.query(live, "SELECT name, key_hash, revoked FROM api_keys WHERE id IN (1, 77) ORDER BY id")
    assert [(name, bytes(value), revoked) for name, value, revoked in found] == [
        ('key, "one"', b"\x00\xff", False),
        ("new", b"\x01", False),
    ]


def test_a_csv_file_with_a_column_nobody_knows_is_refused(bench: PgBench, live: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("id,nonsense\n1,2\n")
    with pytest.raises(TaskFailed, match="nonsense"):
        bench.apply("pg_table_restore", database=live, tables=[{"name": "api_keys", "csv": str(file)}])


def test_a_view_is_no_table_and_an_unknown_name_is_told(bench: PgBench, live: str) -> None:
    with pytest.raises(TaskFailed, match="no plain table"):
        restore(bench, live, "open_findings")
    with pytest.raises(TaskFailed, match="no table nothing"):
        restore(bench, live, "nothing")


def test_nothing_is_left_behind_but_the_copies(bench: PgBench, live: str) -> None:
    databases = bench.server.databases()
    run(bench, live, "DELETE FROM baselines")
    result = restore(bench, live, "baselines")
    assert bench.server.databases() == databases
    schemas = {
        name for (name,) in bench.server.query(live, "SELECT nspname FROM pg_namespace WHERE nspname ~ 'sentra'")
    }
    assert schemas == {result["kept"]}


def test_check_mode_looks_at_backup_and_tables_and_knows_no_numbers(bench: PgBench, live: str) -> None:
    asked = {"service": "app", "repository": "main", "database": live}
    assert bench.preview("pg_table_restore", tables=["scans"], **asked).needed is None
    with pytest.raises(Refused, match="no primary key"):
        bench.preview("pg_table_restore", tables=['"Odd Names"'], **asked)
