"""pg_restore: cut off anywhere it does no harm, and the same run finishes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from runner.errors import TaskFailed
from runner.modules.postgres import archive, restoring, swap
from tests.modules.pg_bed import PgBench, data, database, open_to_all
from tests.support.fulldisk import TinyDisk
from tests.support.postgres import PostgresServer


class Killed(BaseException):
    """The process dies here: nothing of ours cleans up after it."""


def dying(module: object, function: str, monkeypatch: pytest.MonkeyPatch, *, after: bool = False) -> Callable[[], None]:
    """The process dies before (or after) the next call of a step; gives what undoes the trap."""
    real = getattr(module, function)

    def trap(*arguments: object, **keywords: object) -> object:
        if after:
            real(*arguments, **keywords)
        raise Killed

    monkeypatch.setattr(module, function, trap)
    return lambda: monkeypatch.setattr(module, function, real)


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
    pg: PgBench, monkeypatch: pytest.MonkeyPatch, where: object, function: str, after: bool
) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        pg.server.query(live, "DROP TABLE findings CASCADE")
        free = dying(where, function, monkeypatch, after=after)
        with pytest.raises(Killed):
            pg.restore(live)
        free()
        pg.resume()
        outcome = pg.restore(live)
        assert outcome.changed is not (function == "exchange" and after)
        assert data(pg.server, live) == before
        beside = [name for name in pg.server.databases() if name.startswith(f"{live}_")]
        assert beside == [str(outcome.data["previous"])]


def test_a_proved_side_database_is_not_restored_again(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(pg.server) as live:
        pg.backup(live)
        free = dying(swap, "exchange", monkeypatch)
        with pytest.raises(Killed):
            pg.restore(live)
        free()
        dying(restoring, "load", monkeypatch)
        pg.resume()
        assert pg.restore(live).changed


def test_a_server_that_dies_in_the_middle_of_the_swap_is_no_harm(
    pg: PgBench, own_postgres: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_postgres()
    name = server.create_database(scans=2)
    before = data(server, name)
    pg.backup(name, server=server.server())
    # What a crash between shutting the database and renaming it leaves.
    server.query("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    server.crash()
    server.start()
    outcome = pg.restore(name, server=server.server())
    assert outcome.changed and open_to_all(server, name)
    assert data(server, name) == before


def test_a_swap_that_cannot_be_leaves_the_live_database_open(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        real = swap.carried_over
        monkeypatch.setattr(swap, "carried_over", lambda target, source: [*real(target, source), "SELECT 1/0"])
        with pytest.raises(TaskFailed, match="not swapped: .*"):
            pg.restore(live)
        assert data(pg.server, live) == before
        assert open_to_all(pg.server, live)


def test_a_swap_somebody_cancels_leaves_the_live_database_open(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(pg.server) as live:
        before = data(pg.server, live)
        pg.backup(live)
        real = swap.carried_over
        stalled = "PERFORM pg_cancel_backend(pg_backend_pid())"
        monkeypatch.setattr(swap, "carried_over", lambda target, source: [*real(target, source), stalled])
        with pytest.raises(TaskFailed, match="not swapped: canceling"):
            pg.restore(live)
        assert data(pg.server, live) == before
        assert open_to_all(pg.server, live)


def test_a_full_disk_on_the_server_is_named_and_nothing_is_lost(
    pg: PgBench,
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
        pg.backup(live, server=server.server())
    tiny_disk.fill()
    with pytest.raises(TaskFailed, match="No space left") as caught:
        pg.restore(live, server=server.server())
    assert "make room" in caught.value.hint
    assert data(server, live) == before and open_to_all(server, live)
    # It could not write its last checkpoint to that disk.
    server.crash()
