"""Backups that were damaged where they lie: verification ends with 3, a recovery refuses and touches nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.rig import Rig

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


def key_of(rig: Rig, kind: str, end: str = "") -> str:
    """The manifest of the backup of that kind, or its largest object."""
    client = rig.store.client()
    keys = [key for key in rig.objects() if f"-{kind}-" in key]
    if end:
        return next(key for key in keys if key.endswith(end))
    sizes = {key: client.head_object(Bucket=rig.bucket, Key=key)["ContentLength"] for key in keys}
    return max((key for key in keys if not key.endswith("manifest.json")), key=sizes.__getitem__)


def read(rig: Rig, key: str) -> bytes:
    body: bytes = rig.store.client().get_object(Bucket=rig.bucket, Key=key)["Body"].read()
    return body


def write(rig: Rig, key: str, content: bytes) -> None:
    rig.store.client().put_object(Bucket=rig.bucket, Key=key, Body=content)


def rewrite(rig: Rig, key: str, change: Callable[[bytes], bytes]) -> None:
    write(rig, key, change(read(rig, key)))


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


def check_recovery_touches_nothing(rig: Rig, *words: str) -> None:
    """dr-restore refuses with these words; restore-database.yml leaves the live database as it is."""
    rows = rig.rows(rig.database)
    said = rig.play("dr-restore.yml", code=3)
    assert any(word in said for word in words), said
    assert rig.copy not in rig.databases()
    said = rig.play("restore-database.yml", "--limit", "old", code=3)
    assert any(word in said for word in words), said
    assert rig.rows(rig.database) == rows
    rig.nothing_half_done()
    rig.nothing_runs()


@pytest.mark.parametrize(
    "damage", [flipped, lambda content: content[:-1], lambda content: content[: len(content) // 3]]
)
def test_a_damaged_dump_fails_verification_and_is_never_restored(rig: Rig, damage: Callable[[bytes], bytes]) -> None:
    rig.play("backup.yml")
    key = key_of(rig, "database")
    rewrite(rig, key, damage)
    said = rig.play("verify.yml", code=3)
    assert key.rpartition("/")[2] in said, said
    check_recovery_touches_nothing(rig, key.rpartition("/")[2])


def test_a_missing_dump_is_missed(rig: Rig) -> None:
    rig.play("backup.yml")
    key = key_of(rig, "database")
    rig.store.client().delete_object(Bucket=rig.bucket, Key=key)
    said = rig.play("verify.yml", code=3)
    assert key.rpartition("/")[2] in said, said
    check_recovery_touches_nothing(rig, key.rpartition("/")[2])


@pytest.mark.parametrize("damage", [flipped, lambda content: content[:-20]])
def test_damaged_files_are_never_unpacked(rig: Rig, damage: Callable[[bytes], bytes]) -> None:
    rig.play("backup.yml")
    rewrite(rig, key_of(rig, "files"), damage)
    rig.play("verify.yml", code=3)
    before = {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()}
    rig.play("dr-restore.yml", code=3)
    assert {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()} == before


MANIFESTS: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "a digit of a checksum changed": lambda content: with_other_checksum(content),
}


def with_other_checksum(content: bytes) -> bytes:
    document = json.loads(content)
    digest = document["objects"][0]["sha256"]
    document["objects"][0]["sha256"] = ("0" if digest[0] != "0" else "1") + digest[1:]
    return json.dumps(document).encode()


@pytest.mark.parametrize("damage", MANIFESTS)
def test_a_damaged_manifest_is_refused_by_everything_that_reads_it(rig: Rig, damage: str) -> None:
    rig.play("backup.yml")
    rows = rig.rows(rig.database)
    rewrite(rig, key_of(rig, "database", "manifest.json"), MANIFESTS[damage])
    rig.play("verify.yml", code=3)
    rig.play("dr-restore.yml", code=3)
    rig.play("restore-database.yml", code=3)
    assert rig.copy not in rig.databases()
    assert rig.rows(rig.database) == rows


def test_a_manifest_of_another_service_put_in_its_place_is_refused(rig: Rig) -> None:
    rig.play("backup.yml", "-e", "service=another")
    (other,) = [key for key in rig.objects() if "-database-" in key and key.endswith("manifest.json")]
    rig.play("backup.yml")
    (mine,) = [key for key in rig.objects() if "-database-" in key and key.endswith("manifest.json") and key != other]
    write(rig, mine, read(rig, other))
    assert "of another" in rig.play("verify.yml", code=3)
    check_recovery_touches_nothing(rig, "of another")


def test_a_damaged_newest_backup_does_not_hide_the_one_before(rig: Rig) -> None:
    rig.play("backup.yml")
    (first,) = [found["id"] for found in rig.backups() if found["kind"] == "database"]
    rows = rig.rows(rig.database)
    rig.postgres.query(rig.database, "DELETE FROM findings")
    rig.play("backup.yml")
    newest = max(key for key in rig.objects() if key.endswith("manifest.json") and "-database-" in key)
    write(rig, newest, b"damaged")
    listed = rig.backups(code=3)
    assert first in [found["id"] for found in listed]
    rig.play("restore-database.yml", "-e", f"backup={first}")
    assert rig.rows(rig.database) == rows
