"""pg_query and both ways to a server: psycopg through the tunnel, psql beside the server."""

from __future__ import annotations

import pytest

from runner.errors import TaskFailed, TimedOut, VerificationFailed
from runner.hosts.contract import Host
from runner.modules.postgres.database import CannotConnect, Database, Execution, SqlFailed
from runner.modules.postgres.psql import PsqlDatabase, Way
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.secret import Secret
from tests.modules.pg_bed import PgBench
from tests.support.postgres import PostgresServer

ODD_NAMES = ["plain", 'UPPER "quoted" name', "it's = a\\b é", "postgresql://x"]

EVERY_TYPE = """
SELECT 1 AS a, 'x\ny"z,é' AS b, NULL AS c, '' AS d, 1.50::numeric(10,2) AS e, 'NaN'::numeric AS f, now() = 'epoch' AS g,
'{"a":[1]}'::jsonb AS h, 'e'::bytea AS i, interval '1 day' AS j, 1e300::float8 AS k, ARRAY[1,2] AS l,
12345678901234567890123.45::numeric AS m, 7::numeric AS n, 'Infinity'::float8 AS o,
timestamptz '2026-11-23 04:00+02' AS p
"""


def described(server: PostgresServer, **more: object) -> Server:
    given = {**server.server(), **more}
    return Server(**{**given, "password": Secret(str(given["password"]))})  # type: ignore[arg-type]  # plain data


