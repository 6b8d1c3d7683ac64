"""Objects of a repository on their way to a host: whole and proved, or refused."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.backup.transfer import at_hand, fetch, store
from runner.errors import ObjectNotFound, SentraPlayError, VerificationFailed
from runner.hosts.contract import Host, Script
from runner.repositories.contract import StoredObject, Transfer
from tests.live.test_transfer import KEY, content, producer
from tests.support.objectstore import ObjectStore
from tests.support.proxy import Fault, FaultProxy
from tests.support.repositories import in_bucket, in_directory

pytestmark = pytest.mark.live


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    return object_store.create_bucket()


@pytest.fixture(params=["directory", "target", "relay"])
def repository(
    request: pytest.FixtureRequest, host: Host, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> Any:
    if request.param == "directory":
        return in_directory(host, tmp_path / "store")
    return in_bucket(object_store, bucket, transfer=Transfer(request.param))


@pytest.mark.parametrize("size", [0, 1, 7_000_000])
def test_an_object_is_fetched_to_a_file_and_proved(host: Host, repository: Any, tmp_path: Path, size: int) -> None:
    stored = store(host, producer(size), repository, KEY).stored
    path = tmp_path / "fetched"
    fetch(repository, stored, host, str(path))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == stored.sha256
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_single_flipped_bit_of_an_object_is_refused(host: Host, repository: Any, tmp_path: Path) -> None:
    data = b"the only copy"
    good = store(host, Script('printf %s "$1"', (data.decode(),)), repository, KEY).stored
    for position in range(0, len(data) * 8, 5):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        repository.put(KEY, io.BytesIO(bytes(damaged)))
        with pytest.raises(VerificationFailed), at_hand(repository, good, host, directory=str(tmp_path)):
            pass
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_shortened_object_is_refused(host: Host, repository: Any, tmp_path: Path) -> None:
    good = store(host, producer(6_000_000), repository, KEY).stored
    with repository.get(KEY) as source:
        data = source.read()
    repository.put(KEY, io.BytesIO(data[:-1]))
    with pytest.raises(SentraPlayError):
        fetch(repository, good, host, str(tmp_path / "fetched"))
    assert not (tmp_path / "fetched").exists()


def test_a_missing_object_is_said_to_be_missing(host: Host, repository: Any, tmp_path: Path) -> None:
    with pytest.raises((ObjectNotFound, VerificationFailed)):
        fetch(repository, StoredObject(KEY, 5, "0" * 64), host, str(tmp_path / "fetched"))
    assert list(tmp_path.glob("fetched*")) == []


def test_a_fetch_goes_on_where_the_link_was_cut(
    host: Host, object_store: ObjectStore, bucket: str, fault_proxy: Callable[..., FaultProxy], tmp_path: Path
) -> None:
    stored = store(host, producer(9_000_000), in_bucket(object_store, bucket), KEY).stored
    proxy = fault_proxy(("127.0.0.1", object_store.port), Fault(cut_down=4_000_000, reset=False))
    repository = in_bucket(object_store, bucket, endpoint=f"http://127.0.0.1:{proxy.port}")
    assert fetch(repository, stored, host, str(tmp_path / "fetched")) == "target"
    assert hashlib.sha256((tmp_path / "fetched").read_bytes()).hexdigest() == stored.sha256
    assert proxy.bytes_down < 9_500_000, "what had come was fetched again"


def test_reading_goes_on_where_the_link_was_cut(
    host: Host, object_store: ObjectStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    stored = store(host, producer(9_000_000), in_bucket(object_store, bucket), KEY).stored
    proxy = fault_proxy(("127.0.0.1", object_store.port), Fault(cut_down=4_000_000))
    repository = in_bucket(object_store, bucket, endpoint=f"http://127.0.0.1:{proxy.port}")
    assert len(content(repository, stored)) == 9_000_000
