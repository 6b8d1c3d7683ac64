"""pg_table_restore: rows of single tables back into a live database, all of them or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import Refused, TaskFailed
from tests.modules.pg_bed import PgBench, data, database

NOTHING = {"inserted": 0, "updated": 0, "deleted": 0}


@pytest.fixture
def live(pg: PgBench) -> Iterator[str]:
    """A database with a backup of its present state."""
    with database(pg.server) as name:
        pg.backup(name)
        yield name


def restore(pg: PgBench, name: str, *tables: object, **more: object) -> dict[str, Any]:
    outcome = pg.apply("pg_table_restore", service="app", repository="main", database=name, tables=list(tables), **more)
    return {**outcome.data, "changed": outcome.changed}


def counts(result: dict[str, Any], table: str) -> dict[str, int]:
    (found,) = [one for one in result["tables"] if one["table"] == table]
    return {what: found[what] for what in ("inserted", "updated", "deleted")}


def run(pg: PgBench, name: str, *statements: str) -> None:
    with pg.server.connect(name) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_deleted_rows_and_those_that_refer_to_them_come_back_and_newer_rows_stay(pg: PgBench, live: str) -> None:
    before = data(pg.server, live)
    run(pg, live, "DELETE FROM scans WHERE id = 2")
    run(pg, live, "INSERT INTO scans (target, started_at) VALUES ('newer', now())")
    result = restore(pg, live, "public.findings", "public.scans", mode="insert")
    assert counts(result, "public.scans") == {**NOTHING, "inserted": 1}
    assert counts(result, "public.findings") == {**NOTHING, "inserted": 40}
    assert pg.server.query(live, "SELECT count(*) FROM scans WHERE target = 'newer'") == [(1,)]
    run(pg, live, "DELETE FROM scans WHERE target = 'newer'", f'DROP SCHEMA "{result["kept"]}" CASCADE')
    assert data(pg.server, live) == before


def test_compared_tells_what_would_change_and_changes_nothing(pg: PgBench, live: str) -> None:
    run(pg, live, "DELETE FROM api_keys WHERE id <= 3", "UPDATE api_keys SET revoked = true WHERE id IN (5, 6)")
    run(pg, live, "INSERT INTO api_keys (name, key_hash) VALUES ('new', '')")
    before = data(pg.server, live)
    for mode, wanted in {"insert": (3, 0, 0), "merge": (3, 2, 0), "replace": (3, 2, 1)}.items():
        result = restore(pg, live, "api_keys", mode=mode, state="compared")
        assert not result["changed"]
        assert tuple(counts(result, "public.api_keys").values()) == wanted
    assert data(pg.server, live) == before
    for mode, wanted in {"insert": (3, 0, 0), "merge": (0, 2, 0), "replace": (0, 0, 1)}.items():
        pg.again()
        result = restore(pg, live, "api_keys", mode=mode, keep_previous=0)
        assert result["changed"]
        assert tuple(counts(result, "public.api_keys").values()) == wanted
    pg.again()
    assert not restore(pg, live, "api_keys", mode="replace")["changed"]


def test_what_was_replaced_can_be_brought_back(pg: PgBench, live: str) -> None:
    run(pg, live, "UPDATE api_keys SET name = name || ' changed'", "DELETE FROM api_keys WHERE id = 1")
    before = data(pg.server, live)["public.api_keys"]
    assert restore(pg, live, "api_keys", mode="replace")["kept"].startswith("sentraplay_previous_")
    assert data(pg.server, live)["public.api_keys"] != before
    pg.again()
    assert restore(pg, live, "api_keys", state="rolled_back")["changed"]
    assert data(pg.server, live)["public.api_keys"] == before


def test_copies_are_dropped_by_a_later_restore_once_their_time_has_passed(pg: PgBench, live: str) -> None:
    run(pg, live, "DELETE FROM api_keys WHERE id = 1")
    first = restore(pg, live, "api_keys", keep_previous="1s")["kept"]
    run(pg, live, "DELETE FROM api_keys WHERE id = 2", "SELECT pg_sleep(2.1)")
    pg.again()
    second = restore(pg, live, "api_keys")["kept"]
    schemas = [name for (name,) in pg.server.query(live, "SELECT nspname FROM pg_namespace")]
    assert first not in schemas and second in schemas


def test_a_dropped_table_is_made_anew_with_indexes_constraints_and_references_to_it(pg: PgBench, live: str) -> None:
    described = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN"
        " (to_regclass('scans'), to_regclass('findings')) ORDER BY 1"
    )
    constraints, before = pg.server.query(live, described), data(pg.server, live)
    run(pg, live, "DROP TABLE scans CASCADE")
    result = restore(pg, live, "public.scans", keep_previous=0)
    assert result["changed"] and counts(result, "public.scans") == {**NOTHING, "inserted": 3}
    assert pg.server.query(live, described) == constraints
    assert data(pg.server, live) == before
    run(pg, live, "INSERT INTO scans (target, started_at) VALUES ('after', now())")
    assert pg.server.query(live, "SELECT id FROM scans WHERE target = 'after'") == [(4,)]


def test_a_sequence_that_was_set_back_is_moved_past_every_value(pg: PgBench, live: str) -> None:
    run(pg, live, "DELETE FROM scans", "ALTER SEQUENCE scans_id_seq RESTART")
    restore(pg, live, "scans", "findings")
    run(pg, live, "INSERT INTO scans (target, started_at) VALUES ('after', now())")
    assert pg.server.query(live, "SELECT id FROM scans WHERE target = 'after'") == [(4,)]


def test_rows_without_what_they_refer_to_are_refused_and_nothing_is_changed(pg: PgBench, live: str) -> None:
    run(pg, live, "DELETE FROM scans WHERE id = 2")
    before = data(pg.server, live)
    with pytest.raises(TaskFailed, match="findings_scan_id_fkey"):
        restore(pg, live, "findings")
    assert data(pg.server, live) == before
    assert pg.server.query(live, "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^sentraplay'") == [(0,)]


def test_replacing_never_deletes_rows_of_another_table_silently(pg: PgBench, live: str) -> None:
    run(
        pg,
        live,
        "INSERT INTO scans (id, target, started_at) VALUES (99, 'newer', now())",
        "INSERT INTO findings (scan_id, severity, title) VALUES (99, 'low', 'newer')",
    )
    before = data(pg.server, live)
    with pytest.raises(Refused, match=r"would change 1 rows of public\.findings"):
        restore(pg, live, "scans", mode="replace")
    assert data(pg.server, live) == before
    pg.again()
    assert restore(pg, live, "scans", "findings", mode="replace")["changed"]


def test_triggers_of_users_neither_fire_nor_stay_off(pg: PgBench, live: str) -> None:
    run(
        pg,
        live,
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := 'X'; RETURN NEW; END $$",
        "CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON baselines FOR EACH ROW EXECUTE FUNCTION shout()",
        "DELETE FROM baselines WHERE id = 1",
    )
    restore(pg, live, "baselines")
    assert pg.server.query(live, "SELECT name FROM baselines WHERE id = 1") == [("baseline 1",)]
    assert pg.server.query(live, "SELECT tgenabled FROM pg_trigger WHERE tgname = 'shout'") == [("O",)]


def test_a_table_without_a_primary_key_needs_a_key_and_one_with_double_values_is_refused(
    pg: PgBench, live: str
) -> None:
    with pytest.raises(Refused, match="no primary key"):
        restore(pg, live, '"Odd Names"')
    with pytest.raises(Refused, match="told apart"):
        restore(pg, live, {"name": '"Odd Names"', "key": ["ключ"]})


def test_odd_values_come_back_exactly(pg: PgBench, live: str) -> None:
    before = data(pg.server, live)
    run(
        pg,
        live,
        "UPDATE findings SET title = '', evidence = NULL, tags = NULL, score = NULL",
        "DELETE FROM baselines",
    )
    restore(pg, live, "findings", "baselines", keep_previous=0)
    assert data(pg.server, live) == before


def test_generated_and_identity_columns_and_new_columns_are_no_obstacle(pg: PgBench) -> None:
    with database(pg.server, scans=None) as name:
        run(
            pg,
            name,
            "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text,"
            " b text GENERATED ALWAYS AS (upper(a)) STORED)",
            "INSERT INTO t (a) VALUES ('x'), ('y')",
        )
        pg.backup(name, service="t")
        run(pg, name, "DELETE FROM t WHERE id = 1", "ALTER TABLE t ADD c integer DEFAULT 7")
        pg.apply("pg_table_restore", service="t", repository="main", database=name, tables=["t"])
        assert pg.server.query(name, "SELECT * FROM t ORDER BY id") == [(1, "x", "X", 7), (2, "y", "Y", 7)]


def test_a_column_that_is_gone_is_not_lost_silently(pg: PgBench, live: str) -> None:
    run(pg, live, "ALTER TABLE api_keys DROP revoked")
    with pytest.raises(Refused, match="has no column revoked any more"):
        restore(pg, live, "api_keys")


def test_rows_come_from_a_csv_file_too(pg: PgBench, live: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text('id,name,key_hash\n1,"key, ""one""",\\x00ff\n77,new,\\x01\n')
    tables = [{"name": "api_keys", "csv": str(file)}]
    outcome = pg.apply("pg_table_restore", database=live, tables=tables)
    assert counts(dict(outcome.data), "public.api_keys") == {"inserted": 1, "updated": 1, "deleted": 0}
    found = pg.server.query(live, "SELECT name, key_hash, revoked FROM api_keys WHERE id IN (1, 77) ORDER BY id")
    assert [(name, bytes(value), revoked) for name, value, revoked in found] == [
        ('key, "one"', b"\x00\xff", False),
        ("new", b"\x01", False),
    ]


