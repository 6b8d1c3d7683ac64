"""Bytes on their way from a host into a repository, and everything that can go wrong there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.backup.transfer import at_hand, fetch, store
from runner.errors import ConnectionLost, RepositoryError
from runner.hosts.contract import CommandFailed, Host, Pipeline, Script, command
from runner.hosts.local import open_local
from runner.repositories.contract import StoredObject, Transfer
from tests.contracts.host_kinds import opened
from tests.support.fulldisk import TinyDisk
from tests.support.httpfaults import HttpFault, http_faults
from tests.support.objectstore import ObjectStore
from tests.support.proxy import Fault, FaultProxy
from tests.support.repositories import SMALLEST_PART, in_bucket, in_directory
from tests.support.sshd import SshServer
from tests.support.workplace import wait_until

pytestmark = pytest.mark.live
KEY = "service/id/object"
ENDLESS = Script("exec yes")


def producer(size: int) -> Script:
    return Script('yes "$$ some text" | head -c "$1"', (str(size),))


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    return object_store.create_bucket()


def content(repository: Any, stored: StoredObject) -> bytes:
    with repository.get(stored.key) as source:
        data: bytes = source.read()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (stored.size, stored.sha256)
    return data


def wait_for_parts_to_go() -> None:
    """No parts are left on this machine, those of other tests at work now left aside: they come and go."""
    seen = set(Path("/dev/shm").glob("sentraplay-*"))
    wait_until("the parts to go", lambda: not any(path.exists() for path in seen), 60)


def nothing_is_left(store: ObjectStore, bucket: str) -> None:
    assert store.keys(bucket) == []
    assert store.open_uploads(bucket) == []
    wait_for_parts_to_go()


@pytest.mark.parametrize(
    "size", [0, 1, 70_000, SMALLEST_PART - 1, SMALLEST_PART, SMALLEST_PART + 1, 4 * SMALLEST_PART, 31_000_000]
)
def test_a_target_sends_a_stream_of_any_length_by_itself(
    host: Host, object_store: ObjectStore, bucket: str, size: int
) -> None:
    repository = in_bucket(object_store, bucket)
    done: list[int] = []
    transferred = store(host, producer(size), repository, KEY, progress=lambda now, total: done.append(now))
    assert transferred.way == "target"
    assert len(content(repository, transferred.stored)) == size
    assert done == sorted(done) and done[-1] == size
    assert object_store.open_uploads(bucket) == []
    wait_for_parts_to_go()


def test_a_link_cut_in_the_middle_of_parts_costs_only_those_parts(
    host: Host, object_store: ObjectStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    proxy = fault_proxy(("127.0.0.1", object_store.port))
    repository = in_bucket(object_store, bucket, endpoint=f"http://127.0.0.1:{proxy.port}")
    proxy.fault = Fault(cut_up=2_000_000)

    def repair() -> None:
        while proxy.bytes_up < 3_000_000:
            if over.wait(0.05):
                return
        proxy.fault = Fault()

    over = threading.Event()
    repairer = threading.Thread(target=repair)
    repairer.start()
    try:
        transferred = store(host, producer(24_000_000), repository, KEY)
    finally:
        over.set()
        repairer.join()
    assert len(content(in_bucket(object_store, bucket), transferred.stored)) == 24_000_000


@pytest.mark.parametrize(
    "fault",
    [
        HttpFault("answer", status=503, times=3),
        HttpFault("answer", status=500, times=1),
        HttpFault("lose the reply", times=1),
        HttpFault("expired", times=1),
        HttpFault("flip a byte", times=2),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status if fault.kind == 'answer' else ''}".strip(),
)
def test_a_part_that_fails_is_sent_again(host: Host, object_store: ObjectStore, bucket: str, fault: HttpFault) -> None:
    with http_faults(("127.0.0.1", object_store.port), fault) as proxy:
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        transferred = store(host, producer(12_000_000), repository, KEY)
    assert fault.hit == fault.times
    assert len(content(in_bucket(object_store, bucket), transferred.stored)) == 12_000_000


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (HttpFault("expired"), "was refused: 403 AccessDenied"),
        (HttpFault("answer", status=503), "was refused: 503 SlowDown"),
        (HttpFault("flip a byte"), "400 BadDigest|arrived damaged, again and again"),
    ],
    ids=["403", "503", "flipped"],
)
def test_a_store_that_never_takes_a_part_ends_the_upload(
    host: Host, object_store: ObjectStore, bucket: str, fault: HttpFault, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.backup.sending._LONGEST_PAUSE", 0.1)
    with http_faults(("127.0.0.1", object_store.port), fault) as proxy:
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        with pytest.raises(RepositoryError, match=message):
            store(host, ENDLESS, repository, KEY)
    nothing_is_left(object_store, bucket)


BROKEN_PRODUCERS = {
    "ends with 1 at once": Script("exit 1"),
    "ends with 1 after parts": Script("yes | head -c 12000000; exit 1"),
    "fails in the middle of the pipe": Pipeline(
        (Script("yes | head -c 12000000"), Script("head -c 7000000; exit 3"), command("cat"))
    ),
    "is killed": Script("yes | head -c 12000000; exec sh -c 'kill -9 $$'"),
    "does not exist": command("/no/such/program"),
}


@pytest.mark.parametrize("broken", BROKEN_PRODUCERS.values(), ids=BROKEN_PRODUCERS.keys())
@pytest.mark.parametrize("way", ["directory", "target", "relay"])
def test_a_producer_that_fails_leaves_nothing(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path, way: str, broken: Script | Pipeline
) -> None:
    repository: Any = in_directory(host, tmp_path / "store")
    if way != "directory":
        repository = in_bucket(object_store, bucket, transfer=Transfer(way))
    with pytest.raises(CommandFailed):
        store(host, broken, repository, KEY)
    assert list(repository.list("")) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    nothing_is_left(object_store, bucket)


@pytest.mark.parametrize("way", ["directory", "target", "relay"])
def test_a_producer_gets_its_input(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path, way: str
) -> None:
    repository: Any = in_directory(host, tmp_path / "store")
    if way != "directory":
        repository = in_bucket(object_store, bucket, transfer=Transfer(way))
    asks = Script('read -r password; echo "it was $password"')
    transferred = store(host, asks, repository, KEY, stdin=b"s3cret\n")
    assert transferred.way == way
    assert content(repository, transferred.stored) == b"it was s3cret\n"


def test_a_disk_that_runs_full_is_said_to_be_and_keeps_nothing(host: Host, tiny_disk: TinyDisk) -> None:
    repository = in_directory(host, tiny_disk.path / "store")
    with pytest.raises(RepositoryError, match="no space left") as failed:
        store(host, ENDLESS, repository, KEY)
    assert "free space on localhost" in failed.value.hint
    assert [path for path in tiny_disk.path.rglob("*") if path.is_file()] == []


def test_a_disk_that_runs_full_behind_a_relay_is_said_to_be_and_keeps_nothing(host: Host, tiny_disk: TinyDisk) -> None:
    other = open_local("other")
    try:
        repository = in_directory(other, tiny_disk.path / "store")
        with pytest.raises(RepositoryError, match="no space left"):
            store(host, ENDLESS, repository, KEY)
    finally:
        other.close()
    assert [path for path in tiny_disk.path.rglob("*") if path.is_file()] == []


def test_no_list_of_processes_ever_shows_an_address(host: Host, object_store: ObjectStore, bucket: str) -> None:
    shown: list[str] = []

    def look(method: str, path: str) -> None:
        for place in Path("/proc").glob("[0-9]*"):
            for file in ("cmdline", "environ"):
                try:
                    text = (place / file).read_bytes()
                except OSError:
                    continue
                if b"X-Amz-Signature" in text:
                    shown.append(f"{place}/{file}")

    with http_faults(("127.0.0.1", object_store.port)) as proxy:
        proxy.seen = look
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        stored = store(host, producer(7_000_000), repository, KEY).stored
        with at_hand(repository, stored, host):
            pass
    assert shown == []


def test_a_target_that_cannot_reach_the_store_is_relayed_and_says_why(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "curl").write_text("#!/bin/sh\necho 'curl: (7) Failed to connect' >&2\nexit 7\n")
    (broken / "curl").chmod(0o755)
    cut_off = host.view(env={"PATH": f"{broken}:{os.environ['PATH']}"})
    repository = in_bucket(object_store, bucket)
    transferred = store(cut_off, producer(6_000_000), repository, KEY)
    assert transferred.way == "relay"
    assert "Failed to connect" in transferred.reason
    assert len(content(repository, transferred.stored)) == 6_000_000
    with pytest.raises(RepositoryError, match="cannot reach the store by itself"):
        store(cut_off, producer(1), in_bucket(object_store, bucket, transfer=Transfer.TARGET), KEY)


CONTROLLER = """
import sys
from runner.backup.transfer import store
from runner.hosts.contract import Script
from runner.hosts.local import open_local
from runner.repositories.contract import Transfer
from runner.repositories.directory import DirectoryRepository
from runner.repositories.s3 import S3Repository, S3Settings
from runner.secret import Secret

