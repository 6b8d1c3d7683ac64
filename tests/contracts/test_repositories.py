"""One suite for every repository: what runner/repositories/contract.py promises."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.errors import AlreadyExists, ObjectNotFound, RepositoryError, TaskFailed
from runner.hosts.local import open_local
from runner.repositories.contract import Repository
from runner.repositories.memory import MemoryRepository
from tests.contracts.host_kinds import opened
from tests.support.repositories import in_bucket, in_directory, in_google

KINDS = ("memory", "directory", "directory over ssh", "s3", "gcs")
MEBIBYTE = 1024 * 1024


@pytest.fixture(params=KINDS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Repository]:
    if request.param == "memory":
        yield MemoryRepository("memory")
    elif request.param == "directory":
        host = open_local()
        yield in_directory(host, tmp_path / "store")
        host.close()
    elif request.param == "s3":
        store = request.getfixturevalue("object_store")
        bucket = in_bucket(store, store.create_bucket())
        yield bucket
        bucket.close()
    elif request.param == "gcs":
        google = request.getfixturevalue("google_store")
        far = in_google(google, google.create_bucket())
        yield far
        far.close()
    else:
        with opened(request.getfixturevalue("sshd").host()) as far:
            yield in_directory(far, tmp_path / "store")


def content(repository: Repository, key: str) -> bytes:
    with repository.get(key) as source:
        return source.read()


@pytest.mark.parametrize("size", [0, 1, MEBIBYTE, 5 * MEBIBYTE, 5 * MEBIBYTE + 1, 10 * MEBIBYTE])
def test_what_was_put_is_got_back_with_its_size_and_sha256(repository: Repository, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    stored = repository.put("service/id/object", io.BytesIO(data))
    assert (stored.key, stored.size, stored.sha256) == ("service/id/object", size, hashlib.sha256(data).hexdigest())
    assert content(repository, "service/id/object") == data


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 100, b"89"), (10, None, b""), (99, 5, b"")],
)
def test_a_range_can_be_read(repository: Repository, offset: int, length: int | None, expected: bytes) -> None:
    repository.put("digits", io.BytesIO(b"0123456789"))
    with repository.get("digits", offset=offset, length=length) as source:
        assert source.read() == expected


def test_reading_may_stop_before_the_end(repository: Repository) -> None:
    repository.put("long", io.BytesIO(b"x" * (3 * MEBIBYTE)))
    with repository.get("long") as source:
        assert source.read(5) == b"xxxxx"
    assert content(repository, "long")[:1] == b"x"


def test_a_missing_object_is_said_to_be_missing(repository: Repository) -> None:
    with pytest.raises(ObjectNotFound), repository.get("service/nothing"):
        pass


def test_put_replaces(repository: Repository) -> None:
    repository.put("key", io.BytesIO(b"old and long"))
    repository.put("key", io.BytesIO(b"new"))
    assert content(repository, "key") == b"new"


def test_put_if_absent_never_replaces(repository: Repository) -> None:
    repository.put_if_absent("service/id/manifest.json", b"first")
    with pytest.raises(AlreadyExists):
        repository.put_if_absent("service/id/manifest.json", b"second")
    assert content(repository, "service/id/manifest.json") == b"first"


def test_put_if_absent_has_one_winner_among_many(repository: Repository) -> None:
    writers = 8
    start = threading.Barrier(writers)

    def write(number: int) -> int | None:
        start.wait(30)
        try:
            repository.put_if_absent("service/lock", b"%d" % number)
        except AlreadyExists:
            return None
        return number

    with ThreadPoolExecutor(writers) as pool:
        winners = [number for number in pool.map(write, range(writers)) if number is not None]
    assert [b"%d" % number for number in winners] == [content(repository, "service/lock")]


def test_a_source_that_fails_leaves_no_object(repository: Repository) -> None:
    class Failing(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffer io hands in
            if self.given > 12 * MEBIBYTE:
                raise TaskFailed(message="the producer died")
            self.given += len(buffer)
            return len(buffer)

    with pytest.raises(TaskFailed, match="the producer died"):
        repository.put("service/id/broken", io.BufferedReader(Failing(), MEBIBYTE))
    assert list(repository.list("")) == []
    assert repository.sweep(timedelta(seconds=0)) == 0, "something was left to sweep"


def test_the_list_is_complete_and_in_order(repository: Repository) -> None:
    keys = sorted(["a/b", "a/b.c", "a/d/c", "a-b/c", "a/c", "aa/b", "b"])
    for key in reversed(keys):
        repository.put(key, io.BytesIO(key.encode()))
    listed = list(repository.list(""))
    assert [info.key for info in listed] == keys
    assert [info.size for info in listed] == [len(key) for key in keys]
    assert all(abs(datetime.now(UTC) - info.modified) < timedelta(minutes=5) for info in listed)
    assert [info.key for info in repository.list("a/")] == [key for key in keys if key.startswith("a/")]
    assert [info.key for info in repository.list("a/b")] == ["a/b", "a/b.c"]
    assert list(repository.list("nothing/")) == []


def test_delete_removes_and_may_be_repeated(repository: Repository) -> None:
    repository.put("service/id/object", io.BytesIO(b"x"))
    repository.delete("service/id/object")
    repository.delete("service/id/object")
    assert list(repository.list("")) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        "a/.hidden",
        "a b",
        "a\nb",
        "ä",
        "a/" + "x" * 201,
        "a\0b",
    ],
)
def test_an_unsafe_key_is_refused_before_the_store_is_asked(repository: Repository, key: str) -> None:
    for use in (
        lambda: repository.put(key, io.BytesIO(b"x")),
        lambda: repository.put_if_absent(key, b"x"),
        lambda: repository.delete(key),
        lambda: content(repository, key),
    ):
        with pytest.raises(RepositoryError, match="cannot be the key"):
            use()


def test_several_threads_may_use_it_at_once(repository: Repository) -> None:
    def use(number: int) -> bytes:
        repository.put(f"thread/{number}", io.BytesIO(b"%d" % number))
        return content(repository, f"thread/{number}")

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(use, range(12))) == [b"%d" % number for number in range(12)]
    assert len(list(repository.list("thread/"))) == 12


def test_it_says_where_it_is_for_people(repository: Repository) -> None:
    assert repository.name
    assert repository.describe()
