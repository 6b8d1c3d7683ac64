"""Point-in-time recovery over SSH from an encrypted bucket, of a database under load: nothing lost, nothing extra."""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from pyrage import x25519

from runner.errors import VerificationFailed
from runner.repositories.contract import EncryptionKeys
from runner.repositories.s3 import S3Repository
from runner.secret import Secret
from tests.contracts.host_kinds import opened
from tests.modules.pg_bed import PgBench, Shelf
from tests.modules.wal_bed import WalBench, wal_bench
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer
from tests.support.repositories import bucket_settings
from tests.support.sshd import SshServer
from tests.support.workplace import Workplace

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

TARGETS = 20
SECONDS_OF_LOAD = 12.0


@dataclass(frozen=True, slots=True)
class Written:
    """A row, when its transaction was begun and when its commit was known (epoch seconds of the one clock here)."""

    number: int
    begun: float
    known: float


@pytest.fixture
def wal(
    own_postgres: Callable[..., PostgresServer],
    object_store: ObjectStore,
    sshd: SshServer,
    workplace: Workplace,
    tmp_path: Path,
) -> Iterator[WalBench]:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("where systemd runs, a server started by hand is refused")
    server = own_postgres({"archive_mode": "on"})
    identity = x25519.Identity.generate()
    keys = EncryptionKeys((str(identity.to_public()),), lambda: (Secret(str(identity)),))
    bucket = S3Repository("main", bucket_settings(object_store, object_store.create_bucket()), keys)
    with opened(sshd.host()) as host:
        found = wal_bench(PgBench(host, server, tmp_path), server, workplace)
        found.bench.at.shelf = Shelf({"main": bucket})
        found.archive()
        yield found
        found.end_by_pg_ctl()
        bucket.close()


class Load:
    """Sessions that write one row a transaction and keep a journal of their own."""

    def __init__(self, server: PostgresServer, sessions: int = 4) -> None:
        self._server = server
        self._over = threading.Event()
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()
        self.journal: list[Written] = []
        self._threads = [threading.Thread(target=self._write) for _ in range(sessions)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        with self._server.connect() as session:
            while not self._over.is_set():
                with self._lock:
                    number = next(self._numbers)
                begun = time.time()
                session.execute("INSERT INTO journal VALUES (%s, repeat('x', 500))", (number,))
                row = Written(number, begun, time.time())
                with self._lock:
                    self.journal.append(row)


def recovered(wal: WalBench) -> set[int]:
    return {int(row[0]) for row in wal.sql("SELECT number FROM journal")}


def test_at_any_moment_of_a_load_exactly_what_was_committed_comes_back(wal: WalBench) -> None:
    wal.sql("CREATE TABLE journal (number bigint PRIMARY KEY, filling text)")
    wal.base()
    with Load(wal.server) as load:
        until = time.monotonic() + SECONDS_OF_LOAD
        while time.monotonic() < until:
            time.sleep(1)
            wal.sql("SELECT pg_switch_wal()")
    wal.switch()
    wal.ship()
    first, last = load.journal[0].begun, max(row.known for row in load.journal)
    chance = random.Random(4711)
    for target in sorted(chance.uniform(first, last) for _ in range(TARGETS)):
        wal.bench.again()
        wal.pitr(target_time=datetime.fromtimestamp(target, UTC).isoformat(), timeline=1, keep_previous=0)
        there = recovered(wal)
        missing = [row for row in load.journal if row.known < target and row.number not in there]
        extra = [row for row in load.journal if row.begun > target and row.number in there]
        assert (missing, extra) == ([], []), target


def test_a_password_with_quotes_and_blanks_is_enough_for_everything(wal: WalBench) -> None:
    role = wal.server.create_role(options="SUPERUSER")
    assert {"'", '"', " ", "\\"} <= set(role.password)
    server = wal.server.server(role, socket=True)
    wal.sql("CREATE TABLE log (what text)")
    wal.base(server=server)
    with psycopg.connect(
        host=str(wal.server.sockets),
        port=wal.server.port,
        user=role.name,
        password=role.password,
        dbname="postgres",
        autocommit=True,
    ) as session:
        session.execute("INSERT INTO log VALUES ('here')")
    wal.switch()
    wal.ship()
    wal.pitr(server=server, assertions=[{"query": "SELECT count(*) FROM log", "equals": 1}])
    assert wal.sql("SELECT what FROM log") == [("here",)]


def test_every_wal_file_of_an_encrypted_bucket_can_be_read_again_and_a_damaged_one_is_named(wal: WalBench) -> None:
    wal.sql("CREATE TABLE t (n int)")
    wal.base()
    wal.switch()
    bad = wal.switch()
    wal.ship()
    where = {"state": "check", "level": "full", **wal.where()}
    found = wal.archive(**where).data
    assert found["read"] >= 3
    bucket = wal.bench.at.shelf.by_name["main"]
    (key,) = (one.key for one in bucket.list("app/wal/") if f"/{bad}-" in one.key)
    with bucket.get(key) as source:
        data = bytearray(source.read())
    data[-1] ^= 1
    bucket.put(key, io.BytesIO(bytes(data)))
    with pytest.raises(VerificationFailed, match=bad):
        wal.archive(**where)
    with pytest.raises(VerificationFailed, match=f"WAL file {bad} is damaged"):
        wal.pitr(server=wal.server.server())


def test_an_increment_in_an_encrypted_bucket_is_recovered_to_its_own_end(wal: WalBench) -> None:
    wal.sql("CREATE TABLE t (n int)")
    whole = wal.base()
    wal.sql("INSERT INTO t VALUES (1)")
    part = wal.base(incremental=True)
    wal.sql("INSERT INTO t VALUES (2)")
    wal.switch()
    wal.ship()
    assert part["parents"] == [whole["backup_id"]]
    wal.pitr(server=wal.server.server(), backup=part["backup_id"], target="immediate")
    assert wal.sql("SELECT n FROM t") == [(1,)]
