"""A point-in-time recovery whose controller is killed with SIGKILL: resumed, it ends with exactly the target's rows."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.modules.wal_bed import WalBench, benches, moment
from tests.support.deployment import Controller
from tests.support.postgres import PostgresServer
from tests.support.workplace import Workplace, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SEGMENTS = 8


@dataclass(frozen=True, slots=True)
class Lost:
    """A cluster whose table was dropped, the controller that is to bring it back, and the rows it must have."""

    wal: WalBench
    controller: Controller
    rows: list[tuple[int]]

    @property
    def room(self) -> Path:
        return self.wal.data.parent / f".{self.wal.data.name}.sentraplay"

    def killed_when(self, reached: Callable[[], bool]) -> None:
        """Begin the recovery and kill its controller as soon as `reached` is true."""
        running = self.controller.start("run", "pitr.yml", "-i", str(self.controller.inventory))
        wait_until("the moment to kill", lambda: running.poll() is not None or reached(), 120, step=0.001)
        log = (self.controller.directory / "controller.log").read_text()
        assert running.poll() is None, f"it ended before it could be killed: {log}"
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait(timeout=10) == -signal.SIGKILL

    def resumed(self) -> None:
        """`sentraplay resume` ends well, with the rows of the target, and no side cluster is left."""
        self.controller.do("resume")
        assert self.wal.sql("SELECT n FROM log ORDER BY n") == self.rows
        assert self.wal.sql("SELECT pg_is_in_recovery()") == [(False,)]
        assert not (self.room / "new").exists() and not (self.room / "feed").exists()


@pytest.fixture
def lost(own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path) -> Iterator[Lost]:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("where systemd runs, a server started by hand is refused")
    with benches(own_postgres, workplace, tmp_path) as make:
        wal = make()
        wal.sql("CREATE TABLE log (n int)")
        wal.base()
        for n in range(SEGMENTS):
            wal.sql(f"INSERT INTO log VALUES ({n})")
            wal.switch()
        target, rows = moment(wal), wal.sql("SELECT n FROM log ORDER BY n")
        wal.sql("DROP TABLE log")
        wal.switch()
        wal.ship()
        controller = Controller(tmp_path)
        repository = {"type": "directory", "host": "localhost", "path": str(wal.bench.root)}
        hosts = {"db": {"ansible_connection": "local"}}
        controller.knows({"all": {"vars": {"repositories": {"main": repository}}, "hosts": hosts}})
        task = {"pg_pitr": {**wal.where(), **wal.place(), "target_time": target, "server": wal.server.server()}}
        play = [{"name": "Back to before", "hosts": "db", "gather_facts": False, "tasks": [task]}]
        (tmp_path / "pitr.yml").write_text(json.dumps(play))
        yield Lost(wal, controller, rows)


def test_killed_while_wal_is_replayed(lost: Lost) -> None:
    taken = lost.room / "feed" / "taken"
    started = lost.wal.sql("SELECT pg_postmaster_start_time()")
    lost.killed_when(lambda: taken.exists() and taken.read_bytes().count(b"\n") >= 2)
    assert lost.wal.sql("SELECT pg_postmaster_start_time()") == started, "the live cluster was touched"
    lost.resumed()


def test_killed_when_the_side_cluster_is_ready(lost: Lost) -> None:
    status = lost.room / "new" / lost.wal.data.name / "pg_wal" / "archive_status"
    lost.killed_when(lambda: (status / "00000002.history.ready").exists())
    lost.resumed()


def test_killed_when_the_live_directory_has_been_moved_away(lost: Lost) -> None:
    lost.killed_when(lambda: any(lost.room.glob("old-*/*")))
    lost.resumed()


def test_killed_when_the_recovered_cluster_is_in_its_place(lost: Lost) -> None:
    history = lost.wal.data / "pg_wal" / "00000002.history"
    lost.killed_when(history.exists)
    lost.resumed()
