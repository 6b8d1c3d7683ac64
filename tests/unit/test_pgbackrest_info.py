"""What pgBackRest does not say, and follows from what it says."""

from __future__ import annotations

import pytest

from runner.backup.wal.names import MEBIBYTE, Lsn
from runner.modules.postgres.pgbackrest.info import segment_size


@pytest.mark.parametrize(
    ("starts", "size"),
    [
        ([("000000010000000000000002", Lsn(0x2000028))], 16),
        ([("000000010000000000000020", Lsn(0x2000028))], 1),
        ([("000000030000000700000003", Lsn(0x7_0C00_0028))], 64),
        # Of the first of four GiB a position does not tell, of another it does.
        ([("000000010000000100000000", Lsn(0x1_0000_0028)), ("000000010000000100000001", Lsn(0x1_0400_0028))], 64),
        ([("000000010000000100000000", Lsn(0x1_0000_0028))], 16),
    ],
)
def test_the_size_of_a_segment_is_known_by_where_backups_begin(starts: list[tuple[str, Lsn]], size: int) -> None:
    assert segment_size(starts) == size * MEBIBYTE
