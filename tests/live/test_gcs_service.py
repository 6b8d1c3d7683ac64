"""The main job with a bucket of Google's: backed up, verified, kept, recovered on a new host, by its address alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gcs import GoogleStore
from tests.support.rig import Rig

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
SECRET = "PRIVATE KEY"


@pytest.fixture
def bucket(google_store: GoogleStore) -> str:
    return google_store.create_bucket(versioning=True, retention=True)


@pytest.mark.parametrize("transfer", ["relay", "target"])
def test_a_service_is_backed_up_to_google_and_recovered_on_a_new_host(
    rig: Rig, google_store: GoogleStore, bucket: str, transfer: str
) -> None:
    rig.describe(google_store.repository(bucket, "production", transfer=transfer))
    rows = rig.rows(rig.database)
    rig.play("backup.yml")
    assert len(rig.backups()) == 2
    assert all(key.startswith("production/") for key in google_store.keys(bucket))
    rig.play("verify.yml")
    rig.lose_files()
    rig.play("dr-restore.yml")
    assert rig.rows(rig.copy) == rows
    rig.nothing_runs()
    assert SECRET not in rig.said


def test_what_is_locked_is_pruned_by_nobody(rig: Rig, google_store: GoogleStore, bucket: str) -> None:
    lock = {"mode": "governance", "retain": "1h"}
    rig.describe(google_store.repository(bucket, object_lock=lock, retention={"keep_last": 1}))
    for _ in range(2):
        rig.play("backup.yml")
    said = rig.controller.do("backups", "prune", "offsite", "-i", str(rig.controller.inventory), "--yes", code=0)
    assert "locked by the store until" in said
    assert len(rig.backups()) == 4


def test_a_machine_without_an_inventory_reads_the_bucket_by_its_address(
    rig: Rig, google_store: GoogleStore, bucket: str, tmp_path: Path
) -> None:
    rig.describe(google_store.repository(bucket, "production"))
    rig.play("backup.yml")
    key = tmp_path / "account.json"
    key.write_text(google_store.account)
    address = f"gs://{bucket}/production?endpoint={google_store.endpoint}&service_account_file={key}"
    said = rig.controller.do("backups", "verify", address, "--level", "full", code=0)
    assert said.count(": good") == 2 and SECRET not in said
    said = rig.controller.do("backups", "list", address, code=0)
    assert "database" in said and "files" in said


def test_a_wrong_account_is_told_once_with_a_hint(rig: Rig, google_store: GoogleStore, bucket: str) -> None:
    rig.describe(google_store.repository(bucket) | {"service_account_contents": google_store.stranger})
    said = rig.play("backup.yml", code=2)
    assert said.count("credentials are not accepted") == 2, "once for the database, once for the files\n" + said
    assert SECRET not in said
