"""pg_restore: what cannot come back whole is refused, and the live database is as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.modules.postgres import restoring
from tests.modules.pg_bed import PgBench, data, database, open_to_all, untouched
from tests.support.postgres import PostgresServer


def test_a_flipped_bit_is_refused_wherever_it_is(pg: PgBench) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        path = pg.stored("database", pg.backup(live))
        whole = path.read_bytes()
        for position in (0, 1, 7, 100, 1000, 5000, -2000, -30, -1):
            content = bytearray(whole)
            content[position] ^= 0x10
            path.write_bytes(content)
            with pytest.raises(VerificationFailed):
                pg.restore(live)
        untouched(pg, live, before)


def test_a_truncated_dump_is_refused(pg: PgBench) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        path = pg.stored("database", pg.backup(live))
        whole = path.read_bytes()
        for size in (0, 1, len(whole) // 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(VerificationFailed):
                pg.restore(live)
        untouched(pg, live, before)


def test_a_dump_that_was_already_cut_when_it_was_stored_is_refused(
    pg: PgBench, monkeypatch: pytest.MonkeyPatch
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
    with database(pg.server, scans=10) as live:
        before = data(pg.server, live)
        pg.backup(live)
        with pytest.raises(VerificationFailed, match="cannot be decoded"):
            pg.restore(live)
        untouched(pg, live, before)


def test_a_missing_or_swapped_object_is_refused(pg: PgBench) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        first, second = pg.stored("database", pg.backup(live)), pg.stored("database", pg.backup(live))
        content = first.read_bytes()
        second.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(VerificationFailed):
            pg.restore(live)
        second.unlink()
        with pytest.raises(VerificationFailed, match="missing"):
            pg.restore(live)
        untouched(pg, live, before)


def test_a_broken_assertion_stops_before_the_swap(pg: PgBench) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        with pytest.raises(VerificationFailed, match="enough scans"):
            pg.restore(
                live, assertions=[{"name": "enough scans", "query": "SELECT count(*) FROM scans", "at_least": 99}]
            )
        untouched(pg, live, before)


def test_other_row_counts_than_recorded_stop_before_the_swap(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = restoring.load

    def lossy(server: object, name: str, archive_path: str, jobs: int) -> None:
        real(server, name, archive_path, jobs)  # type: ignore[arg-type]  # passed through
        pg.server.query(name, "DELETE FROM findings WHERE ctid = (SELECT ctid FROM findings LIMIT 1)")

    monkeypatch.setattr(restoring, "load", lossy)
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        with pytest.raises(VerificationFailed, match=r"table public\.findings has \d+ rows instead of \d+"):
            pg.restore(live)
        untouched(pg, live, before)


def test_a_backup_from_a_newer_server_is_refused_before_anything_happens(
    pg: PgBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.modules.postgres import pg_dump

    real = pg_dump.versions
    monkeypatch.setattr(pg_dump, "versions", lambda *about: {**real(*about), "postgresql": "99.1"})
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        for step in (pg.preview, pg.apply):
            with pytest.raises(Refused, match=r"comes from PostgreSQL 99\.1"):
                step("pg_restore", service="app", repository="main", database=live)
        untouched(pg, live, before)


def test_an_extension_the_server_lacks_is_named_before_anything_happens(
    pg: PgBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.modules.postgres import catalog

    real = catalog.content

    def with_extension(ask: catalog.Ask) -> catalog.Content:
        found = real(ask)
        return catalog.Content(found.size, found.large_objects, (catalog.Extension("no_such_extension", "1.0"),))

    monkeypatch.setattr(catalog, "content", with_extension)
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        with pytest.raises(TaskFailed, match="no_such_extension"):
            pg.restore(live)
        untouched(pg, live, before)


def test_prepared_transactions_are_refused_before_anything_happens(
    pg: PgBench, own_postgres: Callable[..., PostgresServer]
) -> None:
    server = own_postgres({"max_prepared_transactions": "2"})
    name = server.create_database(scans=1)
    pg.backup(name, server=server.server())
    with server.connect(name) as session:
        session.execute("BEGIN")
        session.execute("CREATE TABLE held (x int)")
        session.execute("PREPARE TRANSACTION 'stuck'")
    with pytest.raises(Refused, match="stuck"):
        pg.restore(name, server=server.server())
    assert open_to_all(server, name)
    with server.connect(name) as session:
        session.execute("ROLLBACK PREPARED 'stuck'")
    assert pg.restore(name, server=server.server()).changed


def test_too_little_room_is_seen_before_anything_happens(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.modules.postgres import catalog

    real = catalog.content
    monkeypatch.setattr(
        catalog, "content", lambda ask: catalog.Content(2**50, real(ask).large_objects, real(ask).extensions)
    )
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        with pytest.raises(TaskFailed, match="are free"):
            pg.restore(live)
        untouched(pg, live, before)
