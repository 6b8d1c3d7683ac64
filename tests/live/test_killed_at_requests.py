"""SIGKILL to the controller at a request to the store, before it arrives or after it took effect.

Whatever the moment: the catalogue lists only whole backups, and the next run ends well. The tests try moments all over
a run of each kind, other ones each time; SENTRAPLAY_KILLS=1000 tries every request.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.backup.catalogue import find, ids, sweep
from runner.backup.checking import check_whole
from runner.backup.identity import object_key
from runner.backup.lineage import lineage
from runner.backup.wal.archive import archived
from runner.repositories.s3 import S3Repository
from tests.modules.wal_bed import WalBench, benches
from tests.support.deployment import Controller
from tests.support.httpfaults import HttpFaultProxy, http_faults
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer
from tests.support.repositories import in_bucket
from tests.support.workplace import Workplace
from tests.unit.test_backup_copying import made

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]
SERVICE = "app"
KILLS = int(os.environ.get("SENTRAPLAY_KILLS", "10"))


class KilledError(Exception):
    """The controller is dead, and nobody is there to take a reply."""


@dataclass
class Deadly:
    """The way to the store; at its `at`th request it kills the controller, before it is forwarded or after."""

    proxy: HttpFaultProxy
    at: int = 0
    afterwards: bool = False
    controller: subprocess.Popen[bytes] | None = None
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.proxy.seen = self._seen
        self.proxy.done = self._done

    @property
    def count(self) -> int:
        """Requests since it was armed."""
        return self._count

    def arm(self, at: int, *, afterwards: bool) -> None:
        """`at` 0 kills nobody."""
        self._count, self.at, self.afterwards, self.controller = 0, at, afterwards, None

    def _seen(self, method: str, path: str) -> None:
        with self._lock:
            self._count += 1
            if self._count == self.at and not self.afterwards:
                self._kill()

    def _done(self, method: str, path: str) -> None:
        with self._lock:
            if self.afterwards and self.at and self._count >= self.at:
                self._kill()

    def _kill(self) -> None:
        self.at = 0
        assert self.controller is not None
        os.kill(self.controller.pid, signal.SIGKILL)
        raise KilledError


@dataclass
class Scene:
    """A controller whose store is behind `deadly`, with two buckets: repositories `main` and `far`."""

    controller: Controller
    deadly: Deadly
    store: ObjectStore
    buckets: Mapping[str, str]

    def plays(self, *tasks: Mapping[str, object]) -> None:
        play = [{"name": "Work", "hosts": "db", "gather_facts": False, "tasks": list(tasks)}]
        (self.controller.directory / "play.yml").write_text(json.dumps(play))

    def run(self, at: int = 0, *, afterwards: bool = False) -> bool:
        """Run the play, killed at that request; False if it came to its good end before."""
        self.deadly.arm(at, afterwards=afterwards)
        self.deadly.controller = self.controller.start("run", "play.yml", "-i", str(self.controller.inventory))
        code = self.deadly.controller.wait(timeout=240)
        said = (self.controller.directory / "controller.log").read_text(errors="replace")
        assert code in (0, -signal.SIGKILL), said[-3000:]
        return code != 0

    def repository(self, name: str) -> S3Repository:
        return in_bucket(self.store, self.buckets[name], prefix="")

    def at_many_requests(self, before: Callable[[], None] = lambda: None) -> None:
        """Requests all over a run, each time of a new one; `before` prepares every run."""
        before()
        assert not self.run()
        requests = self.deadly.count
        step = max(1, requests // KILLS)
        numbers = range(random.randint(1, step), requests + 1, step)
        print(f"killed at {numbers} of {requests} requests")
        assert sum(self._killed(number, before) for number in numbers) > len(numbers) // 2
        before()
        assert not self.run()
        self.is_sound(newest=1000)

    def _killed(self, number: int, before: Callable[[], None]) -> bool:
        before()
        killed = self.run(number, afterwards=random.random() < 0.5)
        self.is_sound(newest=3)
        return killed

    def is_sound(self, newest: int) -> None:
        """What is listed is whole, with all it builds on and the WAL it needs."""
        for name in self.buckets:
            with closing(self.repository(name)) as repository:
                for one in ids(repository, SERVICE)[-newest:]:
                    for part in lineage(repository, find(repository, SERVICE, one)):
                        check_whole(repository, part)

    def is_clean(self) -> None:
        """What the killed runs left is swept, and then every object is some backup's, or WAL."""
        for name, bucket in self.buckets.items():
            with closing(self.repository(name)) as repository:
                sweep(repository, SERVICE, timedelta(0))
                known = {wal.key for found in archived(repository, SERVICE).values() for wal in found}
                prefixes = tuple(object_key(SERVICE, one, "") for one in ids(repository, SERVICE))
                strange = [key for key in self.store.keys(bucket) if key not in known and not key.startswith(prefixes)]
                assert (strange, self.parts_left(bucket)) == ([], [])

    def parts_left(self, bucket: str) -> list[str]:
        """Uploads that hold something; of one without parts moto does not know the age, so it is not swept there."""
        client = self.store.client()
        return [
            one["Key"]
            for one in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
            if client.list_parts(Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"]).get("Parts")
        ]


@pytest.fixture
def scene(object_store: ObjectStore, tmp_path: Path) -> Iterator[Scene]:
    buckets = {name: object_store.create_bucket() for name in ("main", "far")}
    with http_faults(("127.0.0.1", object_store.port)) as proxy:
        controller = Controller(tmp_path)
        repositories = {
            name: object_store.repository(bucket, endpoint=proxy.endpoint) for name, bucket in buckets.items()
        }
        hosts = {"db": {"ansible_connection": "local"}}
        controller.knows({"all": {"vars": {"repositories": repositories}, "hosts": hosts}})
        yield Scene(controller, Deadly(proxy), object_store, buckets)


@pytest.fixture
def wal(own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path) -> Iterator[WalBench]:
    (tmp_path / "cluster").mkdir()
    with benches(own_postgres, workplace, tmp_path / "cluster") as make:
        yield make()


def named(ones: Sequence[str]) -> dict[str, Any]:
    return {"service": SERVICE, "repository": ones[0], "copy_to": list(ones[1:])}


def test_a_dump_and_its_copy(scene: Scene, postgres_server: PostgresServer) -> None:
    with postgres_server.disposable_database(scans=3) as database:
        server = postgres_server.server()
        scene.plays({"pg_dump": {**named(("main", "far")), "server": server, "database": database}})
        scene.at_many_requests()
    scene.is_clean()


def test_files_and_their_increments(scene: Scene, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scene.plays({"files_backup": {**named(("main", "far")), "paths": [str(data)], "incremental": True}})
    scene.at_many_requests(lambda: (data / os.urandom(4).hex()).write_bytes(os.urandom(50_000)) and None)
    scene.is_clean()


def test_a_base_backup_and_the_wal_it_needs(scene: Scene, wal: WalBench) -> None:
    backup = {**named(("main",)), "server": wal.server.server(socket=True), "spool": str(wal.spool)}
    scene.plays({"pg_basebackup": backup})
    scene.at_many_requests()
    scene.is_clean()


def test_wal_is_shipped_once_and_none_is_lost(scene: Scene, wal: WalBench) -> None:
    wal.sql("CREATE TABLE log (n int)")
    sent: list[str] = []

    def write() -> None:
        wal.sql(f"INSERT INTO log VALUES ({len(sent)})")
        sent.append(wal.switch())

    scene.plays({"pg_wal_ship": {"service": SERVICE, "repository": "main", "spool": str(wal.spool)}})
    scene.at_many_requests(write)
    with closing(scene.repository("main")) as repository:
        (found,) = archived(repository, SERVICE).values()
    names = [one.name for one in found]
    assert len(names) == len(set(names)) and set(sent) <= set(names)
    scene.is_clean()


def test_retention(scene: Scene) -> None:
    days = itertools.count(1)

    def backups() -> None:
        with closing(scene.repository("main")) as repository:
            for _ in range(3):
                moment = datetime(2025, 1, 1, 3, tzinfo=UTC) + timedelta(days=next(days))
                made(repository, f"{moment:%Y%m%dT%H%M%SZ}-files-7a120c4f09c1")

    keep = {"keep_last": 1, "minimum_verified": 0}
    scene.plays({"backup_prune": {"service": SERVICE, "repository": "main", "retention": keep}})
    scene.at_many_requests(backups)
    with closing(scene.repository("main")) as repository:
        assert len(ids(repository, SERVICE)) == 1
    scene.is_clean()
