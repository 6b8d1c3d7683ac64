"""Google's retention and holds, reading the past, storage classes, and an account for deleting."""

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
from runner.repositories.gcs import GcsRepository
from runner.repositories.gcs_client import Account
from runner.repositories.gcs_locking import LockingGcsRepository, Retention
from runner.repositories.gcs_past import PastGcsRepository
from runner.secret import Secret
from tests.support.gcs import GoogleStore
from tests.support.repositories import google_settings, in_google
from tests.unit.test_backup_catalogue import keep, manifest

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


@pytest.fixture
def bucket(google_store: GoogleStore) -> str:
    return google_store.create_bucket()


@pytest.fixture
def repository(google_store: GoogleStore, bucket: str) -> Iterator[GcsRepository]:
    with closing(in_google(google_store, bucket)) as found:
        yield found


@pytest.fixture
def locking(google_store: GoogleStore) -> Iterator[Callable[..., LockingGcsRepository]]:
    bucket = google_store.create_bucket(versioning=True, retention=True)
    opened: list[LockingGcsRepository] = []

    def make(retain: timedelta = HOUR, locked: bool = False) -> LockingGcsRepository:
        settings = google_settings(google_store, bucket)
        opened.append(LockingGcsRepository("locked", settings, Retention(locked, retain)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.parametrize("locked", [False, True])
def test_everything_that_is_stored_is_kept_whichever_way_it_is_stored(
    locking: Callable[..., LockingGcsRepository], locked: bool
) -> None:
    repository = locking(locked=locked)
    assert isinstance(repository, Locking)
    repository.put("a/small", io.BytesIO(b"x"))
    repository.put("a/large", io.BytesIO(b"x" * (3 * 1024 * 1024)))
    repository.put_if_absent("a/manifest", b"{}")
    for key in ("a/small", "a/large", "a/manifest"):
        lock = repository.lock(key)
        assert lock.until is not None and abs(lock.until - datetime.now(UTC) - HOUR) < timedelta(minutes=5)
        assert lock.compliance == locked and not lock.held
        with pytest.raises(RepositoryError, match="is locked until"):
            repository.delete(key)
        with repository.get(key) as source:
            assert source.read(1)


@pytest.mark.parametrize("with_", [{}, {"versioning": True}, {"retention": True}])
def test_a_bucket_that_cannot_keep_is_refused_before_anything_is_stored(
    google_store: GoogleStore, with_: dict[str, bool]
) -> None:
    settings = google_settings(google_store, google_store.create_bucket(**with_))
    with closing(LockingGcsRepository("x", settings, Retention(False, HOUR))) as repository:
        with pytest.raises(RepositoryError, match="no retention of objects, or no versions"):
            repository.put("key", io.BytesIO(b"x"))
        assert list(repository.list("")) == []


def test_once_its_time_has_passed_an_object_goes_with_all_its_versions(
    google_store: GoogleStore, locking: Callable[..., LockingGcsRepository]
) -> None:
    repository = locking(timedelta(seconds=1))
    for data in (b"one", b"two"):
        repository.put("key", io.BytesIO(data))
    time.sleep(1.1)
    repository.delete("key")
    repository.delete("key")
    bucket = repository.describe().split("/")[2]
    assert list(google_store.client.list_blobs(bucket, versions=True)) == []


def test_the_retention_of_a_bucket_counts_too(
    google_store: GoogleStore, repository: GcsRepository, bucket: str
) -> None:
    found = google_store.client.bucket(bucket)
    found.reload()
    found.retention_period = 3600
    found.patch()
    repository.put("key", io.BytesIO(b"x"))
    until = repository.lock("key").until
    assert until is not None and abs(until - datetime.now(UTC) - HOUR) < timedelta(minutes=5)
    with pytest.raises(RepositoryError, match="may not do that"):
        repository.delete("key")


def test_a_hold_keeps_an_object_until_it_is_released(repository: GcsRepository) -> None:
    repository.put("key", io.BytesIO(b"x"))
    for _ in range(2):
        repository.hold("key", True)
        assert repository.lock("key").held
        with pytest.raises(RepositoryError, match="something holds the object"):
            repository.delete("key")
    repository.hold("key", False)
    assert not repository.lock("key").held
    repository.delete("key")
    for use in (lambda: repository.lock("key"), lambda: repository.hold("key", True)):
        with pytest.raises(ObjectNotFound):
            use()  # type: ignore[no-untyped-call]  # lambdas


def test_prune_leaves_what_is_kept_or_held_and_says_until_when(locking: Callable[..., LockingGcsRepository]) -> None:
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


def test_what_was_overwritten_or_deleted_is_read_as_it_was(google_store: GoogleStore) -> None:
    bucket = google_store.create_bucket(versioning=True)
    with closing(in_google(google_store, bucket)) as repository:
        repository.put("a/kept", io.BytesIO(b"good"))
        repository.put("a/deleted", io.BytesIO(b"good too"))
        time.sleep(0.1)
        before = datetime.now(UTC)
        time.sleep(0.1)
        repository.put("a/kept", io.BytesIO(b"ransom!"))
        repository.delete("a/deleted")
        repository.put("a/later", io.BytesIO(b"x"))
    with closing(PastGcsRepository("past", google_settings(google_store, bucket), before)) as past:
        assert "as of" in past.describe()
        assert [(info.key, info.size) for info in past.list("a/")] == [("a/deleted", 8), ("a/kept", 4)]
        for key, data in {"a/kept": b"good", "a/deleted": b"good too"}.items():
            with past.get(key) as source:
                assert source.read() == data
        with pytest.raises(ObjectNotFound), past.get("a/later"):
            pass
        for refused in (
            lambda: past.put("a/new", io.BytesIO(b"x")),
            lambda: past.put_if_absent("a/new", b"x"),
            lambda: past.delete("a/kept"),
            lambda: past.hold("a/kept", True),
        ):
            with pytest.raises(Refused, match="in the past"):
                refused()  # type: ignore[no-untyped-call]  # lambdas


def test_an_object_replaced_while_it_is_read_is_never_read_half_and_half(
    repository: GcsRepository,
) -> None:
    repository.put("key", io.BytesIO(b"a" * (3 * 1024 * 1024)))
    with repository.get("key") as source:
        assert source.read(10) == b"a" * 10
        repository.put("key", io.BytesIO(b"b" * (3 * 1024 * 1024)))
        with pytest.raises(ObjectNotFound):
            source.read()


def test_what_is_wanted_at_rest_is_said_for_every_object(google_store: GoogleStore, bucket: str) -> None:
    with closing(in_google(google_store, bucket, storage_class="NEARLINE")) as repository:
        repository.put("small", io.BytesIO(b"x"))
        repository.put("large", io.BytesIO(b"x" * (3 * 1024 * 1024)))
        repository.put_if_absent("manifest", b"{}")
    found = google_store.client.bucket(bucket)
    classes = [found.get_blob(f"backups/here/{key}").storage_class for key in ("small", "large", "manifest")]
    assert classes == ["NEARLINE", "NEARLINE", "STANDARD"]


def test_another_account_deletes_and_the_first_one_never_does(google_store: GoogleStore, bucket: str) -> None:
    """The account for deleting is wrong here: reading and storing work without it, deleting alone fails."""
    wrong = Account(service_account_contents=Secret(google_store.stranger), endpoint=google_store.endpoint)
    with closing(in_google(google_store, bucket, deleting=wrong)) as repository:
        repository.put("key", io.BytesIO(b"x"))
        with repository.get("key") as source:
            assert source.read() == b"x"
        with pytest.raises(RepositoryError, match="credentials are not accepted"):
            repository.delete("key")
        assert [info.key for info in repository.list("")] == ["key"]
