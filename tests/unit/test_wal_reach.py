"""How far WAL in a repository carries a backup, over gaps and timelines; and when a server has read all of it."""

from __future__ import annotations

import hashlib
import io

import pytest

from runner.backup.wal.archive import Archived, WalArchive
from runner.backup.wal.names import Lsn, Segment
from runner.backup.wal.reach import Start, reach
from runner.errors import VerificationFailed
from runner.repositories.memory import MemoryRepository

SIZE = 2**24
BASE = Start(1, Lsn(2 * SIZE + 40), Lsn(2 * SIZE + 256), SIZE)


@pytest.fixture
def archive() -> WalArchive:
    return WalArchive(MemoryRepository("main"), "app", "42")


def keep(archive: WalArchive, name: str, content: bytes = b"wal") -> None:
    sha256 = hashlib.sha256(content + name.encode()).hexdigest()
    archive.repository.put(archive.key(name, sha256, ""), io.BytesIO(content))


def segments(archive: WalArchive, timeline: int, *numbers: int) -> None:
    for number in numbers:
        keep(archive, Segment(timeline, number, SIZE).name)


def text(archive: WalArchive) -> object:
    def read(one: Archived) -> str:
        with archive.repository.get(one.key) as source:
            return source.read().decode()

    return read


def passed(archive: WalArchive, timeline: int | None = None) -> tuple[list[str], int, str]:
    found = reach(archive, BASE, timeline, text(archive))  # type: ignore[arg-type]  # a plain reader
    return [one.name[:8] + one.name[-2:] for one in found.segments], found.timeline, found.missing


def test_it_goes_to_the_last_segment(archive: WalArchive) -> None:
    segments(archive, 1, 1, 2, 3, 4)
    assert passed(archive) == (["0000000102", "0000000103", "0000000104"], 1, "")


def test_it_ends_at_a_gap_and_names_it(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3, 5)
    assert passed(archive) == (["0000000102", "0000000103"], 1, "000000010000000000000004")


def test_what_a_receiver_had_of_the_last_segment_is_the_end(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3)
    keep(archive, "000000010000000000000004.partial", b"older")
    keep(archive, "000000010000000000000004.partial", b"newer")
    found = reach(archive, BASE, None, text(archive))  # type: ignore[arg-type]  # a plain reader
    assert [one.name[-2:] for one in found.segments] == ["02", "03", "04"]
    last = found.segments[-1]
    assert last.unfinished and not found.segments[0].unfinished
    with archive.repository.get(last.key) as source:
        assert source.read() == b"newer"
    assert not found.is_passed(["000000010000000000000005"], ["000000010000000000000003"], BASE)
    assert found.is_passed([], ["000000010000000000000004"], BASE)


def test_an_unfinished_segment_fills_no_gap_and_replaces_no_whole_one(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3, 5)
    keep(archive, "000000010000000000000004.partial")
    assert passed(archive) == (["0000000102", "0000000103"], 1, "000000010000000000000004")
    segments(archive, 1, 4)
    assert passed(archive) == (["0000000102", "0000000103", "0000000104", "0000000105"], 1, "")


def test_an_unfinished_segment_of_a_timeline_that_was_left_is_not_taken(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3)
    keep(archive, "000000010000000000000004.partial")
    segments(archive, 2, 4)
    keep(archive, "00000002.history", b"1\t0/4000100\tno recovery target specified\n")
    assert passed(archive) == (["0000000102", "0000000103", "0000000204"], 2, "")


def test_it_follows_the_latest_timeline_that_descends_from_the_backup(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3, 4, 5)
    segments(archive, 2, 4, 5)
    keep(archive, "00000002.history", b"1\t0/4000100\tno recovery target specified\n")
    assert passed(archive) == (["0000000102", "0000000103", "0000000204", "0000000205"], 2, "")
    assert passed(archive, 1) == (["0000000102", "0000000103", "0000000104", "0000000105"], 1, "")


def test_it_follows_no_timeline_that_left_before_the_backup_ended(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3)
    segments(archive, 2, 1, 2)
    keep(archive, "00000002.history", b"1\t0/1000100\tbefore\n")
    assert passed(archive) == (["0000000102", "0000000103"], 1, "")
    with pytest.raises(VerificationFailed, match="does not descend"):
        passed(archive, 2)


def test_the_old_segment_serves_where_the_new_timeline_has_not_archived_its_first(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3, 4)
    keep(archive, "00000002.history", b"1\t0/4000100\tno recovery target specified\n")
    assert passed(archive) == (["0000000102", "0000000103", "0000000104"], 2, "")


def test_a_timeline_nobody_knows_is_refused(archive: WalArchive) -> None:
    segments(archive, 1, 2)
    with pytest.raises(VerificationFailed, match="no timeline 7"):
        passed(archive, 7)


def test_two_contents_of_one_segment_are_refused(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3)
    keep(archive, Segment(1, 3, SIZE).name, b"another server's")
    with pytest.raises(VerificationFailed, match="2 different WAL files"):
        passed(archive)


@pytest.mark.parametrize(
    ("asked", "over"),
    [
        ([], False),
        (["00000002.history", "00000003.history"], False),
        (["000000010000000000000004"], False),
        (["00000002.history", "000000010000000000000005"], True),
        (["000000020000000000000005"], True),
    ],
)
def test_only_who_asks_for_what_comes_after_the_end_has_read_everything(
    archive: WalArchive, asked: list[str], over: bool
) -> None:
    segments(archive, 1, 2, 3, 4)
    found = reach(archive, BASE, None, text(archive))  # type: ignore[arg-type]  # a plain reader
    assert found.is_passed(asked, [], BASE) is over


def test_a_backup_that_brings_its_own_wal_is_read_to_its_end(archive: WalArchive) -> None:
    found = reach(archive, BASE, None, text(archive))  # type: ignore[arg-type]  # a plain reader
    assert not found.is_passed(["000000010000000000000002"], [], BASE)
    assert found.is_passed(["000000010000000000000003"], [], BASE)


def test_of_some_names_only_those_there_are_found(archive: WalArchive) -> None:
    segments(archive, 1, 2, 3, 9)
    segments(archive, 2, 4)
    wanted = [Segment(1, 2).name, Segment(1, 4).name, Segment(2, 4).name]
    assert set(archive.among(wanted)) == {Segment(1, 2).name, Segment(2, 4).name}