@pytest.fixture(params=["psycopg", "psql"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def reach(way: str, host: Host, server: Server, name: str) -> Database:
    postgres = Postgres(host, server, host)
    if way == "psycopg":
        return postgres.database(name)
    return PsqlDatabase(Way(host, server, postgres._found[-1], host), name)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_database_is_reached_whatever_its_name(
    way: str, name: str, host: Host, postgres_server: PostgresServer
) -> None:
    with postgres_server.disposable_database(name=name):
        assert reach(way, host, described(postgres_server), name).scalar("SELECT current_database()") == name


def test_values_read_the_same_both_ways(host: Host, postgres_server: PostgresServer) -> None:
    server = described(postgres_server)
    found = [reach(way, host, server, "postgres").rows(EVERY_TYPE) for way in ("psycopg", "psql")]
    assert found[0] == found[1]
    (row,) = found[0]
    assert row["b"] == 'x\ny"z,é'
    assert row["c"] is None and row["d"] == ""
    assert (row["e"], row["f"], row["g"], row["h"]) == (1.5, "NaN", False, {"a": [1]})
    assert row["m"] == "12345678901234567890123.45", "a float would have changed the number"
    assert row["p"] == "2026-11-23 02:00:00+00"


def test_statements_are_one_transaction(way: str, host: Host, postgres_server: PostgresServer) -> None:
    with postgres_server.disposable_database() as name:
        database = reach(way, host, described(postgres_server), name)
        with pytest.raises(SqlFailed, match="division by zero"):
            database.run(["CREATE TABLE t (x int)", "SELECT 1/0"])
        assert database.scalar("SELECT count(*) FROM pg_class WHERE relname = 't'") == 0
        database.run(["CREATE TABLE t (x int)", "INSERT INTO t VALUES (1), (2)"])
        with pytest.raises(SqlFailed):
            database.run(["INSERT INTO t VALUES (3)", "SELECT 1/0"], Execution(autocommit=True))
        assert database.scalar("SELECT count(*) FROM t") == 3


def test_reading_cannot_write(way: str, host: Host, postgres_server: PostgresServer) -> None:
    with postgres_server.disposable_database() as name:
        database = reach(way, host, described(postgres_server), name)
        with pytest.raises(SqlFailed, match="read-only") as caught:
            database.rows("CREATE TABLE t (x int)")
        assert caught.value.sqlstate == "25006"


def test_a_statement_that_takes_too_long_is_ended(way: str, host: Host, postgres_server: PostgresServer) -> None:
    database = reach(way, host, described(postgres_server), "postgres")
    with pytest.raises(SqlFailed, match="statement timeout"):
        database.run(["SELECT pg_sleep(60)"], Execution(timeout=0.2))


def test_a_snapshot_stays_as_it_was(way: str, host: Host, postgres_server: PostgresServer) -> None:
    with postgres_server.disposable_database() as name:
        postgres_server.query(name, "CREATE TABLE t AS SELECT 1 AS x")
        with reach(way, host, described(postgres_server), name).snapshot() as snapshot:
            postgres_server.query(name, "INSERT INTO t VALUES (2)")
            assert snapshot.rows("SELECT count(*) AS n FROM t") == ({"n": 1},)
            assert snapshot.name and snapshot.taken_at.endswith("Z")
        assert postgres_server.query("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", name) == [
            (0,)
        ]


def test_a_wrong_password_says_so_and_what_to_do(way: str, host: Host, postgres_server: PostgresServer) -> None:
    wrong = described(postgres_server, password="wrong one")
    with pytest.raises(CannotConnect, match="password authentication failed") as caught:
        reach(way, host, wrong, "postgres").scalar("SELECT 1")
    assert "server.password" in caught.value.hint
    assert "wrong one" not in str(caught.value)


def test_a_missing_database_says_so(way: str, host: Host, postgres_server: PostgresServer) -> None:
    with pytest.raises(CannotConnect, match='"No Such" does not exist'):
        reach(way, host, described(postgres_server), "No Such").scalar("SELECT 1")


def test_the_servers_own_address_is_named_and_not_this_end_of_the_tunnel(
    host: Host, postgres_server: PostgresServer
) -> None:
    with pytest.raises(CannotConnect) as caught:
        reach("psycopg", host, described(postgres_server, password="wrong one"), "postgres").scalar("SELECT 1")
    assert f" at {postgres_server.server()['host']}:{postgres_server.port}: FATAL:" in caught.value.message
    assert "connection to server" not in caught.value.message


def test_nobody_listening_says_so(way: str, host: Host, postgres_server: PostgresServer) -> None:
    with pytest.raises(CannotConnect, match="Connection refused"):
        reach(way, host, described(postgres_server, port=9), "postgres").scalar("SELECT 1")


def test_the_password_is_in_no_argument_list(host: Host, postgres_server: PostgresServer) -> None:
    server = described(postgres_server)
    command = Way(host, server, Postgres(host, server, host)._found[-1], host).psql("postgres", Execution(), "null")
    assert server.password is not None
    assert not any(server.password.reveal() in word for word in command.argv)
    assert not command.env


def test_the_unix_socket_works_too(host: Host, postgres_server: PostgresServer) -> None:
    server = described(postgres_server, host=str(postgres_server.sockets))
    assert Postgres(host, server, host).database("postgres").scalar("SELECT inet_client_addr() IS NULL") is True


def test_rows_are_the_result_and_reading_is_no_change(pg: PgBench) -> None:
    outcome = pg.apply("pg_query", database="postgres", query="SELECT 1 AS a UNION SELECT 2 ORDER BY 1")
    assert not outcome.changed
    assert outcome.data["rows"] == [{"a": 1}, {"a": 2}]
    assert outcome.data["rowcount"] == 2


def test_only_what_was_written_is_a_change(pg: PgBench) -> None:
    with pg.server.disposable_database() as name:
        assert pg.apply("pg_query", database=name, query="CREATE TABLE t (x int)").changed
        assert pg.apply("pg_query", database=name, query="INSERT INTO t VALUES (1)").changed
        assert not pg.apply("pg_query", database=name, query="UPDATE t SET x = 2 WHERE x = 99").changed
        assert pg.apply("pg_query", database=name, query="WITH d AS (DELETE FROM t RETURNING 1) SELECT 1").changed
        assert pg.apply("pg_query", database=name, query="VACUUM t", autocommit=True).changed


def test_parameters_hold_anything(pg: PgBench) -> None:
    nasty = "Robert'); DROP TABLE students;--\\ %s \"é"
    data = pg.apply("pg_query", database="postgres", query="SELECT %s AS a; SELECT %s AS b", params=["x", nasty]).data
    assert data["rows"] == [{"b": nasty}]
    named = pg.apply("pg_query", database="postgres", query="SELECT %(v)s AS v", params={"v": nasty}).data
    assert named["rows"] == [{"v": nasty}]


def test_a_script_beside_the_playbook_runs(pg: PgBench) -> None:
    (pg.directory / "make.sql").write_text("CREATE TABLE t (x text); -- a 100% comment;\nINSERT INTO t VALUES (';');\n")
    with pg.server.disposable_database() as name:
        pg.apply("pg_query", database=name, script="make.sql")
        assert pg.server.query(name, "SELECT x FROM t") == [(";",)]


def test_copy_from_the_client_is_refused(pg: PgBench) -> None:
    with pytest.raises(TaskFailed, match="COPY"):
        pg.apply("pg_query", database="postgres", query="COPY pg_class TO STDOUT")


@pytest.mark.parametrize("expect", [{"rows": 3}, {"at_least": 3}, {"at_most": 1}])
def test_another_number_of_rows_than_expected_is_a_failed_verification(pg: PgBench, expect: object) -> None:
    with pytest.raises(VerificationFailed, match="2 rows"):
        pg.apply("pg_query", database="postgres", query="VALUES (1), (2)", expect=expect)
    pg.apply("pg_query", database="postgres", query="VALUES (1), (2)", expect={"rows": 2})


@pytest.mark.parametrize(
    ("assertion", "complaint"),
    [
        ({"query": "SELECT 5", "equals": 6}, "5 instead of 6"),
        ({"query": "SELECT 5", "at_least": 6}, "at least 6"),
        ({"query": "SELECT 5", "at_most": 4}, "at most 4"),
        ({"query": "SELECT 1 = 2"}, "False instead of true"),
        ({"query": "SELECT 'yes'"}, "'yes' instead of true"),
        ({"query": "SELECT NULL", "at_least": 0}, "None instead of at least 0"),
        ({"query": "SELECT 'x'", "equals": None}, "'x' instead of None"),
        ({"query": "SELECT count(*) FROM no_such_table", "equals": 0}, "does not exist"),
    ],
)
def test_an_assertion_that_does_not_hold_is_a_failed_verification(
    pg: PgBench, assertion: dict[str, object], complaint: str
) -> None:
    with pytest.raises(VerificationFailed, match=complaint):
        pg.apply("pg_query", database="postgres", assertions=[{"query": "SELECT true"}, assertion])


def test_every_broken_assertion_is_named(pg: PgBench) -> None:
    with pytest.raises(VerificationFailed) as caught:
        pg.apply(
            "pg_query",
            database="postgres",
            assertions=[{"name": "one", "query": "SELECT false"}, {"name": "two", "query": "SELECT false"}],
        )
    assert caught.value.data["failed_assertions"] == ["one", "two"]


def test_assertions_that_hold_give_their_values(pg: PgBench) -> None:
    assertions = [{"name": "n", "query": "SELECT 5", "at_least": 1}, {"query": "SELECT NULL", "equals": None}]
    data = pg.apply("pg_query", database="postgres", assertions=assertions).data
    assert [one["value"] for one in data["assertions"]] == [5, None]  # type: ignore[attr-defined]  # a list of dicts


def test_an_assertion_cannot_write(pg: PgBench) -> None:
    with pg.server.disposable_database() as name:
        pg.server.query(name, "CREATE TABLE t AS SELECT 1 AS x")
        with pytest.raises(VerificationFailed, match="read-only"):
            writes = {"query": "WITH d AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM d", "equals": 1}
            pg.apply("pg_query", database=name, assertions=[writes])
        assert pg.server.query(name, "SELECT count(*) FROM t") == [(1,)]


def test_check_mode_knows_what_only_reads_and_nothing_else(pg: PgBench) -> None:
    reading = pg.preview("pg_query", database="postgres", query="SELECT 1 AS a", read_only=True)
    assert reading.needed is False and reading.data["rows"] == [{"a": 1}]
    with pg.server.disposable_database() as name:
        assert pg.preview("pg_query", database=name, query="CREATE TABLE t (x int)").needed is None
        assert pg.server.query(name, "SELECT to_regclass('t')") == [(None,)]


def test_a_statement_ends_with_the_tasks_time(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def over(seconds: float) -> None:
        raise TimedOut("the task's time was over")

    monkeypatch.setattr(pg.at, "sleep", over)
    with pytest.raises(TimedOut):
        pg.apply("pg_query", database="postgres", query="SELECT pg_sleep(60), 'the one that is ended'")
    left = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid() AND state = 'active'"
    assert pg.server.query("postgres", left, "%the one that is ended%") == [(0,)]
