"""A backup in a second repository: there whole and proved, or not there at all."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

import pytest

from runner.backup.catalogue import check_presence, find, ids, raw
from runner.backup.copying import copy, is_there
from runner.backup.identity import manifest_key, object_key
from runner.backup.lineage import lineage
from runner.backup.manifest import BackupObject, Chain, Manifest, to_json
from runner.errors import RepositoryError, VerificationFailed
from runner.repositories.contract import StoredObject
from runner.repositories.memory import MemoryRepository
from tests.unit.test_backup_catalogue import manifest

NAMES = ("one.tar", "two.tar")


class Faulty(MemoryRepository):
    """A store that damages what it is given, or breaks at an object."""

    damages = ""
    breaks = ""

    def put(self, key: str, source: BinaryIO) -> StoredObject:
        if self.breaks and key.endswith(self.breaks):
            raise RepositoryError("the store is gone", where=self.name)
        data = source.read()
        if self.damages and key.endswith(self.damages):
            data = bytes([data[0] ^ 1]) + data[1:]
        return super().put(key, io.BytesIO(data))


class Counting(MemoryRepository):
    """A store that notes what is read of it."""

    @contextmanager
    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        self.read = [*getattr(self, "read", []), key.rpartition("/")[2]]
        with super().get(key, offset=offset, length=length) as source:
            yield source


@pytest.fixture
def source() -> Counting:
    return Counting("source")


@pytest.fixture
def target() -> Faulty:
    return Faulty("target")


def made(repository: MemoryRepository, backup_id: str = manifest().id, **changed: object) -> Manifest:
    contents = {name: f"{backup_id} {name}".encode() * 1000 for name in NAMES}
    objects = tuple(
        BackupObject(name, name, len(data), hashlib.sha256(data).hexdigest(), "tar", "none")
        for name, data in contents.items()
    )
    one = replace(manifest(backup_id), objects=objects, **changed)  # type: ignore[arg-type]  # fields by name
    for name, data in contents.items():
        repository.put(object_key(one.service, one.id, name), io.BytesIO(data))
    repository.put_if_absent(manifest_key(one.service, one.id), to_json(one))
    return one


def test_a_copy_is_the_same_backup_byte_for_byte(source: Counting, target: Faulty) -> None:
    one = made(source)
    assert copy(source, target, one)
    assert find(target, "app") == one
    assert raw(target, "app", one.id) == raw(source, "app", one.id)
    assert {info.key: info.size for info in target.list("")} == {info.key: info.size for info in source.list("")}


def test_what_is_there_already_is_not_sent_again(source: Counting, target: Faulty) -> None:
    one = made(source)
    copy(source, target, one)
    source.read = []
    assert not copy(source, target, one)
    assert source.read == ["manifest.json"]


def test_an_object_damaged_in_the_source_is_never_copied(source: Counting, target: Faulty) -> None:
    one = made(source)
    source.put(object_key("app", one.id, "two.tar"), io.BytesIO(b"x" * one.objects[1].size))
    with pytest.raises(VerificationFailed, match=r"two\.tar is damaged in source"):
        copy(source, target, one)
    assert ids(target, "app") == []
    assert [info.key.rpartition("/")[2] for info in target.list("")] == ["one.tar"]


def test_what_the_target_stores_wrongly_is_found_and_does_not_become_a_backup(source: Counting, target: Faulty) -> None:
    one = made(source)
    target.damages = "two.tar"
    with pytest.raises(VerificationFailed, match="did not arrive in target"):
        copy(source, target, one)
    assert ids(target, "app") == []
    assert [info.key.rpartition("/")[2] for info in target.list("")] == ["one.tar"]


def test_a_copy_that_broke_off_goes_on_with_what_arrived(source: Counting, target: Faulty) -> None:
    one = made(source)
    target.breaks = "two.tar"
    with pytest.raises(RepositoryError, match="gone"):
        copy(source, target, one)
    assert ids(target, "app") == []
    target.breaks, source.read = "", []
    assert copy(source, target, one)
    assert "one.tar" not in source.read
    check_presence(target, find(target, "app"))


def test_a_half_object_of_a_broken_copy_is_sent_anew(source: Counting, target: Faulty) -> None:
    one = made(source)
    target.put(object_key("app", one.id, "one.tar"), io.BytesIO(b"half"))
    assert copy(source, target, one)
    check_presence(target, one)


def test_another_backup_of_that_name_is_an_error_and_stays_as_it_is(source: Counting, target: Faulty) -> None:
    one = made(source)
    other = made(target, one.id, warnings=("another",))
    with pytest.raises(VerificationFailed, match="another manifest"):
        copy(source, target, one)
    assert find(target, "app") == other


def test_a_copy_that_lost_an_object_later_is_not_said_to_be_there(source: Counting, target: Faulty) -> None:
    one = made(source)
    copy(source, target, one)
    target.delete(object_key("app", one.id, "one.tar"))
    with pytest.raises(VerificationFailed, match="missing"):
        is_there(target, source, one)


def test_the_lineage_of_an_incremental_is_its_parents_and_itself(source: Counting) -> None:
    base = made(source)
    first = made(source, "20261123T085822Z-files-7a120c4f09c1", chain=Chain((base.id,)))
    second = made(source, "20261123T145822Z-files-7a120c4f09c1", chain=Chain((base.id, first.id)))
    assert lineage(source, base) == [base]
    assert lineage(source, second) == [base, first, second]


def test_a_lost_parent_is_named(source: Counting) -> None:
    base = made(source)
    first = made(source, "20261123T085822Z-files-7a120c4f09c1", chain=Chain((base.id,)))
    source.delete(manifest_key("app", base.id))
    with pytest.raises(VerificationFailed, match=f"builds on {base.id}, which is not there"):
        lineage(source, first)
