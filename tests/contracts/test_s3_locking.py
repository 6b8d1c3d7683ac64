"""What S3 has of its own: addresses of versions, encryption at rest and keys for deleting."""

from __future__ import annotations

import io
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from runner.errors import RepositoryError
from runner.repositories.s3 import Credentials, S3Repository
from runner.repositories.s3_locking import PastS3Repository
from runner.secret import Secret
from tests.support.objectstore import ObjectStore
from tests.support.repositories import bucket_settings, in_bucket

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


def test_an_address_of_the_past_names_the_version(object_store: ObjectStore) -> None:
    name = f"versions-{time.time_ns()}"
    object_store.client().create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": object_store.region},
        ObjectLockEnabledForBucket=True,
    )
    settings = bucket_settings(object_store, name)
    with closing(S3Repository("now", settings)) as repository:
        repository.put("key", io.BytesIO(b"good"))
    time.sleep(1.1)
    with closing(PastS3Repository("past", settings, datetime.now(UTC))) as past:
        assert "versionId=" in past.address_to_get("key", HOUR).url.reveal()


def test_what_is_wanted_at_rest_is_said_for_every_object(object_store: ObjectStore) -> None:
    if not object_store.encrypts:
        pytest.skip("this store does not encrypt by keys of its own")
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
