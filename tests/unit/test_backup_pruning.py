"""Retention carried out: the right ones go, wholly, and a store that refuses stops nothing else."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from runner.backup import pruning
from runner.backup.catalogue import ids
from runner.backup.holds import hold
from runner.backup.identity import manifest_key
from runner.backup.manifest import Chain, Manifest
from runner.backup.policy import policy_of
from runner.backup.pruning import plan, prune
from runner.backup.retention import Policy
from runner.backup.verifications import Verification, record
from runner.backup.wal.archive import WalArchive, archived
from runner.backup.wal.base import Base
from runner.backup.wal.names import Lsn, Segment
from runner.backup.wal.reach import Start
from runner.errors import RepositoryError, UsageError
from runner.repositories.memory import MemoryRepository
from tests.unit.test_backup_catalogue import keep, manifest

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Refusing(MemoryRepository):
    """A store that does not give up objects whose keys hold a word."""

    refuses = ""

    def delete(self, key: str) -> None:
        if self.refuses and self.refuses in key:
            raise RepositoryError("the object is locked", where=self.name)
        super().delete(key)


@pytest.fixture
def repository() -> Refusing:
    return Refusing("memory")


def day(repository: MemoryRepository, number: int, **changed: object) -> Manifest:
    moment = datetime(2026, 11, number, 2, tzinfo=UTC)
    return keep(repository, manifest(f"202611{number:02}T020000Z-files-abcdef", restored_point=moment, **changed))


def pruned(repository: MemoryRepository, **policy: int) -> list[str]:
    return [one.id for one in prune(repository, "app", Policy(**policy), lambda: NOW).removed]  # type: ignore[arg-type]  # numbers only


def test_what_is_dropped_goes_with_all_that_lies_beside_it(repository: Refusing) -> None:
    old, new = day(repository, 1), day(repository, 2)
    record(repository, old, Verification(old.id, "quick", NOW, 1.0))
    assert pruned(repository, keep_last=1, minimum_verified=0) == [old.id]
    assert ids(repository, "app") == [new.id]
    assert not list(repository.list(f"app/{old.id}/"))


def test_a_plan_changes_nothing_and_says_why(repository: Refusing) -> None:
    old, new = day(repository, 1), day(repository, 2)
    found = plan(repository, "app", Policy(keep_last=1), NOW)
    assert [(one.manifest.id, one.decision.keep) for one in found.verdicts] == [(old.id, False), (new.id, True)]
    assert "keep_last" in found.verdicts[1].decision.reasons
    assert len(ids(repository, "app")) == 2


def test_a_held_backup_stays_until_it_is_released(repository: Refusing) -> None:
    old = day(repository, 1)
    day(repository, 2)
    hold(repository, "app", old.id, "audit", "me")
    assert pruned(repository, keep_last=1) == []


def test_a_proved_backup_is_not_pushed_out_by_newer_ones(repository: Refusing) -> None:
    old = day(repository, 1)
    record(repository, old, Verification(old.id, "full", NOW, 1.0))
    middle, _ = day(repository, 2), day(repository, 3)
    assert pruned(repository, keep_last=1) == [middle.id]


def test_a_backup_that_failed_its_verification_goes_and_the_good_one_before_it_stays(repository: Refusing) -> None:
    good, bad = day(repository, 1), day(repository, 2)
    record(repository, bad, Verification(bad.id, "full", NOW, 1.0, "damaged"))
    assert pruned(repository, keep_last=1) == [bad.id]
    assert ids(repository, "app") == [good.id]


def test_increments_go_before_what_they_build_on(repository: Refusing) -> None:
    base = day(repository, 1)
    first = day(repository, 2, chain=Chain((base.id,)))
    day(repository, 3)
    assert pruned(repository, keep_last=1) == [first.id, base.id]


def test_a_base_stays_while_an_increment_of_it_does(repository: Refusing) -> None:
    base = day(repository, 1)
    day(repository, 2, chain=Chain((base.id,)))
    assert pruned(repository, keep_last=1) == []


def test_what_a_store_refuses_is_told_whole_and_the_rest_goes(repository: Refusing) -> None:
    first, second, _ = day(repository, 1), day(repository, 2), day(repository, 3)
    repository.refuses = second.id
    done = prune(repository, "app", Policy(keep_last=1), lambda: NOW)
    assert [one.id for one in done.removed] == [first.id]
    assert [one.id for one, _ in done.refused] == [second.id]
    assert len(list(repository.list(f"app/{second.id}/"))) == 2


MEANWHILE: dict[str, Callable[[Refusing, Manifest, Manifest], object]] = {
    "an increment on it": lambda repository, one, _: day(repository, 5, chain=Chain((one.id,))),
    "a hold on it": lambda repository, one, _: hold(repository, "app", one.id, "audit", "me"),
    "the newest one turns out bad": lambda repository, _, newest: record(
        repository, newest, Verification(newest.id, "full", NOW, 1.0, "damaged")
    ),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_what_others_do_meanwhile_keeps_what_was_to_go(repository: Refusing, what: str) -> None:
    one, two, newest = day(repository, 1), day(repository, 2), day(repository, 3)

    def told(gone: Manifest) -> None:
        if gone == two:
            MEANWHILE[what](repository, one, newest)

    assert prune(repository, "app", Policy(keep_last=1), lambda: NOW, told).removed == (two,)
    assert one.id in ids(repository, "app")


def test_a_plan_is_made_once_while_nobody_else_works_there(
    repository: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 9):
        day(repository, number)
    plans: list[object] = []
    real = pruning.plan
    monkeypatch.setattr(pruning, "plan", lambda *given: plans.append(given) or real(*given))  # type: ignore[arg-type]  # the same function
    assert len(prune(repository, "app", Policy(keep_last=1), lambda: NOW).removed) == 7
    assert len(plans) == 1


def test_a_damaged_manifest_is_left_alone_and_counts_for_nothing(repository: Refusing) -> None:
    import io

    good, bad = day(repository, 1), day(repository, 2)
    repository.put(manifest_key("app", bad.id), io.BytesIO(b"{}"))
    assert pruned(repository, keep_last=1) == []
    assert ids(repository, "app") == [good.id, bad.id]


def test_other_hosts_and_other_paths_are_other_groups(repository: Refusing) -> None:
    day(repository, 1, contents={"paths": ["/srv/a"]})
    day(repository, 2, contents={"paths": ["/srv/b"]})
    assert pruned(repository, keep_last=1) == []


@pytest.mark.parametrize("given", [{"keep_daily": 0}, {"minimum_verified": 3}, {"time_zone": "UTC"}])
def test_a_policy_that_keeps_nothing_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="keeps nothing"):
        policy_of(given)


def test_a_policy_is_read_as_people_write_it() -> None:
    found = policy_of({"keep_daily": 7, "keep_within": "2d", "time_zone": "Europe/Berlin"})
    assert found == Policy(keep_daily=7, keep_within=172800.0, time_zone="Europe/Berlin")
    with pytest.raises(UsageError, match="no time zone 'Mars/Base'"):
        policy_of({"keep_daily": 7, "time_zone": "Mars/Base"})


def based(repository: MemoryRepository, number: int, segment: int) -> Manifest:
    """A base backup that begins in a segment of timeline 1."""
    size = 2**24
    contents = Base("42", Start(1, Lsn(segment * size + 40), Lsn(segment * size + 256), size), False, 1).to_plain()
    moment = datetime(2026, 11, number, 2, tzinfo=UTC)
    identity = f"202611{number:02}T020000Z-base-abcdef"
    return keep(repository, manifest(identity, kind="base", restored_point=moment, contents=contents))


def archive(repository: MemoryRepository, *numbers: int) -> None:
    for number in numbers:
        name = Segment(1, number).name
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        repository.put(WalArchive(repository, "app", "42").key(name, sha256, ""), io.BytesIO(b"wal"))


def segments(repository: MemoryRepository) -> list[int]:
    found = [one for ones in archived(repository, "app").values() for one in ones]
    return sorted(Segment.of_name(one.name).number for one in found)


def test_the_wal_before_the_oldest_base_backup_goes_with_what_was_before_it(repository: Refusing) -> None:
    based(repository, 1, 2)
    based(repository, 2, 5)
    archive(repository, 1, 2, 3, 4, 5, 6)
    (found,) = plan(repository, "app", Policy(keep_last=1, minimum_verified=0), NOW).wal
    assert (len(found.dropped), segments(repository)) == (4, [1, 2, 3, 4, 5, 6])
    done = prune(repository, "app", Policy(keep_last=1, minimum_verified=0), lambda: NOW)
    assert (len(done.wal), segments(repository)) == (4, [5, 6])


def test_a_base_backup_the_store_does_not_give_up_keeps_its_wal(repository: Refusing) -> None:
    repository.refuses = based(repository, 1, 2).id
    based(repository, 2, 5)
    archive(repository, 1, 2, 3, 4, 5)
    prune(repository, "app", Policy(keep_last=1, minimum_verified=0), lambda: NOW)
    assert segments(repository) == [2, 3, 4, 5]


def test_wal_the_store_does_not_give_up_ends_the_pruning_of_wal_and_is_told(repository: Refusing) -> None:
    based(repository, 2, 5)
    archive(repository, 1, 2, 3, 5)
    repository.refuses = Segment(1, 2).name
    done = prune(repository, "app", Policy(keep_last=1), lambda: NOW)
    assert ([str(one) for one in done.wal_refused], segments(repository)) == (
        ["memory: the object is locked"],
        [2, 3, 5],
    )


def test_no_rule_deletes_no_wal(repository: Refusing) -> None:
    based(repository, 2, 5)
    archive(repository, 1, 5)
    assert plan(repository, "app", Policy(), NOW).wal == ()
    prune(repository, "app", Policy(), lambda: NOW)
    assert segments(repository) == [1, 5]


def test_a_base_backup_that_comes_meanwhile_ends_the_pruning_of_wal(
    repository: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    based(repository, 2, 9)
    archive(repository, *range(1, 10))

    copied: list[Manifest] = []
    real = repository.delete

    def delete(key: str) -> None:
        if not copied:
            copied.append(based(repository, 1, 3))
        real(key)

    monkeypatch.setattr(repository, "delete", delete)
    monkeypatch.setattr(pruning, "_AT_ONCE", 1)
    prune(repository, "app", Policy(keep_last=5), lambda: NOW)
    assert set(range(3, 10)) <= set(segments(repository))
