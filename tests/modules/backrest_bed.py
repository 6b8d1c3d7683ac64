"""A cluster that pgBackRest archives, and the steps that drive pgBackRest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from runner.hosts.local import open_local
from runner.repositories.directory import DirectoryRepository
from tests.modules.pg_bed import PgBench
from tests.modules.wal_bed import WalBench, wal_bench
from tests.support.capabilities import require
from tests.support.deployment import Controller
from tests.support.postgres import PostgresServer, programs_of, service_user
from tests.support.workplace import Workplace

ENGINE: Final[Mapping[str, Any]] = {"engine": "pgbackrest"}
ROWS: Final = "SELECT string_agg(what, ' ' ORDER BY what) FROM log"


@contextmanager
def archived_by_pgbackrest(
    own_postgres: Callable[..., PostgresServer], workplace: Workplace, folder: Path, *options: str
) -> Iterator[WalBench]:
    """Nothing is backed up yet; its user gets in by the socket without a password. `options` are initdb's."""
    require("pgbackrest")
    server = own_postgres({"archive_mode": "on"}, programs_of(15, workplace), *options)
    hba = server.directory / "data" / "pg_hba.conf"
    hba.write_text(f"local all postgres trust\n{hba.read_text()}")
    server.query("postgres", "SELECT pg_reload_conf()")
    host = open_local()
    found = wal_bench(PgBench(host, server, folder), server, workplace)
    root = workplace.directory("repository", mode=0o755)
    found.bench.at.shelf.by_name["main"] = DirectoryRepository("main", host, str(root))
    assert found.archive(**ENGINE, **found.where()).changed
    found.sql("CREATE TABLE log (what text); INSERT INTO log VALUES ('1')")
    try:
        yield found
    finally:
        found.end_by_pg_ctl()
        host.close()


def base(bench: WalBench, /, **more: object) -> dict[str, Any]:
    return bench.base(spool=None, **ENGINE, **more)


def check(wal: WalBench) -> dict[str, Any]:
    return dict(wal.archive(state="check", **ENGINE, **wal.where()).data)


def verify(wal: WalBench, level: str, **more: object) -> dict[str, Any]:
    given = {**wal.where(), "run_as": service_user() or "nobody", "kind": "base", "level": level, **ENGINE, **more}
    return dict(wal.bench.apply("backup_verify", server=wal.server.server(socket=True), **given).data)


def status(wal: WalBench, folder: Path, *words: str, code: int = 0) -> str:
    repository = wal.bench.at.shelf.by_name["main"]
    assert isinstance(repository, DirectoryRepository)
    root = str(Path(repository.path_of("x")).parent)
    return Controller(folder).do("backups", "status", root, *words, code=code)


def kept(wal: WalBench) -> Path:
    repository = wal.bench.at.shelf.by_name["main"]
    assert isinstance(repository, DirectoryRepository)
    return Path(f"{Path(repository.path_of('x')).parent}.pgbackrest", "app")


def flip(wal: WalBench) -> None:
    """Flip a bit in the largest file of the backups."""
    file = max((kept(wal) / "backup").rglob("*.zst"), key=lambda path: path.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
