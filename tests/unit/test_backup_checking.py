"""Verification of a small backup: every flipped bit is found, and everything lost or foreign."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Iterator

import pytest

from runner.backup.catalogue import catalogue, raw, read
from runner.backup.checking import check_sound, check_whole
from runner.backup.identity import manifest_key, object_key
from runner.backup.manifest import BackupObject, Manifest, to_json
from runner.errors import VerificationFailed
from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.repositories.memory import MemoryRepository
from tests.unit.test_backup_catalogue import keep, manifest


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository("memory")


@pytest.fixture
def controller() -> Iterator[Host]:
    host = open_local()
    yield host
    host.close()


def archive() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as opened:
        for name in ("one", "two"):
            info = tarfile.TarInfo(f"./{name}")
            info.size = 300
            opened.addfile(info, io.BytesIO(name.encode() * 100))
    return gzip.compress(held.getvalue(), mtime=0)


def store(repository: MemoryRepository, data: bytes, entries: int = 2) -> Manifest:
    whole = hashlib.sha256(data).hexdigest()
    one = manifest(objects=(BackupObject("x.tar.gz", "x", len(data), whole, "tar", "gzip", {"entries": entries}),))
    repository.put(object_key("app", one.id, "x.tar.gz"), io.BytesIO(data))
    repository.put_if_absent(manifest_key("app", one.id), to_json(one))
    return one


def sound(repository: MemoryRepository, one: Manifest, controller: Host) -> None:
    check_whole(repository, one)
    check_sound(repository, one, controller, lambda name, done, total: None)


def test_every_flipped_bit_of_a_manifest_is_found(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    key, data = manifest_key("app", one.id), raw(repository, "app", one.id)
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        repository.put(key, io.BytesIO(bytes(changed)))
        with pytest.raises(VerificationFailed):
            read(repository, "app", one.id)
    repository.put(key, io.BytesIO(data))
    assert read(repository, "app", one.id) == one


def test_flipped_bits_of_an_object_are_found_wherever_they_are(repository: MemoryRepository, controller: Host) -> None:
    data = archive()
    one = store(repository, data)
    sound(repository, one, controller)
    for bit in random.Random(1).sample(range(len(data) * 8), 40):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        repository.put(object_key("app", one.id, "x.tar.gz"), io.BytesIO(bytes(changed)))
        with pytest.raises(VerificationFailed, match="is damaged"):
            sound(repository, one, controller)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b""])
def test_an_object_of_another_size_is_found_by_looking(repository: MemoryRepository, change: object) -> None:
    data = archive()
    one = store(repository, data)
    repository.put(object_key("app", one.id, "x.tar.gz"), io.BytesIO(change(data)))  # type: ignore[operator]
    with pytest.raises(VerificationFailed, match="bytes"):
        check_whole(repository, one)


def test_what_was_stored_wrong_is_told_from_what_was_damaged_later(
    repository: MemoryRepository, controller: Host
) -> None:
    one = store(repository, archive()[:-20])
    with pytest.raises(VerificationFailed, match="cannot be decoded"):
        sound(repository, one, controller)


def test_an_archive_that_lacks_an_entry_is_found(repository: MemoryRepository, controller: Host) -> None:
    one = store(repository, archive(), entries=3)
    with pytest.raises(VerificationFailed, match="holds 2 entries instead of 3"):
        sound(repository, one, controller)


def test_an_object_nobody_named_is_found(repository: MemoryRepository) -> None:
    one = store(repository, archive())
    repository.put(object_key("app", one.id, "foreign"), io.BytesIO(b"x"))
    with pytest.raises(VerificationFailed, match="foreign"):
        check_whole(repository, one)


def test_one_damaged_manifest_hides_no_other_backup(repository: MemoryRepository) -> None:
    first = keep(repository, manifest())
    second = keep(repository, manifest("20261124T025822Z-files-7a120c4f09c1"))
    repository.put(manifest_key("app", first.id), io.BytesIO(b"{}"))
    found = catalogue(repository, "app")
    assert found.backups == (second,)
    assert [one.id for one in found.damaged] == [first.id]
