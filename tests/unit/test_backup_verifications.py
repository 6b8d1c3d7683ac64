"""Results of verifications beside the manifest, and holds: kept, read back, and never in a backup's way."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from runner.backup.catalogue import check_presence, find, ids
from runner.backup.holds import Hold, held, hold, release
from runner.backup.identity import HOLD, VERIFICATIONS, object_key
from runner.backup.verifications import Level, Verification, proof, record, verifications
from runner.repositories.memory import MemoryRepository
from tests.unit.test_backup_catalogue import WHEN, keep, manifest


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository("memory")


def result(minutes: int, level: Level = "full", error: str | None = None) -> Verification:
    return Verification(manifest().id, level, WHEN + timedelta(minutes=minutes), 1.5, error, "run", {"rows": 3})


def test_results_come_back_oldest_first_and_the_backup_is_as_it_was(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    results = [result(5), result(1, "quick"), result(9, "restore", "rows differ")]
    for each in results:
        record(repository, one, each)
    assert verifications(repository, "app", one.id) == tuple(sorted(results, key=lambda each: each.at))
    assert ids(repository, "app") == [one.id]
    assert find(repository, "app") == one
    check_presence(repository, one)


def test_two_results_of_one_moment_do_not_collide(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    record(repository, one, result(1))
    record(repository, one, result(1))
    assert len(verifications(repository, "app", one.id)) == 2


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format": 2}', b"\xff"])
def test_what_is_no_sound_result_proves_nothing(repository: MemoryRepository, data: bytes) -> None:
    one = keep(repository, manifest())
    name = f"{VERIFICATIONS}20261123T030000000Z-full-abcdef.json"
    repository.put(object_key("app", one.id, name), io.BytesIO(data))
    assert verifications(repository, "app", one.id) == ()


def test_a_result_of_another_backup_moved_there_proves_nothing(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    other = keep(repository, manifest("20261124T025822Z-files-7a120c4f09c1"))
    record(repository, other, result(1))
    assert verifications(repository, "app", other.id) == ()
    assert verifications(repository, "app", one.id) == ()


@pytest.mark.parametrize(
    ("results", "level"),
    [
        ([], None),
        ([result(1, "quick")], "quick"),
        ([result(1, "restore"), result(2, "quick")], "restore"),
        ([result(1, "restore"), result(2, "quick", "gone")], None),
        ([result(1, "full", "damaged"), result(2, "quick")], None),
        ([result(1, "full", "damaged"), result(2, "full")], "full"),
        ([result(1, "quick", "gone"), result(2, "restore")], "restore"),
    ],
)
def test_a_failure_counts_until_a_later_look_as_deep_was_good(results: list[Verification], level: Level | None) -> None:
    assert proof(results).level == level


def test_a_hold_is_kept_with_its_reason_until_it_is_released(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    assert held(repository, "app", one.id) is None
    assert hold(repository, "app", one.id, "audit", "me")
    assert not hold(repository, "app", one.id, "again", "you")
    found = held(repository, "app", one.id)
    assert isinstance(found, Hold) and (found.reason, found.by) == ("audit", "me")
    check_presence(repository, one)
    assert release(repository, "app", one.id)
    assert not release(repository, "app", one.id)
    assert held(repository, "app", one.id) is None


def test_a_hold_that_cannot_be_read_still_holds(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    repository.put(object_key("app", one.id, HOLD), io.BytesIO(b"\xff{"))
    assert held(repository, "app", one.id) is not None
