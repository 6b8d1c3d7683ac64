"""WAL goes to a second repository after its base backups: what they need, no more, and nothing to and fro."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from runner.backup.catalogue import backups
from runner.backup.copying import copy
from runner.backup.following import follow, follow_everywhere, lacking
from runner.backup.pruning import prune
from runner.backup.retention import Policy
from runner.backup.wal.base import base_of
from runner.backup.wal.names import Segment
from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.repositories.contract import EncryptionKeys
from runner.repositories.memory import MemoryRepository
from tests.modules.pg_bed import Shelf
from tests.unit.test_backup_copying import Faulty
from tests.unit.test_pitr_choosing import Store
from tests.unit.test_wal_reach import SIZE

NOW = datetime.now(UTC)


@pytest.fixture
def store() -> Store:
    """Base backups in segments 2 and 5, and WAL from 1 to 8."""
    made = Store()
    made.wal(*range(1, 9))
    made.backup(2)
    made.backup(5)
    return made


def bases(store: Store, target: MemoryRepository, *numbers: int) -> None:
    """Copies of the base backups in these segments, with the WAL they need."""
    for manifest in backups(store.repository, "app"):
        if base_of(manifest).start.segment.number in numbers:
            copy(store.repository, target, manifest)


def numbers(store: Store, target: MemoryRepository, retention: Mapping[str, object] | None = None) -> list[int]:
    found = lacking(store.repository, target, "app", retention or {}, NOW)
    return [Segment.of_name(one.name, SIZE).number for one in found]


def test_all_that_comes_after_the_oldest_base_backup_there_is_lacking(store: Store) -> None:
    target = MemoryRepository("far")
    bases(store, target, 5)
    assert numbers(store, target) == [6, 7, 8]
    bases(store, target, 2)
    assert numbers(store, target) == [3, 4, 6, 7, 8]


def test_without_a_base_backup_there_nothing_is_lacking(store: Store) -> None:
    assert numbers(store, MemoryRepository("far")) == []


def test_what_was_copied_is_lacking_no_more_and_new_wal_is(store: Store) -> None:
    target = MemoryRepository("far")
    bases(store, target, 2)
    follow(store.repository, target, lacking(store.repository, target, "app", {}, NOW))
    assert numbers(store, target) == []
    store.wal(9)
    assert numbers(store, target) == [9]


def test_what_its_retention_takes_does_not_come_back(store: Store) -> None:
    target = MemoryRepository("far")
    bases(store, target, 2, 5)
    follow(store.repository, target, lacking(store.repository, target, "app", {}, NOW))
    prune(target, "app", Policy(keep_last=9, pitr_window=3600.0), lambda: NOW)
    assert numbers(store, target) == [3, 4]
    assert numbers(store, target, {"keep_last": 9, "pitr_window": "1h"}) == []


def test_wal_that_does_not_arrive_as_it_is_is_removed_and_told(store: Store) -> None:
    target = Faulty("far")
    bases(store, target, 5)
    target.damages = lacking(store.repository, target, "app", {}, NOW)[1].key
    with pytest.raises(VerificationFailed, match="did not arrive in far"):
        follow(store.repository, target, lacking(store.repository, target, "app", {}, NOW))
    assert target.damages not in {info.key for info in target.list("app/wal/")}
    target.damages = ""
    follow(store.repository, target, lacking(store.repository, target, "app", {}, NOW))
    assert numbers(store, target) == []


def test_plain_wal_does_not_go_where_all_must_be_encrypted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    target = MemoryRepository("far")
    bases(store, target, 5)
    monkeypatch.setattr(target, "_encryption", EncryptionKeys(("age1qqqq",)))
    with pytest.raises(Refused, match="WAL is not encrypted"):
        follow(store.repository, target, lacking(store.repository, target, "app", {}, NOW))
    assert numbers(store, target) == [6, 7, 8]


def test_a_store_that_fails_keeps_the_others_from_nothing(store: Store) -> None:
    broken, sound = Faulty("broken"), MemoryRepository("sound")
    for target in (broken, sound):
        bases(store, target, 5)
    broken.breaks = lacking(store.repository, broken, "app", {}, NOW)[0].key
    shelf = Shelf({"main": store.repository, "broken": broken, "sound": sound})
    with pytest.raises(TaskFailed, match="the WAL was not copied to broken: the store is gone") as error:
        follow_everywhere(shelf, store.repository, [broken, sound], "app", NOW)
    assert [one["to"] for one in error.value.data["copied"]] == ["sound"]
    assert numbers(store, sound) == []
