"""Which base backup a recovery starts from, and every reason why a target cannot be reached, by a repository alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runner.backup.identity import object_key
from runner.backup.manifest import Chain, Manifest
from runner.backup.wal.archive import WalArchive
from runner.backup.wal.base import Base
from runner.backup.wal.names import Lsn
from runner.backup.wal.reach import Start
from runner.errors import ObjectNotFound, TaskFailed, VerificationFailed
from runner.hosts.contract import Host
from runner.modules.postgres.physical.choosing import Choice, choose, major_of
from runner.modules.postgres.physical.target import Target, target_of
from runner.repositories.memory import MemoryRepository
from tests.unit.test_backup_catalogue import keep, manifest
from tests.unit.test_wal_reach import SIZE, segments
from tests.unit.test_wal_reach import keep as keep_wal

NOW = datetime.now(UTC).replace(microsecond=0)
LATEST = Target("latest", "", True, None)
IMMEDIATE = Target("immediate", "", True, None)


class Store:
    """A repository with base backups, each within one segment of its own: backup `n` in segment `n`, n hours after the
    first; and WAL."""

    def __init__(self) -> None:
        self.repository = MemoryRepository("main")
        self.archive = WalArchive(self.repository, "app", "42")

    def backup(self, number: int, *, parents: tuple[Manifest, ...] = (), **more: object) -> Manifest:
        at = NOW - timedelta(hours=12 - number)
        start = Start(1, Lsn(number * SIZE + 40), Lsn(number * SIZE + 256), SIZE)
        base = Base("42", start, own_wal=bool(more.get("own_wal")), size=100, point=str(more.get("point", "")))
        if base.point:
            base = replace(base, start=replace(start, start=Lsn((number - 1) * SIZE + 256)))
        one = manifest(
            f"{at:%Y%m%dT%H%M%SZ}-base-7a120c4f09c{number:x}",
            kind="base",
            started_at=at,
            finished_at=at,
            restored_point=at,
            contents=base.to_plain(),
            versions={"postgresql": "15.4"},
            chain=Chain(tuple(parent.id for parent in parents)) if parents else None,
        )
        return keep(self.repository, one)

    def wal(self, *numbers: int, timeline: int = 1) -> None:
        segments(self.archive, timeline, *numbers)

    def choose(self, host: Host, target: Target = LATEST, backup: str = "latest") -> Choice:
        return choose(self.repository, "app", backup, target, host)


@pytest.fixture
def store() -> Store:
    return Store()


def at(hours: float) -> Target:
    """The moment so many hours after the first backup could have been."""
    return Target("time", (NOW - timedelta(hours=12 - hours)).isoformat(), True, None)


def lsn(segment: int, offset: int = 0) -> Target:
    return target_of({"lsn": str(Lsn(segment * SIZE + offset))}, "latest", True, None)


def test_the_newest_backup_before_the_target_is_taken(store: Store, host: Host) -> None:
    first, second = store.backup(2), store.backup(5)
    store.wal(2, 3, 4, 5, 6)
    assert store.choose(host).manifest == second
    assert store.choose(host, at(4)).manifest == first
    assert store.choose(host, lsn(4, 1)).manifest == first
    assert [one.name[-1] for one in store.choose(host, lsn(4, 1)).reach.segments] == ["2", "3", "4", "5", "6"]


def test_a_named_backup_is_taken_or_refused(store: Store, host: Host) -> None:
    first, second = store.backup(2), store.backup(5)
    store.wal(2, 3, 4, 5, 6)
    assert store.choose(host, backup=first.id).manifest == first
    with pytest.raises(VerificationFailed, match=f"{second.id} ends after the target") as caught:
        store.choose(host, lsn(4, 1), second.id)
    assert "consistent only from" in caught.value.why


def test_a_backup_that_lost_an_object_gives_way_to_the_one_before(store: Store, host: Host) -> None:
    first, second = store.backup(2), store.backup(5)
    store.wal(2, 3, 4, 5, 6)
    store.repository.delete(object_key("app", second.id, second.objects[0].name))
    assert store.choose(host).manifest == first


def test_a_backup_whose_own_wal_is_not_whole_gives_way_to_the_one_before(store: Store, host: Host) -> None:
    first = store.backup(2)
    second = store.backup(5)
    store.wal(2, 3)
    assert store.choose(host).manifest == first
    with pytest.raises(VerificationFailed, match=f"the WAL that backup {second.id} itself needs is not whole"):
        store.choose(host, backup=second.id)


def test_the_latest_is_not_reached_over_a_gap_but_what_lies_before_it_is(store: Store, host: Host) -> None:
    store.backup(2)
    store.wal(2, 3, 5)
    with pytest.raises(VerificationFailed, match="WAL segment 000000010000000000000004 is missing"):
        store.choose(host)
    assert store.choose(host, lsn(3, 1)).reach.end == Lsn(4 * SIZE)


def test_a_position_that_the_wal_does_not_hold_is_refused(store: Store, host: Host) -> None:
    store.backup(2)
    store.wal(2, 3)
    with pytest.raises(VerificationFailed, match="does not reach lsn 0/4000000") as caught:
        store.choose(host, lsn(4))
    assert "ends at 0/4000000 on timeline 1" in caught.value.why


def test_a_moment_after_the_newest_wal_was_stored_is_refused(store: Store, host: Host) -> None:
    store.backup(2)
    store.wal(2, 3)
    later = Target("time", (NOW + timedelta(hours=1)).isoformat(), True, None)
    with pytest.raises(VerificationFailed, match="does not reach time") as caught:
        store.choose(host, later)
    assert "stored 20" in caught.value.why


def test_the_reason_told_is_that_of_a_backup_before_the_target(store: Store, host: Host) -> None:
    store.backup(2)
    store.backup(9)
    store.wal(3, 4, 9)
    with pytest.raises(VerificationFailed, match="itself needs is not whole"):
        store.choose(host, lsn(4, 1))


def test_a_backup_with_its_wal_inside_needs_none(store: Store, host: Host) -> None:
    one = store.backup(2, own_wal=True)
    assert store.choose(host, IMMEDIATE).manifest == one


def test_without_a_base_backup_there_is_no_recovery(store: Store, host: Host) -> None:
    with pytest.raises(ObjectNotFound, match="there is no base backup of app"):
        store.choose(host)


def test_another_timeline_is_followed_only_if_it_descends_from_the_backup(store: Store, host: Host) -> None:
    store.backup(2)
    store.wal(2, 3)
    store.wal(3, 4, timeline=2)
    keep_wal(store.archive, "00000002.history", b"1\t0/3000100\tno recovery target specified\n")
    assert store.choose(host).reach.timeline == 2
    assert store.choose(host, Target("latest", "", True, 1)).reach.timeline == 1
    with pytest.raises(VerificationFailed, match="no timeline 7"):
        store.choose(host, Target("latest", "", True, 7))


def test_an_increment_of_wal_alone_leads_to_the_backup_it_builds_on(store: Store, host: Host) -> None:
    whole = store.backup(2)
    increment = store.backup(3, parents=(whole,), point="the end")
    store.wal(2, 3, 4)
    assert store.choose(host).manifest == whole
    named = store.choose(host, IMMEDIATE, increment.id)
    assert (named.manifest, named.target) == (whole, Target("name", "the end", True, 1))
    assert store.choose(host, lsn(4, 1), increment.id).target == lsn(4, 1)


def test_an_increment_of_wal_alone_is_refused_if_any_of_that_is_lost(store: Store, host: Host) -> None:
    whole = store.backup(2)
    increment = store.backup(3, parents=(whole,), point="the end")
    store.wal(2)
    with pytest.raises(VerificationFailed, match=f"which base backup {increment.id} itself needs, is missing"):
        store.choose(host, IMMEDIATE, increment.id)


def test_an_increment_of_wal_alone_is_refused_for_a_target_before_its_end(store: Store, host: Host) -> None:
    whole = store.backup(2)
    increment = store.backup(3, parents=(whole,), point="the end")
    store.wal(2, 3)
    with pytest.raises(VerificationFailed, match=f"{increment.id} ends after the target"):
        store.choose(host, lsn(3, 1), increment.id)


def test_a_backup_that_does_not_say_its_version_is_an_error(store: Store) -> None:
    assert major_of(store.backup(2)) == 15
    with pytest.raises(TaskFailed, match="does not say which PostgreSQL"):
        major_of(replace(store.backup(3), versions={}))
