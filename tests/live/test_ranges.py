"""A large object on its way to a host in ranges, and everything that can go wrong there."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runner.backup.fetching import LANES, SMALLEST, NoRanges, fetch_in_ranges, is_worth_it, sizes
from runner.backup.transfer import fetch
from runner.errors import ConnectionLost, ObjectNotFound, RepositoryError, VerificationFailed
from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.repositories.contract import StoredObject
from tests.contracts.host_kinds import opened
from tests.support.fulldisk import TinyDisk
from tests.support.httpfaults import HttpFault, http_faults
from tests.support.objectstore import ObjectStore
from tests.support.proxy import Fault, FaultProxy
from tests.support.repositories import in_bucket
from tests.support.sshd import SshServer
from tests.support.workplace import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

KEY = "service/id/object"
RANGE = 1024 * 1024
LARGE = 17 * RANGE + 12_345
DATA = os.urandom(LARGE)
STORED = StoredObject(KEY, LARGE, hashlib.sha256(DATA).hexdigest())


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object need not be so large to have many of them."""
    monkeypatch.setattr("runner.backup.fetching.SMALLEST", RANGE)


@pytest.fixture
def bucket(object_store: ObjectStore, small_ranges: None) -> str:
    """One with the object in it."""
    name = object_store.create_bucket()
    in_bucket(object_store, name).put(KEY, io.BytesIO(DATA))
    return name


def nobody(done: int, total: int | None) -> None:
    """For transfers nobody watches."""


@pytest.mark.parametrize("whole", [1, SMALLEST, SMALLEST + 1, 5 * SMALLEST + 7, 3 * 2**30 + 7, 900 * 2**30])
def test_ranges_cover_an_object_exactly(whole: int) -> None:
    ranges = sizes(whole)
    assert ranges[0][0] == 0 and ranges[-1][1] == whole - 1
    assert all(before[1] + 1 == after[0] for before, after in zip(ranges, ranges[1:], strict=False))
    assert all(last - first < 256 * 2**20 for first, last in ranges)


def test_what_is_small_comes_in_one_piece() -> None:
    assert not is_worth_it(StoredObject(KEY, 2 * SMALLEST - 1, ""))
    assert is_worth_it(StoredObject(KEY, 2 * SMALLEST, ""))


