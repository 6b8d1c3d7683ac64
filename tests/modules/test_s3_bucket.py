"""s3_bucket: a bucket is made as backups need one, and what its owner did not ask for stays as it is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from runner.errors import Refused, RepositoryError, TaskFailed
from runner.modules.cloud.lifecycle import normal
from tests.modules.bed import Bench
from tests.support.objectstore import ObjectStore

RULES = [
    {
        "id": "old-versions",
        "noncurrent_days": 30,
        "abort_uploads_days": 2,
        "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}, {"days": 90, "storage_class": "GLACIER"}],
    },
    {"id": "cache", "prefix": "cache/", "expire_days": 7, "enabled": False},
]
AS_JSON = {
    "Rules": [
        {
            "ID": "old-versions",
            "Status": "Enabled",
            "Prefix": "",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
            "Transitions": [
                {"Days": 30, "StorageClass": "STANDARD_IA"},
                {"Days": 90, "StorageClass": "GLACIER"},
            ],
        },
        {"ID": "cache", "Status": "Disabled", "Filter": {"Prefix": "cache/"}, "Expiration": {"Days": 7}},
    ]
}


@pytest.fixture
def asked(object_store: ObjectStore) -> dict[str, Any]:
    """A bucket that is not there yet, and how to reach the store."""
    return {
        "name": f"bucket-{time.time_ns()}",
        "endpoint_url": object_store.endpoint,
        "region": object_store.region,
        "access_key": object_store.access_key_id,
        "secret_key": object_store.secret_access_key,
    }


def test_a_bucket_is_made_with_all_that_backups_need(
    own_bench: Bench, asked: dict[str, Any], object_store: ObjectStore
) -> None:
    own_bench.settle(
        "s3_bucket",
        **asked,
        versioning=True,
        object_lock_enabled=True,
        object_lock_default={"mode": "governance", "days": 30},
        **({"encryption": "AES256"} if object_store.encrypts else {}),
        lifecycle=RULES,
    )
    client, name = object_store.client(), asked["name"]
    assert client.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    lock = client.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"].items() >= {"Mode": "GOVERNANCE", "Days": 30}.items()
    blocked = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    rules = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert sorted(rule["ID"] for rule in rules) == ["cache", "old-versions"]


def test_check_mode_shows_what_would_change_and_changes_nothing(
    own_bench: Bench, asked: dict[str, Any], object_store: ObjectStore
) -> None:
    own_bench.apply("s3_bucket", **asked, versioning=False)
    change = own_bench.preview("s3_bucket", **asked, versioning=True)
    assert change.needed and change.diff is not None
    assert '"versioning": false' in change.diff.before and '"versioning": true' in change.diff.after
    assert asked["secret_key"] not in change.diff.before + change.diff.after
    assert object_store.client().get_bucket_versioning(Bucket=asked["name"]).get("Status") != "Enabled"


def test_what_is_not_said_stays_as_it_is(own_bench: Bench, asked: dict[str, Any], object_store: ObjectStore) -> None:
    own_bench.apply("s3_bucket", **asked, versioning=True, lifecycle=RULES)
    assert not own_bench.apply("s3_bucket", **asked).changed
    own_bench.settle("s3_bucket", **asked, lifecycle=RULES[:1])
    client, name = object_store.client(), asked["name"]
    assert client.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    rules = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert [rule["ID"] for rule in rules] == ["old-versions"]


def test_the_rules_of_a_lifecycle_json_are_the_same_rules(
    own_bench: Bench, asked: dict[str, Any], controller: Path
) -> None:
    (controller / "files" / "lifecycle.json").write_text(json.dumps(AS_JSON))
    own_bench.settle("s3_bucket", **asked, lifecycle_file="lifecycle.json")
    assert not own_bench.apply("s3_bucket", **asked, lifecycle=RULES).changed
    assert own_bench.settle("s3_bucket", **asked, lifecycle=[]).changed


def test_rules_mean_the_same_in_whatever_order_a_store_tells_them() -> None:
    rules = [dict(one) for one in AS_JSON["Rules"]]
    told = [{**rules[1]}, {**rules[0], "Transitions": rules[0]["Transitions"][::-1]}]  # type: ignore[index]
    assert normal(told) == normal(rules)


def test_a_file_that_holds_no_rules_is_refused_by_its_name(
    own_bench: Bench, asked: dict[str, Any], controller: Path
) -> None:
    (controller / "lifecycle.json").write_text("[]")
    with pytest.raises(TaskFailed, match=r"lifecycle\.json holds no lifecycle rules"):
        own_bench.apply("s3_bucket", **asked, lifecycle_file="lifecycle.json")


def test_object_lock_cannot_be_given_to_a_bucket_that_is_there(own_bench: Bench, asked: dict[str, Any]) -> None:
    own_bench.apply("s3_bucket", **asked)
    with pytest.raises(Refused, match="without Object Lock"):
        own_bench.preview("s3_bucket", **asked, object_lock_enabled=True)


def test_versions_of_a_locked_bucket_cannot_be_switched_off(own_bench: Bench, asked: dict[str, Any]) -> None:
    own_bench.apply("s3_bucket", **asked, object_lock_enabled=True)
    with pytest.raises(Refused, match="needs its versions"):
        own_bench.apply("s3_bucket", **asked, versioning=False)


def test_an_empty_bucket_is_removed_and_one_with_backups_in_it_is_not(
    own_bench: Bench, asked: dict[str, Any], object_store: ObjectStore
) -> None:
    own_bench.settle("s3_bucket", **asked, block_public_access=object_store.writable_when_private)
    object_store.client().put_object(Bucket=asked["name"], Key="backup", Body=b"precious")
    with pytest.raises(RepositoryError, match="not empty"):
        own_bench.apply("s3_bucket", **asked, state="absent")
    object_store.client().delete_object(Bucket=asked["name"], Key="backup")
    own_bench.settle("s3_bucket", **asked, state="absent")


def test_wrong_keys_are_explained(own_bench: Bench, asked: dict[str, Any]) -> None:
    with pytest.raises(RepositoryError) as met:
        own_bench.apply("s3_bucket", **{**asked, "secret_key": "not-the-key"})
    assert "not-the-key" not in str(met.value)
    assert met.value.hint
