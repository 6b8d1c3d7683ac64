"""A backup in several repositories: one that fails keeps nothing from the others."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from runner.backup.catalogue import ids
from runner.backup.distributing import distribute, further
from runner.backup.identity import object_key
from runner.backup.manifest import Chain
from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.repositories.contract import EncryptionKeys, Repository
from runner.repositories.memory import MemoryRepository
from tests.unit.test_backup_copying import Faulty, made

FIRST = "20261123T025900Z-files-7a120c4f09c1"
SECOND = "20261123T085822Z-files-7a120c4f09c1"
THIRD = "20261124T025900Z-files-7a120c4f09c1"


class Named:
    """Repositories by their names."""

    def __init__(self, *repositories: Repository) -> None:
        self._known: Mapping[str, Repository] = {one.name: one for one in repositories}

    def get(self, name: str) -> Repository:
        return self._known[name]

    def retention(self, name: str) -> Mapping[str, object]:
        return {}

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def source() -> Iterator[MemoryRepository]:
    yield MemoryRepository("main")


def broken(name: str) -> Faulty:
    target = Faulty(name)
    target.breaks = ".tar"
    return target


def names(told: Sequence[Mapping[str, object]]) -> list[tuple[object, object]]:
    return [(one["backup_id"], one["to"]) for one in told]


def test_every_target_gets_the_backup_and_what_it_builds_on(source: MemoryRepository) -> None:
    base, targets = made(source, FIRST), [MemoryRepository("nearby"), MemoryRepository("offsite")]
    later = made(source, SECOND, chain=Chain((base.id,)))
    told = distribute(source, targets, [later])
    assert [ids(one, "app") for one in targets] == [[base.id, later.id]] * 2
    assert names(told["copied"]) == [(one, to) for to in ("nearby", "offsite") for one in (base.id, later.id)]
    assert distribute(source, targets, [later]) == {"copied": []}


def test_a_store_that_is_gone_does_not_keep_the_others_from_their_copy(source: MemoryRepository) -> None:
    one, whole = made(source), MemoryRepository("offsite")
    with pytest.raises(TaskFailed, match=rf"no copy of {one.id} in nearby: the store is gone") as caught:
        distribute(source, [broken("nearby"), whole], [one])
    assert ids(whole, "app") == [one.id]
    assert names(caught.value.data["copied"]) == [(one.id, "offsite")]  # type: ignore[arg-type]
    assert "backup_copy" in caught.value.hint


def test_every_store_that_is_gone_is_named(source: MemoryRepository) -> None:
    one = made(source)
    with pytest.raises(TaskFailed, match=rf"in nearby: .*; no copy of {one.id} in offsite: "):
        distribute(source, [broken("nearby"), broken("offsite")], [one])


def lose(source: MemoryRepository, key: str) -> None:
    source.delete(key)


def damage(source: MemoryRepository, key: str) -> None:
    with source.get(key) as stream:
        source.put(key, io.BytesIO(stream.read()[::-1]))


@pytest.mark.parametrize(("spoil", "error"), [(lose, TaskFailed), (damage, VerificationFailed)])
def test_what_builds_on_a_spoilt_backup_is_not_copied_and_all_else_is(
    source: MemoryRepository, spoil: Callable[[MemoryRepository, str], None], error: type[TaskFailed]
) -> None:
    base, alone = made(source, FIRST), made(source, THIRD)
    later = made(source, SECOND, chain=Chain((base.id,)))
    target = MemoryRepository("offsite")
    spoil(source, object_key("app", base.id, "one.tar"))
    with pytest.raises(error, match=f"no copy of {base.id}"):
        distribute(source, [target], [base, later, alone])
    assert ids(target, "app") == [alone.id]


def test_a_store_for_encrypted_backups_refuses_before_anything_is_made(source: MemoryRepository) -> None:
    strict = MemoryRepository("vault", encryption=EncryptionKeys(recipients=("age1example",)))
    with pytest.raises(Refused, match="what is to be copied is not encrypted, and vault is for encrypted backups"):
        further(Named(source, strict), source, ["vault"])


def test_a_copy_that_is_refused_is_told_as_refused(source: MemoryRepository) -> None:
    strict = MemoryRepository("vault", encryption=EncryptionKeys(recipients=("age1example",)))
    with pytest.raises(Refused, match="in vault: backup .* is not encrypted"):
        distribute(source, [strict], [made(source)])


def test_the_repository_itself_is_no_further_one(source: MemoryRepository) -> None:
    other = MemoryRepository("offsite")
    assert further(Named(source, other), source, ["main", "offsite"]) == (other,)
