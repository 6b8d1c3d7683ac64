"""One suite for every store that keeps objects from being deleted (`Locking`), and for reading it as of a moment."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runner.backup.catalogue import ids
from runner.backup.holds import hold, release
from runner.backup.pruning import plan, prune
from runner.backup.retention import Policy
from runner.errors import ObjectNotFound, Refused, RepositoryError
from runner.repositories.contract import Locking
from runner.repositories.gcs_locking import LockingGcsRepository, Retention
from runner.repositories.gcs_past import PastGcsRepository
from runner.repositories.s3_locking import LockingS3Repository, ObjectLock, PastS3Repository
from tests.support.gcs import GoogleStore
from tests.support.objectstore import ObjectStore
from tests.support.repositories import bucket_settings, google_settings, in_bucket, in_google
from tests.unit.test_backup_catalogue import keep, manifest

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


@dataclass
class Bucket:
    """One with versions in which objects can be locked; `left` counts versions and marks of deletion."""

    locking: Callable[[timedelta, bool], Any]
    plain: Callable[[], Any]
    past: Callable[[datetime], Any]
    left: Callable[[], int]
    unable: Callable[[], Any]


def _of_s3(store: ObjectStore) -> Bucket:
    name, client = f"locked-{time.time_ns()}", store.client()
    client.create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": store.region},
        ObjectLockEnabledForBucket=True,
    )
    settings = bucket_settings(store, name)

    def locking(retain: timedelta, strict: bool) -> LockingS3Repository:
        return LockingS3Repository("locked", settings, ObjectLock("compliance" if strict else "governance", retain))

    def left() -> int:
        found = client.list_object_versions(Bucket=name)
        return len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ()))

    def unable() -> LockingS3Repository:
        return LockingS3Repository("x", bucket_settings(store, store.create_bucket()), ObjectLock("governance", HOUR))

    return Bucket(
        locking, lambda: in_bucket(store, name), lambda at: PastS3Repository("past", settings, at), left, unable
    )


def _of_google(store: GoogleStore) -> Bucket:
    name = store.create_bucket(versioning=True, retention=True)
    settings = google_settings(store, name)

    def unable() -> LockingGcsRepository:
        return LockingGcsRepository("x", google_settings(store, store.create_bucket()), Retention(False, HOUR))

    return Bucket(
        lambda retain, strict: LockingGcsRepository("locked", settings, Retention(strict, retain)),
        lambda: in_google(store, name),
        lambda at: PastGcsRepository("past", settings, at),
        lambda: len(list(store.client.list_blobs(name, versions=True))),
        unable,
    )


@pytest.fixture(params=["s3", "gcs"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "s3":
        return _of_s3(request.getfixturevalue("object_store"))
    return _of_google(request.getfixturevalue("google_store"))


@pytest.fixture
def locking(bucket: Bucket) -> Iterator[Callable[..., Any]]:
    """Makes repositories in the bucket that lock all they store."""
    with ExitStack() as stack:
        yield lambda retain=HOUR, strict=False: stack.enter_context(closing(bucket.locking(retain, strict)))


@pytest.mark.parametrize("strict", [False, True])
def test_everything_that_is_stored_is_locked_whichever_way_it_is_stored(
    locking: Callable[..., Any], strict: bool
) -> None:
    repository = locking(strict=strict)
    assert isinstance(repository, Locking)
    repository.put("a/small", io.BytesIO(b"x"))
    repository.put("a/large", io.BytesIO(b"x" * (6 * 1024 * 1024)))
    repository.put_if_absent("a/manifest", b"{}")
    for key in ("a/small", "a/large", "a/manifest"):
        lock = repository.lock(key)
        assert lock.until is not None and abs(lock.until - datetime.now(UTC) - HOUR) < timedelta(minutes=5)
        assert lock.compliance == strict and not lock.held
        with pytest.raises(RepositoryError, match="is locked until"):
            repository.delete(key)
        with repository.get(key) as source:
            assert source.read(1)


def test_the_lock_of_what_is_not_there_is_an_error(locking: Callable[..., Any]) -> None:
    repository = locking()
    for use in (lambda: repository.lock("nothing"), lambda: repository.hold("nothing", True)):
        with pytest.raises(ObjectNotFound):
            use()  # type: ignore[no-untyped-call]  # lambdas


def test_a_hold_keeps_an_object_until_it_is_released(locking: Callable[..., Any]) -> None:
    repository = locking(timedelta(seconds=1))
    repository.put("key", io.BytesIO(b"x"))
    time.sleep(2.1)
    for _ in range(2):
        repository.hold("key", True)
        assert repository.lock("key").held
        with pytest.raises(RepositoryError, match="is locked by a"):
            repository.delete("key")
    repository.hold("key", False)
    assert not repository.lock("key").held
    repository.delete("key")
    assert list(repository.list("")) == []


def test_a_bucket_that_cannot_lock_is_refused_before_anything_is_stored(bucket: Bucket) -> None:
    with closing(bucket.unable()) as repository:
        with pytest.raises(RepositoryError, match="the bucket has no") as refused:
            repository.put("key", io.BytesIO(b"x"))
        assert "nothing is stored unlocked" in refused.value.why
        assert list(repository.list("")) == []


def test_once_its_time_has_passed_an_object_goes_with_all_its_versions(
    bucket: Bucket, locking: Callable[..., Any]
) -> None:
    repository = locking(timedelta(seconds=1))
    for data in (b"one", b"two"):
        repository.put("key", io.BytesIO(data))
    assert bucket.left() == 2
    time.sleep(2.1)
    repository.delete("key")
    repository.delete("key")
    assert bucket.left() == 0


def test_prune_leaves_what_is_locked_or_held_and_says_until_when(locking: Callable[..., Any]) -> None:
    repository = locking()
    for day in (1, 2, 3):
        keep(
            repository,
            manifest(f"2026110{day}T020000Z-files-abcdef", restored_point=datetime(2026, 11, day, tzinfo=UTC)),
        )
    policy = Policy(keep_last=1)
    verdicts = plan(repository, "app", policy, NOW).verdicts
    assert all(one.decision.keep for one in verdicts)
    assert "locked by the store until" in verdicts[0].decision.reasons[0]
    later = datetime.now(UTC) + 2 * HOUR
    assert len(plan(repository, "app", policy, later).dropped) == 2
    first = verdicts[0].manifest
    hold(repository, "app", first.id, "audit", "me")
    assert repository.lock(f"app/{first.id}/x.tar").held
    assert [one.id for one in plan(repository, "app", policy, later).dropped] == [verdicts[1].manifest.id]
    done = prune(repository, "app", policy, lambda: later)
    assert done.removed == () and len(done.refused) == 1, "the store's own clock counts"
    release(repository, "app", first.id)
    assert not repository.lock(f"app/{first.id}/x.tar").held
    assert len(ids(repository, "app")) == 3


def test_what_was_overwritten_or_deleted_is_read_as_it_was(bucket: Bucket) -> None:
    with closing(bucket.plain()) as repository:
        repository.put("a/kept", io.BytesIO(b"good"))
        repository.put("a/deleted", io.BytesIO(b"good too"))
        time.sleep(1.1)
        before = datetime.now(UTC)
        time.sleep(1.1)
        repository.put("a/kept", io.BytesIO(b"ransom!"))
        repository.delete("a/deleted")
        repository.put("a/later", io.BytesIO(b"x"))
    with closing(bucket.past(before)) as past:
        assert "as of" in past.describe()
        assert [(info.key, info.size) for info in past.list("a/")] == [("a/deleted", 8), ("a/kept", 4)]
        for key, data in {"a/kept": b"good", "a/deleted": b"good too"}.items():
            with past.get(key) as source:
                assert source.read() == data
        with pytest.raises(ObjectNotFound), past.get("a/later"):
            pass
        assert past.sweep(timedelta(0)) == 0
        for refused in (
            lambda: past.put("a/new", io.BytesIO(b"x")),
            lambda: past.put_if_absent("a/new", b"x"),
            lambda: past.delete("a/kept"),
            lambda: past.begin("a/new"),
            lambda: past.hold("a/kept", True),
        ):
            with pytest.raises(Refused, match="in the past"):
                refused()  # type: ignore[no-untyped-call]  # lambdas