def test_a_csv_file_with_a_column_nobody_knows_is_refused(pg: PgBench, live: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("id,nonsense\n1,2\n")
    with pytest.raises(TaskFailed, match="nonsense"):
        pg.apply("pg_table_restore", database=live, tables=[{"name": "api_keys", "csv": str(file)}])


def test_a_view_is_no_table_and_an_unknown_name_is_told(pg: PgBench, live: str) -> None:
    with pytest.raises(TaskFailed, match="no plain table"):
        restore(pg, live, "open_findings")
    with pytest.raises(TaskFailed, match="no table nothing"):
        restore(pg, live, "nothing")


def test_nothing_is_left_behind_but_the_copies(pg: PgBench, live: str) -> None:
    databases = pg.server.databases()
    run(pg, live, "DELETE FROM baselines")
    result = restore(pg, live, "baselines")
    assert pg.server.databases() == databases
    schemas = {name for (name,) in pg.server.query(live, "SELECT nspname FROM pg_namespace WHERE nspname ~ 'sentra'")}
    assert schemas == {result["kept"]}


def test_check_mode_looks_at_backup_and_tables_and_knows_no_numbers(pg: PgBench, live: str) -> None:
    asked = {"service": "app", "repository": "main", "database": live}
    assert pg.preview("pg_table_restore", tables=["scans"], **asked).needed is None
    with pytest.raises(Refused, match="no primary key"):
        pg.preview("pg_table_restore", tables=['"Odd Names"'], **asked)
