"""Every timeline of the WAL goes on without a gap from its oldest segment to its newest."""

from __future__ import annotations

import io

import pytest

from runner.backup.wal.archive import WalArchive
from runner.backup.wal.gaps import check_timelines
from runner.backup.wal.names import Lsn, history_name
from runner.backup.wal.reach import Start
from runner.errors import VerificationFailed
from runner.repositories.memory import MemoryRepository
from tests.unit.test_wal_reach import SIZE, segments


@pytest.fixture
def archive() -> WalArchive:
    return WalArchive(MemoryRepository("main"), "app", "42")


def history(archive: WalArchive, timeline: int) -> None:
    archive.repository.put(archive.key(history_name(timeline), "0" * 64, ""), io.BytesIO(b"1\t0/5000000\tpromoted\n"))


def base(first: int, last: int) -> Start:
    return Start(1, Lsn(first * SIZE + 40), Lsn(last * SIZE + 256), SIZE)


def timelines(archive: WalArchive, *bases: Start, pruned: bool = False) -> tuple[int, ...]:
    return check_timelines(archive.files(), archive.describe(), bases, pruned=pruned)


def test_whole_timelines_are_named(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3, 4, 5)
    segments(archive, 2, 5, 6)
    history(archive, 2)
    assert timelines(archive) == (1, 2)


def test_a_gap_on_any_timeline_is_found(archive: WalArchive) -> None:
    segments(archive, 1, 2, 4)
    segments(archive, 2, 4, 5)
    history(archive, 2)
    with pytest.raises(VerificationFailed, match="000000010000000000000003 is missing"):
        timelines(archive)


def test_a_timeline_without_its_history_is_found(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3)
    segments(archive, 2, 3, 4)
    with pytest.raises(VerificationFailed, match="history of timeline 2 is missing"):
        timelines(archive)


def test_what_retention_took_between_base_backups_is_no_gap(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3, 6, 7)
    assert timelines(archive, base(2, 3), base(6, 6), pruned=True) == (1,)
    with pytest.raises(VerificationFailed, match="000000010000000000000004 is missing"):
        timelines(archive, base(2, 3), base(6, 6), pruned=False)


def test_an_archive_without_wal_has_no_timelines(archive: WalArchive) -> None:
    assert timelines(archive) == ()
