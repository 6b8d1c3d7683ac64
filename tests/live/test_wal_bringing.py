"""WAL files brought to a host: straight from the directory or the store where it can, by the controller where not."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from runner.backup.wal.archive import Archived, WalArchive
from runner.backup.wal.bringing import Bringer
from runner.errors import VerificationFailed
from runner.hosts.contract import Become, CommandFailed, Host
from runner.repositories.contract import Repository
from runner.repositories.memory import MemoryRepository
from tests.support.capabilities import require
from tests.support.fulldisk import TinyDisk
from tests.support.httpfaults import HttpFault, http_faults
from tests.support.objectstore import ObjectStore
from tests.support.repositories import in_bucket, in_directory
from tests.support.workplace import Workplace

pytestmark = pytest.mark.live
NAME = "00000001000000000000000A"
DATA = os.urandom(300_000) + b"0" * 700_000
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": lambda data: subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout,
}
Make = Callable[[str], Repository]


@pytest.fixture
def make(host: Host, tmp_path: Path, object_store: ObjectStore) -> Iterator[Make]:
    """Repositories by the way that leads from them to the host."""
    with ExitStack() as stack:

        def repository(way: str) -> Repository:
            if way == "file":
                return in_directory(host, tmp_path / "store")
            if way == "store":
                return stack.enter_context(closing(in_bucket(object_store, object_store.create_bucket())))
            return MemoryRepository("far")

        yield repository


def archived(repository: Repository, data: bytes = DATA, suffix: str = "", stored: bytes | None = None) -> Archived:
    """A file of that content in an archive; `stored` is what lies there instead of it."""
    archive = WalArchive(repository, "app", "1")
    key = archive.key(NAME, hashlib.sha256(data).hexdigest(), suffix)
    repository.put(key, io.BytesIO(COMPRESS[suffix](data) if stored is None else stored))
    (one,) = archive.files()[NAME]
    return one


def bringer(repository: Repository, host: Host, owner: str = "") -> Bringer:
    return Bringer(WalArchive(repository, "app", "1"), host, owner)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("way", ["file", "store", "relay"])
def test_a_file_arrives_whole_and_private(make: Make, host: Host, tmp_path: Path, way: str, suffix: str) -> None:
    repository = make(way)
    brings = bringer(repository, host)
    brings.bring(archived(repository, suffix=suffix), str(tmp_path / "it's here"))
    assert (tmp_path / "it's here").read_bytes() == DATA
    assert (tmp_path / "it's here").stat().st_mode & 0o777 == 0o600
    assert brings.way == way


@pytest.mark.parametrize("way", ["file", "store", "relay"])
def test_what_is_not_what_was_archived_does_not_arrive(make: Make, host: Host, tmp_path: Path, way: str) -> None:
    repository = make(way)
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(VerificationFailed, match=f"WAL file {NAME} is damaged") as caught:
        bringer(repository, host).bring(archived(repository, stored=DATA[:-1] + b"1"), str(place / NAME))
    assert caught.value.why == "its sha256 is another"
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("way", ["file", "store", "relay"])
def test_what_cannot_be_decompressed_does_not_arrive(make: Make, host: Host, tmp_path: Path, way: str) -> None:
    repository = make(way)
    half = COMPRESS[".zst"](DATA)[:-1000]
    with pytest.raises(VerificationFailed, match=f"WAL file {NAME} is damaged"):
        bringer(repository, host).bring(archived(repository, suffix=".zst", stored=half), str(tmp_path / NAME))
    assert not (tmp_path / NAME).exists() and not (tmp_path / f"{NAME}.partial").exists()


def test_a_store_that_refuses_the_host_does_not_keep_the_file_from_it(
    host: Host, object_store: ObjectStore, tmp_path: Path
) -> None:
    with http_faults(("127.0.0.1", object_store.port)) as proxy:
        repository = in_bucket(object_store, object_store.create_bucket(), endpoint=proxy.endpoint)
        one, brings = archived(repository), bringer(repository, host)
        brings.bring(one, str(tmp_path / "first"))
        assert brings.way == "store"
        proxy.fault = HttpFault("answer", method="GET", status=503)
        brings.bring(one, str(tmp_path / "second"))
        assert proxy.fault.hit > 0
    assert (tmp_path / "second").read_bytes() == DATA


def test_a_directory_that_the_hosts_user_may_not_read_is_no_obstacle(
    host: Host, make: Make, workplace: Workplace
) -> None:
    require("users")
    place = workplace.directory("place", mode=0o777)
    repository = make("file")
    brings = bringer(repository, host.view(become=Become("nobody")))
    brings.bring(archived(repository), str(place / NAME))
    assert ((place / NAME).read_bytes(), brings.way) == (DATA, "relay")


@pytest.mark.parametrize("way", ["file", "store", "relay"])
def test_a_full_disk_is_told_as_one(make: Make, host: Host, tiny_disk: TinyDisk, way: str) -> None:
    repository = make(way)
    one = archived(repository)
    tiny_disk.fill(leave=200_000)
    with pytest.raises(CommandFailed, match="No space left"):
        bringer(repository, host).bring(one, str(tiny_disk.path / NAME))
    assert not (tiny_disk.path / f"{NAME}.partial").exists()


def test_it_is_given_to_whom_it_belongs(make: Make, host: Host, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    repository = make("file")
    bringer(repository, host, "12345:54321").bring(archived(repository), str(tmp_path / NAME))
    found = (tmp_path / NAME).stat()
    assert (found.st_uid, found.st_gid) == (12345, 54321)
