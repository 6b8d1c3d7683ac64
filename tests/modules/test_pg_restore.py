"""pg_restore: beside the live database, proved, swapped in; undone; cut off anywhere and done again."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
import pyrage
import pytest

from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.modules.postgres import archive, marker, memory, pg_restore, restoring, swap
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.repositories.contract import EncryptionKeys
from runner.repositories.directory import DirectoryRepository
from runner.secret import Secret
from tests.modules.pg_bed import PgBench
from tests.support.fulldisk import TinyDisk
from tests.support.postgres import PostgresServer
from tests.support.scanner_data import contents

ODD_NAMES = ["Plain Name", "quo\"ted ' \\ x=y", "datenbank größe äöü", "n" * 63]


class Killed(BaseException):
    """The process dies here: nothing of ours cleans up after it."""


@pytest.fixture
def host() -> Iterator[Host]:
    local = open_local()
    yield local
    local.close()


@pytest.fixture
def bench(host: Host, postgres_server: PostgresServer, tmp_path: Path) -> PgBench:
    return PgBench(host, postgres_server, tmp_path)


@contextmanager
def database(server: PostgresServer, name: str = "", scans: int | None = 3) -> Iterator[str]:
    """A database that goes with everything restores made beside it."""
    before = server.databases()
    made = server.create_database(name, scans=scans)
    try:
        yield made
    finally:
        for left in server.databases() - before:
            server.query("postgres", f"ALTER DATABASE {quoted(left)} ALLOW_CONNECTIONS true")
            server.drop_database(left)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def data(server: PostgresServer, name: str) -> dict[str, tuple[int, str]]:
    with server.connect(name) as connection:
        return contents(connection)


def open_to_all(server: PostgresServer, name: str) -> bool:
    return bool(server.query("postgres", "SELECT datallowconn FROM pg_database WHERE datname = %s", name)[0][0])


def dying(module: object, function: str, monkeypatch: pytest.MonkeyPatch, *, after: bool = False) -> Callable[[], None]:
    """The process dies before (or after) the next call of a step; gives what undoes the trap."""
    real = getattr(module, function)

    def trap(*arguments: object, **keywords: object) -> object:
        if after:
            real(*arguments, **keywords)
        raise Killed

    monkeypatch.setattr(module, function, trap)
    return lambda: monkeypatch.setattr(module, function, real)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_destroyed_database_comes_back_as_it_was(bench: PgBench, name: str) -> None:
    with database(bench.server, name) as live:
        before = data(bench.server, live)
        backup = bench.backup(live)
        bench.server.query(live, "DROP TABLE findings CASCADE")
        outcome = bench.restore(live)
        assert outcome.changed
        assert data(bench.server, live) == before
        assert outcome.data["backup_id"] == backup["backup_id"]
        assert outcome.data["restored_point"] == backup["restored_point"]
        previous = str(outcome.data["previous"])
        assert previous in bench.server.databases() and not open_to_all(bench.server, previous)


def test_on_a_new_server_the_database_is_made_with_its_roles(
    bench: PgBench, own_postgres: Callable[..., PostgresServer]
) -> None:
    role = bench.server.create_role()
    with bench.server.disposable_database(owner=role, scans=2) as name:
        bench.server.query("postgres", f'ALTER DATABASE {name} SET search_path TO public, "Odd One"')
        bench.server.query("postgres", f"GRANT CONNECT ON DATABASE {name} TO {quoted(role.name)} WITH GRANT OPTION")
        before = data(bench.server, name)
        bench.backup(name)
        new = own_postgres()
        outcome = bench.restore(name, server=new.server())
        assert data(new, name) == before
        assert role.name in outcome.data["roles_created"]  # type: ignore[operator]  # a list
        assert outcome.data["previous"] == ""
        with new.connect(name, role) as session:
            assert session.execute("SELECT current_user").fetchone() == (role.name,), "its password came back too"
            assert session.execute("SHOW search_path").fetchone() == ('public, "Odd One"',)
        assert not bench.restore(name, server=new.server()).changed


def test_existing_roles_are_left_as_they_are(bench: PgBench) -> None:
    role = bench.server.create_role()
    with database(bench.server) as live:
        bench.backup(live)
        bench.server.query("postgres", f"ALTER ROLE {quoted(role.name)} PASSWORD 'changed since'")
        bench.restore(live)
    changed = type(role)(role.name, "changed since")
    assert bench.server.connect(role=changed).execute("SELECT 1").fetchone() == (1,)


def test_settings_privileges_and_comment_are_carried_over(bench: PgBench) -> None:
    role = bench.server.create_role()
    who = quoted(role.name)
    with database(bench.server) as live:
        bench.backup(live)
        for statement in (
            f"ALTER DATABASE {live} SET work_mem TO '9MB'",
            f'ALTER ROLE {who} IN DATABASE {live} SET search_path TO "$user", public',
            f"REVOKE CONNECT ON DATABASE {live} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {live} TO {who}",
            f"ALTER DATABASE {live} CONNECTION LIMIT 17",
            f"COMMENT ON DATABASE {live} IS 'mind this'",
        ):
            bench.server.query("postgres", statement)
        bench.restore(live)
        limit, acl, comment = bench.server.query(
            "postgres",
            "SELECT datconnlimit, datacl::text, shobj_description(oid, 'pg_database')"
            " FROM pg_database WHERE datname = %s",
            live,
        )[0]
        assert limit == 17 and comment.startswith("mind this\n")
        assert "=Tc" not in acl.replace("postgres=CTc", "") and role.name in acl
        assert bench.server.query(live, "SHOW work_mem") == [("9MB",)]
        with bench.server.connect(live, role) as session:
            assert session.execute("SHOW search_path").fetchone() == ('"$user", public',)


def test_sessions_that_come_back_at_once_do_not_stop_the_swap(bench: PgBench) -> None:
    over = threading.Event()
    answers: list[int] = []

    def insist(live: str) -> None:
        while not over.is_set():
            try:
                with bench.server.connect(live) as session:
                    while not over.is_set():
                        answers.append(session.execute("SELECT count(*) FROM scans").fetchone()[0])  # type: ignore[index]
            except psycopg.OperationalError:
                continue

    with database(bench.server) as live:
        bench.backup(live)
        bench.server.query(live, "INSERT INTO scans SELECT * FROM scans WHERE false")
        clients = [threading.Thread(target=insist, args=(live,)) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            outcome = bench.restore(live)
            seen = len(answers)
            while len(answers) < seen + 20:
                pass
        finally:
            over.set()
            for client in clients:
                client.join()
        assert outcome.changed and set(answers) == {3}


def test_the_old_database_comes_back(bench: PgBench) -> None:
    with database(bench.server) as live:
        bench.backup(live)
        bench.server.query(live, "CREATE TABLE written_since AS SELECT 42 AS x")
        bench.server.query("postgres", f"COMMENT ON DATABASE {live} IS 'mine'")
        bench.restore(live)
        assert bench.server.query(live, "SELECT to_regclass('written_since')") == [(None,)]
        assert bench.preview("pg_restore", database=live, state="rolled_back").needed is True
        undone = bench.apply("pg_restore", database=live, state="rolled_back")
        assert undone.changed
        assert bench.server.query(live, "SELECT x FROM written_since") == [(42,)]
        assert str(undone.data["undone"]) in bench.server.databases()
        again = bench.apply("pg_restore", database=live, state="rolled_back")
        assert not again.changed
        assert bench.preview("pg_restore", database=live, state="rolled_back").needed is False


def test_rolling_back_what_was_never_restored_changes_nothing(bench: PgBench) -> None:
    with database(bench.server) as live:
        assert not bench.apply("pg_restore", database=live, state="rolled_back").changed


def test_rolling_back_to_a_database_somebody_dropped_is_refused(bench: PgBench) -> None:
    with database(bench.server) as live:
        bench.backup(live)
        previous = str(bench.restore(live).data["previous"])
        bench.server.drop_database(previous)
        with pytest.raises(Refused, match="nothing to bring back"):
            bench.apply("pg_restore", database=live, state="rolled_back")
        assert open_to_all(bench.server, live)


def test_the_previous_database_goes_only_when_its_time_has_passed(bench: PgBench) -> None:
    with database(bench.server) as live:
        bench.backup(live)
        first = str(bench.restore(live, keep_previous=0).data["previous"])
        assert first in bench.server.databases(), "the run that kept it never drops it"
        time.sleep(1.1)  # how long something is kept is counted in whole seconds
        bench.again()
        second = str(bench.restore(live, keep_previous="7d").data["previous"])
        bench.again()
        third = str(bench.restore(live).data["previous"])
        assert first not in bench.server.databases()
        assert {second, third} <= bench.server.databases()


def test_large_objects_and_odd_schemas_come_back(bench: PgBench) -> None:
    with database(bench.server, scans=None) as live:
        bench.server.query(live, 'CREATE SCHEMA "shard_0 1"')
        bench.server.query(
            live,
            'CREATE TABLE "shard_0 1"."T" AS SELECT g AS x, lo_from_bytea(0, \'\\xdeadbeef\') AS o'
            " FROM generate_series(1, 4) g",
        )
        bench.backup(live)
        outcome = bench.restore(live)
        assert outcome.data["row_counts"] == {'"shard_0 1"."T"': 4}
        assert bench.server.query(live, 'SELECT count(lo_get(o)) FROM "shard_0 1"."T"') == [(4,)]


def test_an_empty_database_comes_back_too(bench: PgBench) -> None:
    with database(bench.server, scans=None) as live:
        bench.backup(live)
        assert bench.restore(live).data["rows"] == 0


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_every_compression_comes_back(bench: PgBench, compression: str) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live, compression=compression)
        bench.restore(live, jobs=1)
        assert data(bench.server, live) == before


def untouched(bench: PgBench, live: str, before: object) -> None:
    """The live database is as it was, open, and nothing lies beside it."""
    assert data(bench.server, live) == before
    assert open_to_all(bench.server, live)
    assert not [name for name in bench.server.databases() if name.startswith(f"{live}_")]


def test_a_flipped_bit_is_refused_wherever_it_is(bench: PgBench) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        path = bench.stored("database", bench.backup(live))
        whole = path.read_bytes()
        for position in (0, 1, 7, 100, 1000, 5000, -2000, -30, -1):
            content = bytearray(whole)
            content[position] ^= 0x10
            path.write_bytes(content)
            with pytest.raises(VerificationFailed):
                bench.restore(live)
        untouched(bench, live, before)


def test_a_truncated_dump_is_refused(bench: PgBench) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        path = bench.stored("database", bench.backup(live))
        whole = path.read_bytes()
        for size in (0, 1, len(whole) // 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(VerificationFailed):
                bench.restore(live)
        untouched(bench, live, before)


def test_a_dump_that_was_already_cut_when_it_was_stored_is_refused(
    bench: PgBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size and sha256 are right, the content is not: only decoding it shows that."""
    from runner.hosts.contract import Pipeline, Script
    from runner.modules.postgres import pg_dump

    real = pg_dump._compressed
    monkeypatch.setattr(
        pg_dump,
        "_compressed",
        lambda dump, compression: (
            Pipeline((dump, Script("head -c 20000; cat >/dev/null"), *compression.members))
            if "--snapshot" in " ".join(dump.argv)
            else real(dump, compression)
        ),
    )
    with database(bench.server, scans=10) as live:
        before = data(bench.server, live)
        bench.backup(live)
        with pytest.raises(VerificationFailed, match="cannot be decoded"):
            bench.restore(live)
        untouched(bench, live, before)