def test_a_large_object_comes_in_ranges_several_at_a_time(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    at_once: list[int] = []
    under_way: set[int] = set()
    done: list[int] = []
    with http_faults(("127.0.0.1", object_store.port)) as proxy:
        together = threading.Barrier(LANES)

        def seen(method: str, path: str) -> None:
            under_way.add(threading.get_ident())
            at_once.append(len(under_way))
            if len(at_once) in range(2, 2 + LANES):
                # The first request is the probe; the lanes' first ones must all be there to go on.
                together.wait(30)

        proxy.seen = seen
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        way = fetch(repository, STORED, host, str(tmp_path / "out"), progress=lambda now, total: done.append(now))
    assert way == "target"
    assert (tmp_path / "out").read_bytes() == DATA
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert done == sorted(done) and done[-1] == LARGE
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out"]


def test_it_comes_over_ssh_too(sshd: SshServer, object_store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    with opened(sshd.host()) as far, far.private_directory() as private:
        fetch(in_bucket(object_store, bucket), STORED, far, f"{private}/out")
        assert Path(private, "out").read_bytes() == DATA


@pytest.mark.parametrize(
    "fault",
    [
        HttpFault("answer", method="GET", status=503, times=3),
        HttpFault("answer", method="GET", status=500, times=1),
        HttpFault("lose the reply", method="GET", times=2),
        HttpFault("expired", method="GET", times=1),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status if fault.kind == 'answer' else ''}".strip(),
)
def test_a_range_that_fails_is_fetched_again(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path, fault: HttpFault
) -> None:
    with http_faults(("127.0.0.1", object_store.port), fault) as proxy:
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        fetch_in_ranges(repository, STORED, host, str(tmp_path / "out"), nobody)
    assert fault.hit == fault.times
    assert (tmp_path / "out").read_bytes() == DATA


def test_a_link_cut_within_ranges_goes_on_at_the_first_byte_that_is_missing(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path, fault_proxy: Callable[..., FaultProxy]
) -> None:
    proxy = fault_proxy(("127.0.0.1", object_store.port), Fault(cut_down=600_000, reset=False))
    repository = in_bucket(object_store, bucket, endpoint=proxy.url)
    fetch_in_ranges(repository, STORED, host, str(tmp_path / "out"), nobody)
    assert (tmp_path / "out").read_bytes() == DATA
    assert proxy.bytes_down < LARGE + 500_000, "what had come was fetched again"


def test_a_byte_flipped_on_the_way_is_found(host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    fault = HttpFault("flip a byte of the reply", method="GET", times=1)
    with http_faults(("127.0.0.1", object_store.port)) as proxy:
        requests = 0

        def seen(method: str, path: str) -> None:
            nonlocal requests
            requests += 1
            proxy.fault = fault if requests == 4 else None

        proxy.seen = seen
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        with pytest.raises(VerificationFailed, match="is damaged"):
            fetch(repository, STORED, host, str(tmp_path / "out"))
    assert fault.hit == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_store_that_knows_no_ranges_is_asked_for_the_whole(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    with http_faults(("127.0.0.1", object_store.port)) as proxy:
        proxy.without = "range"
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        with pytest.raises(NoRanges):
            fetch_in_ranges(repository, STORED, host, str(tmp_path / "out"), nobody)
        assert (tmp_path / "out").read_bytes() == b"", "nothing of it stays"
        fetch(repository, STORED, host, str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == DATA


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (HttpFault("expired", method="GET"), RepositoryError, "bytes of a range did not come"),
        (HttpFault("answer", method="GET", status=503), RepositoryError, "bytes of a range did not come"),
        (HttpFault("answer", method="GET", status=404), ObjectNotFound, "there is no object"),
    ],
    ids=["403", "503", "404"],
)
def test_a_range_that_never_comes_ends_them_all(
    host: Host,
    object_store: ObjectStore,
    bucket: str,
    tmp_path: Path,
    fault: HttpFault,
    error: type[RepositoryError],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runner.backup.fetching._LONGEST_PAUSE", 0.1)
    with http_faults(("127.0.0.1", object_store.port), fault) as proxy:
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        with pytest.raises(error, match=message):
            fetch_in_ranges(repository, STORED, host, str(tmp_path / "out"), nobody)


def test_a_disk_that_runs_full_is_said_to_be_and_keeps_nothing(
    host: Host, object_store: ObjectStore, bucket: str, tiny_disk: TinyDisk
) -> None:
    with pytest.raises(RepositoryError, match="cannot be written") as failed:
        fetch(in_bucket(object_store, bucket), STORED, host, str(tiny_disk.path / "out"))
    assert "free space" in failed.value.hint
    assert [path for path in tiny_disk.path.rglob("*") if path.is_file()] == []


def test_what_an_earlier_try_left_is_not_taken_for_ours(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"x" * (LARGE + 5))
    fetch_in_ranges(in_bucket(object_store, bucket), STORED, host, str(tmp_path / "out"), nobody)
    assert (tmp_path / "out").read_bytes() == DATA


def test_a_lost_host_ends_it_and_no_curl_goes_on(
    own_sshd: Callable[..., SshServer], object_store: ObjectStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    slow = fault_proxy(("127.0.0.1", object_store.port), Fault(delay=0.05))
    server = own_sshd(["127.0.0.31"])
    with opened(server.host()) as far:
        reached = threading.Event()

        def progress(done: int, total: int | None) -> None:
            reached.set()

        failed: list[BaseException] = []

        def work() -> None:
            try:
                fetch_in_ranges(in_bucket(object_store, bucket, endpoint=slow.url), STORED, far, "/tmp/out", progress)
            except BaseException as error:  # noqa: BLE001  looked at below
                failed.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        wait_until("bytes to come", lambda: slow.bytes_down > 1_000_000, 30)
        server.kill_sessions()
        worker.join(60)
        assert not worker.is_alive()
    assert isinstance(failed[0], (ConnectionLost, RepositoryError)), failed
    wait_until("the end of remote processes", lambda: not server.sessions(), 30)


def test_no_list_of_processes_ever_shows_an_address(
    host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
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
        fetch(in_bucket(object_store, bucket, endpoint=proxy.endpoint), STORED, host, str(tmp_path / "out"))
    assert shown == []


def test_a_small_system_can_do_it(
    object_store: ObjectStore, bucket: str, tmp_path: Path, busybox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(busybox))
    with closing(open_local()) as host:
        fetch_in_ranges(in_bucket(object_store, bucket), STORED, host, str(tmp_path / "out"), nobody)
    assert (tmp_path / "out").read_bytes() == DATA
