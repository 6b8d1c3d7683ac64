"""Object Lock, reading the past, encryption at rest and keys for deleting, on a store that checks signatures."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from runner.backup.catalogue import ids
from runner.backup.holds import hold, release
from runner.backup.pruning import plan, prune
from runner.backup.retention import Policy
from runner.errors import ObjectNotFound, Refused, RepositoryError
from runner.repositories.contract import Locking
from runner.repositories.s3 import Credentials, S3Repository
from runner.repositories.s3_locking import LockingS3Repository, ObjectLock, PastS3Repository
from runner.secret import Secret
from tests.support.objectstore import ObjectStore
from tests.support.repositories import bucket_settings, in_bucket
from tests.unit.test_backup_catalogue import keep, manifest

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


@pytest.fixture
def locked_bucket(object_store: ObjectStore) -> str:
    name = f"locked-{time.time_ns()}"
    object_store.client().create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": object_store.region},
        ObjectLockEnabledForBucket=True,
    )
    return name


@pytest.fixture
def locking(object_store: ObjectStore, locked_bucket: str) -> Iterator[Callable[..., LockingS3Repository]]:
    opened: list[LockingS3Repository] = []

    def make(retain: timedelta = HOUR, mode: str = "governance") -> LockingS3Repository:
        wish = ObjectLock(mode, retain)  # type: ignore[arg-type]  # one of the two
        opened.append(LockingS3Repository("locked", bucket_settings(object_store, locked_bucket), wish))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_everything_that_is_stored_is_locked_whichever_way_it_is_stored(
    locking: Callable[..., LockingS3Repository], mode: str
) -> None:
    repository = locking(mode=mode)
    assert isinstance(repository, Locking)
    repository.put("a/small", io.BytesIO(b"x"))
    repository.put("a/large", io.BytesIO(b"x" * (6 * 1024 * 1024)))
    repository.put_if_absent("a/manifest", b"{}")
    for key in ("a/small", "a/large", "a/manifest"):
        lock = repository.lock(key)
        assert lock.until is not None and abs(lock.until - datetime.now(UTC) - HOUR) < timedelta(minutes=5)
        assert lock.compliance == (mode == "compliance") and not lock.held
        with pytest.raises(RepositoryError, match="is locked until"):
            repository.delete(key)
        with repository.get(key) as source:
            assert source.read(1)


def test_the_lock_of_what_is_not_there_is_an_error(locking: Callable[..., LockingS3Repository]) -> None:
    with pytest.raises(ObjectNotFound):
        locking().lock("nothing")


def test_a_bucket_without_object_lock_is_refused_before_anything_is_stored(object_store: ObjectStore) -> None:
    settings = bucket_settings(object_store, object_store.create_bucket())
    with closing(LockingS3Repository("x", settings, ObjectLock("governance", HOUR))) as repository:
        with pytest.raises(RepositoryError, match="has no Object Lock"):
            repository.put("key", io.BytesIO(b"x"))
        assert list(repository.list("")) == []


def test_once_its_time_has_passed_an_object_goes_with_all_its_versions(
    object_store: ObjectStore, locked_bucket: str, locking: Callable[..., LockingS3Repository]
) -> None:
    repository = locking(timedelta(seconds=1))
    for data in (b"one", b"two"):
        repository.put("key", io.BytesIO(data))
    time.sleep(2.1)
    repository.delete("key")
    found = object_store.client().list_object_versions(Bucket=locked_bucket)
    assert not found.get("Versions") and not found.get("DeleteMarkers")


def test_prune_leaves_what_is_locked_or_held_and_says_until_when(locking: Callable[..., LockingS3Repository]) -> None:
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


def test_what_was_overwritten_or_deleted_is_read_as_it_was(object_store: ObjectStore, locked_bucket: str) -> None:
    settings = bucket_settings(object_store, locked_bucket)
    with closing(S3Repository("now", settings)) as repository:
        repository.put("a/kept", io.BytesIO(b"good"))
        repository.put("a/deleted", io.BytesIO(b"good too"))
        time.sleep(1.1)
        before = datetime.now(UTC)
        time.sleep(1.1)
        repository.put("a/kept", io.BytesIO(b"ransom!"))
        repository.delete("a/deleted")
        repository.put("a/later", io.BytesIO(b"x"))
    with closing(PastS3Repository("past", settings, before)) as past:
        assert [(info.key, info.size) for info in past.list("a/")] == [("a/deleted", 8), ("a/kept", 4)]
        for key, data in {"a/kept": b"good", "a/deleted": b"good too"}.items():
            with past.get(key) as source:
                assert source.read() == data
        with pytest.raises(ObjectNotFound), past.get("a/later"):
            pass
        assert "versionId=" in past.address_to_get("a/kept", HOUR).url.reveal()
        for refused in (
            lambda: past.put("a/new", io.BytesIO(b"x")),
            lambda: past.put_if_absent("a/new", b"x"),
            lambda: past.delete("a/kept"),
            lambda: past.begin("a/new"),
        ):
            with pytest.raises(Refused, match="in the past"):
                refused()  # type: ignore[no-untyped-call]  # lambdas


def test_what_is_wanted_at_rest_is_said_for_every_object(object_store: ObjectStore) -> None:
    bucket = object_store.create_bucket()
    wanted = {"server_side_encryption": "AES256", "storage_class": "STANDARD_IA"}
    with closing(in_bucket(object_store, bucket, **wanted)) as repository:
        repository.put("small", io.BytesIO(b"x"))
        repository.put("large", io.BytesIO(b"x" * (6 * 1024 * 1024)))
        repository.put_if_absent("manifest", b"{}")
    client = object_store.client()
    heads = {
        key: client.head_object(Bucket=bucket, Key=f"backups/here/{key}") for key in ("small", "large", "manifest")
    }
    assert {key: head.get("ServerSideEncryption") for key, head in heads.items()} == dict.fromkeys(heads, "AES256")
    assert [heads[key].get("StorageClass") for key in ("small", "large", "manifest")] == [
        "STANDARD_IA",
        "STANDARD_IA",
        None,
    ]


def test_other_keys_delete_and_the_first_ones_never_do(object_store: ObjectStore) -> None:
    """The keys for deleting are wrong here: reading and storing work without them, deleting alone fails."""
    wrong = Credentials(Secret(object_store.access_key_id), Secret("wrong"))
    bucket = object_store.create_bucket()
    with closing(in_bucket(object_store, bucket, deleting=wrong)) as repository:
        repository.put("key", io.BytesIO(b"x"))
        with repository.get("key") as source:
            assert source.read() == b"x"
        with pytest.raises(RepositoryError, match="secret access key is wrong"):
            repository.delete("key")
        assert [info.key for info in repository.list("")] == ["key"]
