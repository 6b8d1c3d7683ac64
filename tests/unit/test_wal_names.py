"""Names of WAL files, positions in the log, timelines."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.backup.wal.names import (
    Lsn,
    Segment,
    Switch,
    is_archived_name,
    read_header,
    read_history,
)
from runner.errors import TaskFailed, VerificationFailed

SIZES = st.sampled_from([2**power for power in range(20, 31)])


@given(position=st.integers(0, 2**64 - 1))
def test_a_position_is_read_as_it_was_written(position: int) -> None:
    assert Lsn.of(str(Lsn(position))) == Lsn(position)


@given(position=st.integers(0, 2**63), timeline=st.integers(1, 2**32 - 1), size=SIZES)
def test_the_segment_of_a_position_holds_it_and_is_read_by_its_name(position: int, timeline: int, size: int) -> None:
    segment = Segment.holding(Lsn(position), timeline, size)
    assert segment.start <= Lsn(position) < segment.end
    assert Segment.of_name(segment.name, size) == segment
    assert segment.next().start == segment.end


def test_names_are_those_postgresql_gives() -> None:
    # SELECT pg_walfile_name('16/B374D848') on timeline 1.
    assert Segment.holding(Lsn.of("16/B374D848"), 1).name == "0000000100000016000000B3"
    assert Segment.of_name("0000000100000001000000FF").next().name == "000000010000000200000000"


@pytest.mark.parametrize("text", ["", "16", "16/", "/1", "16/G", "16/B374D848/1", "123456789/0"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(TaskFailed, match="not a position"):
        Lsn.of(text)


@pytest.mark.parametrize(
    ("name", "archived"),
    [
        ("000000010000000000000001", True),
        ("000000010000000000000001.partial", True),
        ("000000010000000000000001.00000028.backup", True),
        ("00000002.history", True),
        (".000000010000000000000001.77", False),
        ("000000010000000000000001.gz", False),
        ("0000000100000000000000aa", False),
    ],
)
def test_only_what_a_server_archives_counts(name: str, archived: bool) -> None:
    assert is_archived_name(name) is archived


def test_a_history_tells_where_each_timeline_ended() -> None:
    history = read_history("1\t0/3000000\tno recovery target specified\n\n2\t0/5000100\tbefore 2026-11-26\n")
    assert history == (Switch(1, Lsn.of("0/3000000")), Switch(2, Lsn.of("0/5000100")))


def header(name: str, size: int = 2**24, flags: int = 0x0002) -> bytes:
    segment = Segment.of_name(name, size)
    return struct.pack("<HHIQI4xQII", 0xD110, flags, segment.timeline, segment.start.position, 0, 42, size, 8192)


def test_a_segment_says_whose_it_is() -> None:
    found = read_header(header("000000020000000000000007"), "000000020000000000000007")
    assert (found.system_identifier, found.segment.name) == ("42", "000000020000000000000007")


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 40, header("000000010000000000000008"), header("000000010000000000000007", flags=0)],
    ids=["empty", "zeros", "another's", "no long header"],
)
def test_what_is_not_that_segment_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationFailed, match="is not the WAL segment"):
        read_header(data, "000000010000000000000007")