def test_an_encrypted_backup_is_restored_and_verified_and_shows_nothing(
    host: Host, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    identity = pyrage.x25519.Identity.generate()
    keys = EncryptionKeys((str(identity.to_public()),), lambda: (Secret(str(identity)),))
    bench = PgBench(host, postgres_server, tmp_path)
    bench.at.shelf.by_name["main"] = DirectoryRepository("main", host, str(bench.root), keys)
    with database(bench.server) as name:
        before = data(bench.server, name)
        bench.backup(name)
        assert all(path.suffix == ".age" for path in bench.files() if path.name != "manifest.json")
        bench.server.query(name, "DELETE FROM findings")
        bench.restore(name)
        assert data(bench.server, name) == before
    programs = {"programs": str(bench.server.programs)}
    bench.apply("backup_verify", service="app", repository="main", server=programs)


def test_a_missing_or_swapped_object_is_refused(bench: PgBench) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        first, second = bench.stored("database", bench.backup(live)), bench.stored("database", bench.backup(live))
        content = first.read_bytes()
        second.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(VerificationFailed):
            bench.restore(live)
        second.unlink()
        with pytest.raises(VerificationFailed, match="missing"):
            bench.restore(live)
        untouched(bench, live, before)


def test_a_broken_assertion_stops_before_the_swap(bench: PgBench) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        with pytest.raises(VerificationFailed, match="enough scans"):
            bench.restore(
                live, assertions=[{"name": "enough scans", "query": "SELECT count(*) FROM scans", "at_least": 99}]
            )
        untouched(bench, live, before)


def test_other_row_counts_than_recorded_stop_before_the_swap(bench: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = restoring.load

    def lossy(server: object, name: str, archive_path: str, jobs: int) -> None:
        real(server, name, archive_path, jobs)  # type: ignore[arg-type]  # passed through
        bench.server.query(name, "DELETE FROM findings WHERE ctid = (SELECT ctid FROM findings LIMIT 1)")

    monkeypatch.setattr(restoring, "load", lossy)
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        with pytest.raises(VerificationFailed, match=r"table public\.findings has \d+ rows instead of \d+"):
            bench.restore(live)
        untouched(bench, live, before)


def test_a_backup_from_a_newer_server_is_refused_before_anything_happens(
    bench: PgBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.modules.postgres import pg_dump

    real = pg_dump.versions
    monkeypatch.setattr(pg_dump, "versions", lambda *about: {**real(*about), "postgresql": "99.1"})
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        for step in (bench.preview, bench.apply):
            with pytest.raises(Refused, match=r"comes from PostgreSQL 99\.1"):
                step("pg_restore", service="app", repository="main", database=live)
        untouched(bench, live, before)


def test_an_extension_the_server_lacks_is_named_before_anything_happens(
    bench: PgBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.modules.postgres import catalog

    real = catalog.content

    def with_extension(ask: catalog.Ask) -> catalog.Content:
        found = real(ask)
        return catalog.Content(found.size, found.large_objects, (catalog.Extension("no_such_extension", "1.0"),))

    monkeypatch.setattr(catalog, "content", with_extension)
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        with pytest.raises(TaskFailed, match="no_such_extension"):
            bench.restore(live)
        untouched(bench, live, before)


def test_prepared_transactions_are_refused_before_anything_happens(
    bench: PgBench, own_postgres: Callable[..., PostgresServer]
) -> None:
    server = own_postgres({"max_prepared_transactions": "2"})
    name = server.create_database(scans=1)
    bench.backup(name, server=server.server())
    with server.connect(name) as session:
        session.execute("BEGIN")
        session.execute("CREATE TABLE held (x int)")
        session.execute("PREPARE TRANSACTION 'stuck'")
    with pytest.raises(Refused, match="stuck"):
        bench.restore(name, server=server.server())
    assert open_to_all(server, name)
    with server.connect(name) as session:
        session.execute("ROLLBACK PREPARED 'stuck'")
    assert bench.restore(name, server=server.server()).changed


def test_too_little_room_is_seen_before_anything_happens(bench: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.modules.postgres import catalog

    real = catalog.content
    monkeypatch.setattr(
        catalog, "content", lambda ask: catalog.Content(2**50, real(ask).large_objects, real(ask).extensions)
    )
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        with pytest.raises(TaskFailed, match="are free"):
            bench.restore(live)
        untouched(bench, live, before)


@pytest.mark.parametrize(
    ("where", "function", "after"),
    [
        (archive, "decode", False),
        (restoring, "create_database", True),
        (restoring, "load", False),
        (restoring, "prove", False),
        (swap, "comment", False),
        (swap, "exchange", False),
        (swap, "exchange", True),
    ],
)
def test_killed_anywhere_the_same_run_finishes_it(
    bench: PgBench, monkeypatch: pytest.MonkeyPatch, where: object, function: str, after: bool
) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        bench.server.query(live, "DROP TABLE findings CASCADE")
        free = dying(where, function, monkeypatch, after=after)
        with pytest.raises(Killed):
            bench.restore(live)
        free()
        bench.resume()
        outcome = bench.restore(live)
        assert outcome.changed is not (function == "exchange" and after)
        assert data(bench.server, live) == before
        beside = [name for name in bench.server.databases() if name.startswith(f"{live}_")]
        assert beside == [str(outcome.data["previous"])]


def test_a_proved_side_database_is_not_restored_again(bench: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(bench.server) as live:
        bench.backup(live)
        free = dying(swap, "exchange", monkeypatch)
        with pytest.raises(Killed):
            bench.restore(live)
        free()
        dying(restoring, "load", monkeypatch)
        bench.resume()
        assert bench.restore(live).changed


def test_a_server_that_dies_in_the_middle_of_the_swap_is_no_harm(
    bench: PgBench, own_postgres: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_postgres()
    name = server.create_database(scans=2)
    before = data(server, name)
    bench.backup(name, server=server.server())
    # What a crash between shutting the database and renaming it leaves.
    server.query("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    server.crash()
    server.start()
    outcome = bench.restore(name, server=server.server())
    assert outcome.changed and open_to_all(server, name)
    assert data(server, name) == before


def test_a_swap_that_cannot_be_leaves_the_live_database_open(bench: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        real = swap.carried_over
        monkeypatch.setattr(swap, "carried_over", lambda target, source: [*real(target, source), "SELECT 1/0"])
        with pytest.raises(TaskFailed, match="not swapped: .*"):
            bench.restore(live)
        assert data(bench.server, live) == before
        assert open_to_all(bench.server, live)


def test_a_swap_somebody_cancels_leaves_the_live_database_open(bench: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        bench.backup(live)
        real = swap.carried_over
        stalled = "PERFORM pg_cancel_backend(pg_backend_pid())"
        monkeypatch.setattr(swap, "carried_over", lambda target, source: [*real(target, source), stalled])
        with pytest.raises(TaskFailed, match="not swapped: canceling"):
            bench.restore(live)
        assert data(bench.server, live) == before
        assert open_to_all(bench.server, live)


def test_a_full_disk_on_the_server_is_named_and_nothing_is_lost(
    bench: PgBench,
    own_postgres: Callable[..., PostgresServer],
    tiny_disk: TinyDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from runner.modules.postgres import catalog

    place = tiny_disk.path / "space"
    place.mkdir(mode=0o700)
    shutil.chown(place, "postgres", "postgres")
    server = own_postgres()
    server.query("postgres", f"CREATE TABLESPACE tiny LOCATION '{place}'")
    real = catalog.properties

    def in_tiny(ask: catalog.Ask, name: str) -> catalog.Properties | None:
        found = real(ask, name)
        return found and replace(found, tablespace="tiny")

    live = server.create_database(scans=2)
    before = data(server, live)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "properties", in_tiny)
        bench.backup(live, server=server.server())
    tiny_disk.fill()
    with pytest.raises(TaskFailed, match="No space left") as caught:
        bench.restore(live, server=server.server())
    assert "make room" in caught.value.hint
    assert data(server, live) == before and open_to_all(server, live)
    # It could not write its last checkpoint to that disk.
    server.crash()


def test_check_mode_says_what_it_would_do_and_does_nothing(bench: PgBench) -> None:
    with database(bench.server) as live:
        before = data(bench.server, live)
        backup = bench.backup(live)
        change = bench.preview("pg_restore", service="app", repository="main", database=live)
        assert change.needed is True and backup["backup_id"] in change.summary
        untouched(bench, live, before)


def test_done_twice_in_one_run_it_changes_nothing_and_another_run_restores_again(bench: PgBench) -> None:
    with database(bench.server) as live:
        backup = bench.backup(live)
        first = bench.restore(live)
        again = bench.restore(live)
        assert not again.changed
        assert again.data["previous"] == first.data["previous"]
        assert again.data["keep_until"] == first.data["keep_until"]
        assert again.data["row_counts"] == first.data["row_counts"] == backup["row_counts"]
        assert bench.preview("pg_restore", service="app", repository="main", database=live).needed is False
        bench.again()
        bench.server.query(live, "DROP TABLE findings CASCADE")
        assert bench.restore(live).changed


def test_an_older_backup_is_restored_by_its_id(bench: PgBench) -> None:
    with database(bench.server) as live:
        older = bench.backup(live)
        bench.server.query(live, "CREATE TABLE newer AS SELECT 1 AS x")
        bench.backup(live)
        assert bench.restore(live, backup=older["backup_id"]).data["backup_id"] == older["backup_id"]
        assert bench.server.query(live, "SELECT to_regclass('newer')") == [(None,)]


def test_the_clock_of_the_data_is_utc(bench: PgBench) -> None:
    with database(bench.server) as live:
        bench.backup(live)
        point = datetime.fromisoformat(str(bench.restore(live).data["restored_point"]))
        assert point.utcoffset() is not None and point.utcoffset().total_seconds() == 0  # type: ignore[union-attr]


def test_a_marker_keeps_what_people_wrote() -> None:
    mark = marker.Marker(marker.Part.LIVE, "app", "r1", "b1", "2026-11-23T00:00:00Z", replaced="app_previous")
    comment = marker.write(mark, "two\nlines")
    assert marker.split(comment) == ("two\nlines", mark)
    assert marker.split(marker.write(mark, comment)) == ("two\nlines", mark)
    assert marker.split("sentraplay: is a nice tool") == ("sentraplay: is a nice tool", None)
    assert marker.split(None) == ("", None)


def test_a_name_beside_never_exceeds_what_postgresql_allows() -> None:
    for name in ("a" * 63, "ä" * 31, "short"):
        beside = marker.name_beside(name, "_previous_20261123T000000Z")
        assert len(beside.encode()) <= 63 and beside.endswith("_previous_20261123T000000Z")
    assert pg_restore.PgRestoreArgs(database="x").keep_previous == "7d"


def seen(bench: PgBench, server: PostgresServer) -> Postgres:
    return Postgres(bench.at.host, Server(str(server.sockets), server.port, password=Secret(server.superuser.password)))


def test_index_builds_get_an_eighth_of_the_free_memory(bench: PgBench, postgres_server: PostgresServer) -> None:
    option = memory.for_indexes(seen(bench, postgres_server), 2)
    given = int(option.removeprefix("-c maintenance_work_mem=").removesuffix("kB"))
    (free,) = [line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line]
    assert 64 * 1024 < given <= min(int(free) // 8, 1024 * 1024)


def test_index_builds_of_a_restore_have_that_memory(
    bench: PgBench, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_MOST", 123_456)
    with database(postgres_server) as name:
        postgres_server.query(
            name,
            "CREATE FUNCTION told(n bigint) RETURNS text IMMUTABLE LANGUAGE sql"
            " AS $$ SELECT current_setting('maintenance_work_mem') $$; CREATE INDEX seen ON scans (told(id))",
        )
        bench.backup(name)
        bench.restore(name)
        with postgres_server.connect(name) as connection:
            connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            by_index = connection.execute("SELECT count(*) FROM scans WHERE told(id) = '123456kB'").fetchone()
    assert by_index == (3,)


def test_index_builds_keep_the_memory_of_a_server_that_gives_them_more(
    bench: PgBench, postgres_server: PostgresServer
) -> None:
    postgres_server.query("postgres", "ALTER ROLE postgres SET maintenance_work_mem = '1TB'")
    try:
        assert memory.for_indexes(seen(bench, postgres_server), 2) == ""
    finally:
        postgres_server.query("postgres", "ALTER ROLE postgres RESET maintenance_work_mem")


def test_index_builds_keep_the_memory_of_a_server_whose_machine_is_not_seen(
    bench: PgBench, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = seen(bench, postgres_server)
    monkeypatch.setattr(Postgres, "seen_directory", None)
    assert memory.for_indexes(server, 2) == ""
