"""gcs_bucket: a bucket is made as backups need one, and what its owner did not ask for stays as it is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from runner.errors import Refused, RepositoryError, TaskFailed
from tests.modules.bed import Bench
from tests.support.gcs import GoogleStore

RULES = [
    {"noncurrent_days": 30, "abort_uploads_days": 2, "transitions": [{"days": 30, "storage_class": "NEARLINE"}]},
    {"prefix": "cache/", "expire_days": 7},
]
AS_JSON = {
    "rule": [
        {"action": {"type": "Delete"}, "condition": {"age": 7, "isLive": True, "matchesPrefix": ["cache/"]}},
        {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 30}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 2}},
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 30, "matchesPrefix": []}},
    ]
}


@pytest.fixture
def asked(google_store: GoogleStore) -> dict[str, Any]:
    """A bucket that is not there yet, and how to reach the store."""
    return {
        "name": f"bucket-{time.time_ns()}",
        "endpoint_url": google_store.endpoint,
        "service_account_contents": google_store.account,
    }


def test_a_bucket_is_made_with_all_that_backups_need(
    own_bench: Bench, asked: dict[str, Any], google_store: GoogleStore
) -> None:
    own_bench.settle(
        "gcs_bucket",
        **asked,
        location="EUROPE-WEST3",
        storage_class="NEARLINE",
        versioning=True,
        object_retention_enabled=True,
        retention={"days": 30},
        kms_key_name="projects/p/locations/europe/keyRings/r/cryptoKeys/k",
        lifecycle=RULES,
    )
    made = google_store.client.get_bucket(asked["name"])
    assert (made.location, made.storage_class, made.versioning_enabled) == ("EUROPE-WEST3", "NEARLINE", True)
    assert made.object_retention_mode == "Enabled" and made.retention_period == 30 * 86400
    assert made.iam_configuration.public_access_prevention == "enforced"
    assert made.iam_configuration.uniform_bucket_level_access_enabled
    assert made.default_kms_key_name.endswith("cryptoKeys/k")
    assert len(list(made.lifecycle_rules)) == 4


def test_check_mode_shows_what_would_change_and_changes_nothing(
    own_bench: Bench, asked: dict[str, Any], google_store: GoogleStore
) -> None:
    own_bench.apply("gcs_bucket", **asked, versioning=False)
    change = own_bench.preview("gcs_bucket", **asked, versioning=True)
    assert change.needed and change.diff is not None
    assert '"versioning": false' in change.diff.before and '"versioning": true' in change.diff.after
    assert "PRIVATE KEY" not in change.diff.before + change.diff.after
    assert not google_store.client.get_bucket(asked["name"]).versioning_enabled


def test_what_is_not_said_stays_as_it_is(own_bench: Bench, asked: dict[str, Any], google_store: GoogleStore) -> None:
    own_bench.apply("gcs_bucket", **asked, versioning=True, lifecycle=RULES)
    assert not own_bench.apply("gcs_bucket", **asked).changed
    own_bench.settle("gcs_bucket", **asked, lifecycle=RULES[1:])
    made = google_store.client.get_bucket(asked["name"])
    assert made.versioning_enabled
    assert [rule["condition"]["matchesPrefix"] for rule in made.lifecycle_rules] == [["cache/"]]


@pytest.mark.parametrize("plain", [AS_JSON, {"lifecycle": AS_JSON}], ids=["bare", "wrapped"])
def test_the_rules_of_a_lifecycle_json_are_the_same_rules(
    own_bench: Bench, asked: dict[str, Any], controller: Path, plain: object
) -> None:
    (controller / "files" / "lifecycle.json").write_text(json.dumps(plain))
    own_bench.settle("gcs_bucket", **asked, lifecycle_file="lifecycle.json")
    assert not own_bench.apply("gcs_bucket", **asked, lifecycle=RULES).changed
    assert own_bench.settle("gcs_bucket", **asked, lifecycle=[]).changed


@pytest.mark.parametrize("text", ["[]", '{"Rules": []}', "no JSON", '{"rule": [{}]}'])
def test_a_file_that_holds_no_rules_is_refused_by_its_name(
    own_bench: Bench, asked: dict[str, Any], controller: Path, text: str
) -> None:
    (controller / "lifecycle.json").write_text(text)
    with pytest.raises(TaskFailed, match=r"lifecycle\.json holds no lifecycle rules") as refused:
        own_bench.apply("gcs_bucket", **asked, lifecycle_file="lifecycle.json")
    assert "s3_bucket" in refused.value.hint


def test_rules_are_given_in_one_way_only(own_bench: Bench, asked: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed, match="mutually exclusive"):
        own_bench.preview("gcs_bucket", **asked, lifecycle=RULES, lifecycle_file="lifecycle.json")


def test_a_locked_retention_is_locked_once_and_never_shortened(
    own_bench: Bench, asked: dict[str, Any], google_store: GoogleStore
) -> None:
    own_bench.settle("gcs_bucket", **asked, retention={"days": 30})
    own_bench.settle("gcs_bucket", **asked, retention={"days": 30, "locked": True})
    assert google_store.client.get_bucket(asked["name"]).retention_policy_locked
    own_bench.settle("gcs_bucket", **asked, retention={"days": 60, "locked": True})
    with pytest.raises(RepositoryError):
        own_bench.apply("gcs_bucket", **asked, retention={"days": 7, "locked": True})
    assert google_store.client.get_bucket(asked["name"]).retention_period == 60 * 86400


def test_what_only_a_new_bucket_can_have_is_refused_for_one_that_is_there(
    own_bench: Bench, asked: dict[str, Any]
) -> None:
    own_bench.apply("gcs_bucket", **asked, location="US")
    with pytest.raises(Refused, match="without retention of objects"):
        own_bench.preview("gcs_bucket", **asked, object_retention_enabled=True)
    with pytest.raises(Refused, match="buckets do not move"):
        own_bench.preview("gcs_bucket", **asked, location="europe-west3")
    assert not own_bench.apply("gcs_bucket", **asked, location="us").changed


def test_an_empty_bucket_is_removed_and_one_with_backups_in_it_is_not(
    own_bench: Bench, asked: dict[str, Any], google_store: GoogleStore
) -> None:
    own_bench.settle("gcs_bucket", **asked)
    blob = google_store.client.bucket(asked["name"]).blob("backup")
    blob.upload_from_string(b"precious")
    with pytest.raises(RepositoryError, match="not empty"):
        own_bench.apply("gcs_bucket", **asked, state="absent")
    blob.delete()
    own_bench.settle("gcs_bucket", **asked, state="absent")


def test_a_wrong_key_is_explained(own_bench: Bench, asked: dict[str, Any], google_store: GoogleStore) -> None:
    with pytest.raises(RepositoryError) as met:
        own_bench.apply("gcs_bucket", **{**asked, "service_account_contents": google_store.stranger})
    assert "PRIVATE KEY" not in str(met.value)
    assert met.value.hint
