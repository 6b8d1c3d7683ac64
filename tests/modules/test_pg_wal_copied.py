"""pg_wal_ship with copy_to: a second repository that a recovery can begin from as well as from the first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from runner.errors import TaskFailed
from tests.modules.wal_bed import WalBench
from tests.unit.test_backup_copying import Faulty

Make = Callable[..., WalBench]

pytestmark = pytest.mark.usefixtures("without_systemd")


@pytest.fixture
def wal(make: Make) -> WalBench:
    """With a base backup in two repositories, and a row after it."""
    found = make(15)
    found.bench.at.shelf.by_name["far"] = Faulty("far")
    found.base(copy_to=["far"])
    found.sql("CREATE TABLE log (n int); INSERT INTO log VALUES (1)")
    return found


def ship(wal: WalBench) -> dict[str, Any]:
    given = {**wal.where(), "spool": str(wal.spool), "copy_to": ["far"]}
    return dict(wal.bench.apply("pg_wal_ship", **given).data)


def far(wal: WalBench) -> Faulty:
    found = wal.bench.at.shelf.by_name["far"]
    assert isinstance(found, Faulty)
    return found


def test_a_recovery_from_the_copy_alone_reaches_what_was_written_last(wal: WalBench) -> None:
    name = wal.switch()
    done = ship(wal)
    assert name in done["files"] and [name for one in done["copied"] for name in one["files"]][-1:] == done["files"]
    wal.server.stop()
    shutil.rmtree(wal.bench.root)
    wal.bench.again()
    wal.pitr(repository="far")
    assert wal.sql("SELECT n FROM log") == [(1,)]


def test_check_mode_says_what_would_be_copied_and_a_second_time_nothing_is(wal: WalBench) -> None:
    wal.switch()
    given = {**wal.where(), "spool": str(wal.spool)}
    wal.bench.apply("pg_wal_ship", **given)
    change = wal.bench.preview("pg_wal_ship", **given, copy_to=["far"])
    assert change.needed and "copy 2 that are there already" in change.summary and far(wal).describe() in change.summary
    assert ship(wal)["copied"]
    assert not wal.bench.preview("pg_wal_ship", **given, copy_to=["far"]).needed
    assert ship(wal)["copied"] == []


def test_a_second_store_that_is_gone_keeps_nothing_from_the_first_and_catches_up(wal: WalBench) -> None:
    name = wal.switch()
    far(wal).breaks = ".zst"
    with pytest.raises(TaskFailed, match="the WAL was not copied to far: the store is gone"):
        ship(wal)
    assert any(name in path.name for path in wal.stored()) and not (wal.spool / name).exists()
    far(wal).breaks = ""
    caught_up = ship(wal)
    assert caught_up["files"] == [] and [name in one["files"] for one in caught_up["copied"]] == [True]


def test_a_second_store_without_a_base_backup_gets_no_wal(wal: WalBench) -> None:
    wal.bench.at.shelf.by_name["far"] = Faulty("far")
    wal.switch()
    assert ship(wal)["copied"] == []
    assert list(far(wal).list("")) == []
