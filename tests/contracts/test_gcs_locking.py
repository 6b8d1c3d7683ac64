"""What Google's store has of its own: retention of buckets, holds, generations, classes, an account for deleting."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from runner.errors import ObjectNotFound, RepositoryError
from runner.repositories.gcs import GcsRepository
from runner.repositories.gcs_client import Account
from runner.repositories.gcs_locking import LockingGcsRepository, Retention
from runner.secret import Secret
from tests.support.gcs import GoogleStore
from tests.support.repositories import google_settings, in_google

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


@pytest.fixture
def bucket(google_store: GoogleStore) -> str:
    return google_store.create_bucket()


@pytest.fixture
def repository(google_store: GoogleStore, bucket: str) -> Iterator[GcsRepository]:
    with closing(in_google(google_store, bucket)) as found:
        yield found


@pytest.mark.parametrize("with_", [{}, {"versioning": True}, {"retention": True}])
def test_a_bucket_that_cannot_keep_is_refused_before_anything_is_stored(
    google_store: GoogleStore, with_: dict[str, bool]
) -> None:
    settings = google_settings(google_store, google_store.create_bucket(**with_))
    with closing(LockingGcsRepository("x", settings, Retention(False, HOUR))) as repository:
        with pytest.raises(RepositoryError, match="no retention of objects, or no versions"):
            repository.put("key", io.BytesIO(b"x"))
        assert list(repository.list("")) == []


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
