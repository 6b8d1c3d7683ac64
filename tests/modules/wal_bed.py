"""A cluster of its own with a spool and a repository, for whatever works on whole clusters."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.hosts.local import open_local
from tests.modules.pg_bed import PgBench
from tests.support.postgres import PostgresServer, programs_of, service_user
from tests.support.workplace import Workplace


@dataclass
class WalBench:
    """`bench` plays modules against `server`; `spool` is where its WAL waits."""

    bench: PgBench
    server: PostgresServer
    spool: Path

    @property
    def data(self) -> Path:
        return self.server.directory / "data"

    def archive(self, **more: object) -> Any:
        """pg_wal_archive's result."""
        return self.bench.apply("pg_wal_archive", spool=str(self.spool), **more)

    def archiving(self) -> None:
        """Set archiving up; the test itself restarts the server."""
        self.archive()
        self.server.stop()
        self.server.start()

    def ship(self) -> list[str]:
        return list(
            self.bench.apply("pg_wal_ship", service="app", repository="main", spool=str(self.spool)).data["files"]
        )  # type: ignore[call-overload]

    def base(self, **more: object) -> dict[str, Any]:
        """pg_basebackup's result."""
        where = {"service": "app", "repository": "main", "spool": str(self.spool)}
        server = self.server.server(socket=True)
        given = {**where, "server": server, **more}
        wanted = {name: value for name, value in given.items() if value is not None}
        return dict(self.bench.apply("pg_basebackup", **wanted).data)

    def where(self) -> dict[str, Any]:
        """Where backups and WAL are."""
        return {"service": "app", "repository": "main"}

    def place(self) -> dict[str, Any]:
        """Where the cluster is, and whose."""
        return {"data_directory": str(self.data), "run_as": service_user() or "nobody"}

    def pitr(self, **more: object) -> dict[str, Any]:
        """pg_pitr's result."""
        given = {**self.where(), **self.place(), **more}
        wanted = {name: value for name, value in given.items() if value is not None}
        return dict(self.bench.apply("pg_pitr", **wanted).data)

    def switch(self) -> str:
        """Ends the current segment and waits until the archiver has put it into the spool; its name."""
        self.sql("CREATE TABLE IF NOT EXISTS noise (at timestamptz); INSERT INTO noise VALUES (now())")
        name = str(self.sql("SELECT pg_walfile_name(pg_switch_wal())")[0][0])
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if str(self.sql("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver")[0][0]) >= name:
                return name
            time.sleep(0.05)
        raise AssertionError(f"{name} was not archived\n{self.server.log[-2000:]}")

    def end_by_pg_ctl(self) -> None:
        """For a server that a module started: nothing of ours keeps it."""
        stop = [str(self.server.programs / "pg_ctl"), "stop", "-D", str(self.data), "-m", "immediate", "-w", "-s"]
        subprocess.run(stop, check=False, timeout=60, user=service_user(), cwd="/")
        self.server.stop()

    def sql(self, text: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        return self.server.query(database, text)

    def stored(self) -> list[Path]:
        """The WAL files of the repository."""
        return sorted(path for path in (self.bench.root / "app" / "wal").rglob("*") if path.is_file())


@contextmanager
def benches(
    own_postgres: Callable[..., PostgresServer], workplace: Workplace, root: Path
) -> Iterator[Callable[..., WalBench]]:
    """Makes benches with archiving set up, of any major version and by any options of initdb's; their servers end with
    the context."""
    host = open_local()
    made: list[WalBench] = []

    def make(major: int = 15, *options: str) -> WalBench:
        server = own_postgres({"archive_mode": "on"}, programs_of(major, workplace), *options)
        made.append(wal_bench(PgBench(host, server, root), server, workplace))
        made[-1].archive()
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.end_by_pg_ctl()
        host.close()


def moment(wal: WalBench) -> str:
    """The server's clock, with no transaction at that very instant."""
    time.sleep(0.02)
    found = str(wal.sql("SELECT clock_timestamp()::text")[0][0])
    time.sleep(0.02)
    return found.replace(" ", "T")


def wal_bench(bench: PgBench, server: PostgresServer, workplace: Workplace) -> WalBench:
    return WalBench(bench, server, workplace.directory("spool", owner=service_user()) / "wal")