way, place, endpoint, region, key, secret, bucket = sys.argv[1:]
host = open_local()
if way == "directory":
    repository = DirectoryRepository("d", host, place)
else:
    repository = S3Repository("s", S3Settings(
        bucket=bucket, endpoint=endpoint, region=region, addressing="path", access_key_id=Secret(key),
        secret_access_key=Secret(secret), part_size=5 * 1024 * 1024, transfer=Transfer(way),
    ))
producer = Script('yes | head -c 9000000; touch "$1"; exec sleep 300', (place + ".begun",))
store(host, producer, repository, "service/id/object")
"""


@pytest.mark.parametrize("way", ["directory", "target", "relay"])
def test_a_killed_controller_leaves_nothing_that_counts_and_the_next_run_sweeps(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path, way: str
) -> None:
    place = tmp_path / "store"
    argv = [way, str(place), object_store.endpoint, object_store.region, object_store.access_key_id]
    argv += [object_store.secret_access_key, bucket]
    controller = subprocess.Popen([sys.executable, "-c", CONTROLLER, *argv], cwd=Path(__file__).parents[2])
    wait_until("the producer", Path(f"{place}.begun").exists, 60)
    if way == "target":
        wait_until("a part", lambda: a_part_is_there(object_store, bucket), 60)
    controller.kill()
    controller.wait(10)
    wait_until("the producer to end", lambda: not running_with(f"{place}.begun"), 30)
    repository: Any = in_directory(host, place)
    if way != "directory":
        repository = in_bucket(object_store, bucket, prefix="")
    assert list(repository.list("")) == []
    wait_for_parts_to_go()
    for path in place.rglob("*"):
        os.utime(path, (0, 0))
    repository.sweep(timedelta(0))
    assert [path for path in place.rglob("*") if path.is_file()] == []
    nothing_is_left(object_store, bucket)


def a_part_is_there(store: ObjectStore, bucket: str) -> bool:
    client = store.client()
    (upload,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    return bool(client.list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts"))


@pytest.mark.parametrize("way", ["directory", "target", "relay"])
def test_every_way_works_for_a_host_behind_ssh(
    sshd: SshServer, object_store: ObjectStore, bucket: str, tmp_path: Path, way: str
) -> None:
    with opened(sshd.host()) as far:
        repository: Any = in_directory(far, tmp_path / "store")
        if way != "directory":
            repository = in_bucket(object_store, bucket, transfer=Transfer(way))
        transferred = store(far, producer(12_000_000), repository, KEY)
        assert transferred.way == way
        assert fetch(repository, transferred.stored, far, str(tmp_path / "fetched")) == way
    assert hashlib.sha256((tmp_path / "fetched").read_bytes()).hexdigest() == transferred.stored.sha256


def test_a_link_to_the_target_that_is_cut_leaves_nothing_that_counts(
    sshd: SshServer, object_store: ObjectStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    reached = sshd.host()
    proxy = fault_proxy((reached.address, reached.port))
    repository = in_bucket(object_store, bucket)
    with opened(reached, address=proxy.host, port=proxy.port, host_key=reached.host_key) as far:
        cutter = threading.Thread(target=lambda: (wait_until("a part", part_begun, 60), proxy.cut_now()))

        def part_begun() -> bool:
            return bool(object_store.open_uploads(bucket)) and a_part_is_there(object_store, bucket)

        cutter.start()
        with pytest.raises(ConnectionLost):
            store(far, ENDLESS, repository, KEY)
        cutter.join()
    wait_for_parts_to_go()
    nothing_is_left(object_store, bucket)


def running_with(text: str) -> bool:
    """Whether a process has that text among its arguments."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in place.read_bytes():
                return True
        except OSError:
            continue
    return False
