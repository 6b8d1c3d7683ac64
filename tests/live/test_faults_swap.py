"""restore-database.yml under a service that never stops asking: swapped in, or undone when the service is not well."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.support.rig import Rig

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

CLIENTS = 4


class Service:
    """Clients that hold sessions open, ask all the time, and come back at once when they are thrown out."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._over = threading.Event()
        self.answers: list[tuple[float, int]] = []
        self.bugs: list[BaseException] = []
        self.thrown_out = 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(timeout=20)

    def longest_silence(self) -> float:
        """Seconds between two answers, of all clients together."""
        times = sorted(at for at, _ in self.answers)
        return max(after - before for before, after in zip(times, times[1:], strict=False))

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                with self._rig.postgres.connect(self._rig.database) as connection:
                    self._ask(connection)
            except psycopg.OperationalError:
                self.thrown_out += 1
            except Exception as error:  # noqa: BLE001  told by the test
                self.bugs.append(error)
                return

    def _ask(self, connection: psycopg.Connection[tuple[int]]) -> None:
        while not self._over.is_set():
            row = connection.execute("SELECT count(*) FROM scans").fetchone()
            assert row is not None
            self.answers.append((time.monotonic(), row[0]))
            self._over.wait(0.02)


def test_a_busy_database_is_swapped_and_nobody_sees_anything_but_the_old_or_the_new(rig: Rig) -> None:
    rows = rig.rows(rig.database)
    old = rows_of(rig)
    rig.play("backup.yml")
    rig.postgres.query(
        rig.database, "INSERT INTO scans (target, started_at) SELECT 'later', now() FROM generate_series(1, 7)"
    )
    service = Service(rig)
    with service.running():
        rig.play("restore-database.yml")
    assert service.bugs == []
    assert service.thrown_out
    seen = [count for _, count in sorted(service.answers)]
    assert set(seen) == {old, old + 7}
    assert seen[0] == old + 7
    assert seen[-1] == old
    assert service.longest_silence() < 10
    assert rig.rows(rig.database) == rows
    (kept,) = [name for name in rig.databases() if "previous" in name]
    rig.postgres.query("postgres", f'ALTER DATABASE "{kept}" ALLOW_CONNECTIONS true')
    assert rig.postgres.query(kept, "SELECT count(*) FROM scans") == [(old + 7,)]
    rig.nothing_half_done()


def test_a_busy_service_that_is_not_well_with_it_gets_its_old_database_back(rig: Rig) -> None:
    rig.play("backup.yml")
    rig.postgres.query(
        rig.database, "INSERT INTO scans (target, started_at) SELECT 'later', now() FROM generate_series(1, 7)"
    )
    rows = rig.rows(rig.database)
    service = Service(rig)
    with service.running():
        said = rig.play("restore-database.yml", "-e", "health_url=http://127.0.0.1:9/nobody", code=2)
    assert "The restore was undone: The service answers failed. The old database is live." in said
    assert service.bugs == []
    assert rig.rows(rig.database) == rows
    rig.nothing_half_done()


def rows_of(rig: Rig) -> int:
    ((count,),) = rig.postgres.query(rig.database, "SELECT count(*) FROM scans")
    return int(str(count))
