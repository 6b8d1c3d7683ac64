"""Point-in-time recovery on real servers: exactly what was asked for, or the live cluster untouched."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.modules.postgres.physical import fitness
from runner.repositories.directory import DirectoryRepository
from tests.modules.wal_bed import WalBench, moment
from tests.support.postgres import service_user
from tests.support.workplace import Workplace

Make = Callable[..., WalBench]

pytestmark = pytest.mark.usefixtures("without_systemd")


def rows(wal: WalBench) -> list[str]:
    return [str(row[0]) for row in wal.sql("SELECT what FROM log ORDER BY what")]


def write(wal: WalBench, what: str) -> None:
    wal.sql(f"INSERT INTO log VALUES ('{what}')")


@pytest.fixture(params=[15, 16, 18])
def wal(request: pytest.FixtureRequest, make: Make) -> WalBench:
    """A cluster with a base backup, and a table `log` with one row from before it."""
    found = make(request.param)
    found.sql("CREATE TABLE log (what text)")
    write(found, "1 before the backup")
    found.base()
    return found


@pytest.fixture
def one(make: Make) -> WalBench:
    """The same on one version."""
    found = make()
    found.sql("CREATE TABLE log (what text)")
    write(found, "1 before the backup")
    found.base()
    return found


def cut(moment: datetime) -> datetime:
    """To the milliseconds that results are given in."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_a_dropped_table_comes_back_as_it_was_before_the_drop(wal: WalBench) -> None:
    write(wal, "2 after the backup")
    before = moment(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    wal.ship()
    data = wal.pitr(target_time=before, assertions=[{"query": "SELECT count(*) FROM log", "equals": 2}])
    assert rows(wal) == ["1 before the backup", "2 after the backup"]
    assert (data["timeline"], wal.sql("SELECT pg_is_in_recovery()")) == (2, [(False,)])
    assert datetime.fromisoformat(data["restored_point"]) == cut(datetime.fromisoformat(before))
    (kept,) = data["kept"]
    assert Path(kept["path"], "PG_VERSION").exists()


@pytest.mark.parametrize("size", [1, 64])
def test_segments_of_another_size_are_replayed_too(make: Make, size: int) -> None:
    wal = make(15, f"--wal-segsize={size}")
    wal.sql("CREATE TABLE log (what text)")
    wal.base()
    write(wal, "1 before the target")
    before = moment(wal)
    write(wal, "2 after the target")
    wal.switch()
    wal.ship()
    wal.pitr(target_time=before)
    assert rows(wal) == ["1 before the target"]


def test_what_was_replaced_can_be_brought_back(one: WalBench) -> None:
    before = moment(one)
    write(one, "2 after the target")
    one.switch()
    one.ship()
    one.pitr(target_time=before)
    assert rows(one) == ["1 before the backup"]
    one.bench.again()
    one.pitr(state="rolled_back")
    assert rows(one) == ["1 before the backup", "2 after the target"]


def test_a_run_that_goes_on_finds_its_recovery_done_and_can_still_undo_it(one: WalBench) -> None:
    before = moment(one)
    write(one, "2 after the target")
    one.switch()
    one.ship()
    done = one.pitr(target_time=before)
    started = one.sql("SELECT pg_postmaster_start_time()")
    one.bench.resume()
    again = one.pitr(target_time=before)
    told = ("backup_id", "restored_point", "kept")
    assert [again[name] for name in told] == [done[name] for name in told], "objectives are measured by it"
    assert one.sql("SELECT pg_postmaster_start_time()") == started, "it was recovered again"
    one.pitr(state="rolled_back")
    assert rows(one) == ["1 before the backup", "2 after the target"]
    assert any("given up" in warning for warning in one.bench.at.warnings)


class Slow(DirectoryRepository):
    """Takes longer for one file than a server that is at the end of its log would be waited for."""

    slow = ""

    @contextmanager
    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        if self.slow in key:
            time.sleep(8)
        with super().get(key, offset=offset, length=length) as source:
            yield source


def test_wal_that_comes_slowly_is_waited_for_and_not_taken_for_the_end(one: WalBench) -> None:
    write(one, "2")
    one.switch()
    write(one, "3")
    repository = Slow("main", one.bench.at.host, str(one.bench.root))
    repository.slow = f"{one.switch()}-"
    one.ship()
    one.bench.at.shelf.by_name["main"] = repository
    one.pitr()
    assert rows(one) == ["1 before the backup", "2", "3"]


def test_without_a_target_everything_archived_comes_back(wal: WalBench) -> None:
    write(wal, "2 archived")
    wal.switch()
    write(wal, "3 waiting in the spool")
    wal.switch()
    data = wal.pitr(spool=str(wal.spool))
    assert rows(wal) == ["1 before the backup", "2 archived", "3 waiting in the spool"]
    assert data["salvaged"]
    assert datetime.fromisoformat(data["restored_point"]) == cut(datetime.fromisoformat(data["last_commit"]))


def test_without_a_commit_after_it_the_data_are_as_old_as_the_backup(wal: WalBench) -> None:
    manifest = json.loads(next((wal.bench.root / "app").glob("*-base-*/manifest.json")).read_text())
    data = wal.pitr(target="immediate")
    assert datetime.fromisoformat(data["restored_point"]) == cut(datetime.fromisoformat(manifest["restored_point"]))


def test_a_restore_point_an_lsn_and_a_transaction_can_be_the_target(one: WalBench) -> None:
    xid = one.sql("WITH x AS (INSERT INTO log VALUES ('2 xid') RETURNING 1) SELECT pg_current_xact_id()::text FROM x")
    write(one, "3 lsn")
    lsn = str(one.sql("SELECT pg_current_wal_insert_lsn()::text")[0][0])
    write(one, "4 named")
    one.sql("SELECT pg_create_restore_point('before it''s too late')")
    write(one, "5 late")
    one.switch()
    one.ship()
    wanted = ["1 before the backup", "2 xid", "3 lsn", "4 named"]
    for target, count in (
        ({"target_name": "before it's too late"}, 4),
        ({"target_lsn": lsn}, 3),
        ({"target_xid": str(xid[0][0])}, 2),
        ({"target_xid": str(xid[0][0]), "inclusive": False}, 1),
        ({"target": "immediate"}, 1),
    ):
        one.bench.again()
        one.pitr(timeline=1, **target)
        assert rows(one) == wanted[:count], target


def test_recovery_goes_over_several_timelines(one: WalBench) -> None:
    for number in (2, 3):
        write(one, f"{number} on timeline {number - 1}")
        before = moment(one)
        write(one, "9 lost on purpose")
        one.switch()
        one.ship()
        one.bench.again()
        assert one.pitr(target_time=before)["timeline"] == number
    write(one, "4 on timeline 3")
    one.switch()
    one.ship()
    one.bench.again()
    assert one.pitr()["timeline"] == 4
    assert rows(one) == ["1 before the backup", "2 on timeline 1", "3 on timeline 2", "4 on timeline 3"]


@pytest.fixture
def written(one: WalBench) -> tuple[WalBench, str]:
    """Three segments after the backup, shipped, and a moment in the last of them."""
    for number in range(3):
        write(one, f"{number + 2}")
        one.switch()
    write(one, "9")
    target = moment(one)
    write(one, "after")
    one.switch()
    one.ship()
    return one, target


def untouched(wal: WalBench, started: Any) -> bool:
    """Whether the live server runs on as if nothing had happened, and nothing lies beside it."""
    assert wal.sql("SELECT pg_postmaster_start_time()") == started
    return not [path.name for path in wal.data.parent.iterdir() if "sentraplay" in path.name]


def refused(written: tuple[WalBench, str], match: str, **more: Any) -> None:
    wal, target = written
    started = wal.sql("SELECT pg_postmaster_start_time()")
    with pytest.raises((VerificationFailed, TaskFailed), match=match):
        wal.pitr(**{"target_time": target, **more})
    assert untouched(wal, started)


def segment(wal: WalBench, at: int) -> Path:
    return [path for path in wal.stored() if len(path.name.split("-")[0]) == 24][at]


def test_a_missing_segment_is_found_before_anything_is_done(written: tuple[WalBench, str]) -> None:
    wal = written[0]
    segment(wal, -2).unlink()
    with pytest.raises(VerificationFailed, match="is missing, and later ones are there"):
        wal.bench.preview("pg_pitr", **wal.where(), target="latest")
    refused(written, "is missing, and later ones are there", target_time=None)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
def test_a_damaged_segment_stops_recovery_and_is_named(written: tuple[WalBench, str], damage: str) -> None:
    path = segment(written[0], -2)
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 0x10
    path.write_bytes({"truncated": bytes(data[: len(data) // 2]), "flipped": bytes(data), "emptied": b""}[damage])
    refused(written, f"WAL file {path.name[:24]} is damaged")


def test_a_segment_that_is_there_twice_with_different_content_is_refused(written: tuple[WalBench, str]) -> None:
    path = segment(written[0], -2)
    name, _, rest = path.name.partition("-")
    (path.parent / f"{name}-{'0' * 64}{rest[64:]}").write_bytes(path.read_bytes())
    refused(written, "2 different WAL files")


def test_a_target_before_the_backup_is_refused(written: tuple[WalBench, str]) -> None:
    early = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    refused(written, "ends after the target", target_time=early)


def test_a_target_in_the_future_is_refused(written: tuple[WalBench, str]) -> None:
    refused(written, "in the future", target_time=(datetime.now(UTC) + timedelta(hours=1)).isoformat())


def test_a_target_without_an_offset_is_refused(written: tuple[WalBench, str]) -> None:
    refused(written, "no offset", target_time="2026-11-26T03:00:00")


def test_a_target_after_the_end_of_the_wal_is_refused(written: tuple[WalBench, str]) -> None:
    time.sleep(0.1)
    refused(written, "is not in the WAL", target_time=datetime.now(UTC).isoformat())


def test_a_restore_point_that_was_never_made_is_found_out_on_the_side(written: tuple[WalBench, str]) -> None:
    refused(written, "the target, name never, is not in the WAL", target_time=None, target_name="never")


def test_an_assertion_that_does_not_hold_leaves_the_live_cluster_as_it_is(written: tuple[WalBench, str]) -> None:
    refused(written, "does not hold", assertions=[{"query": "SELECT count(*) FROM log", "at_least": 1000}])


def test_a_damaged_backup_is_found_before_anything_is_replaced(written: tuple[WalBench, str]) -> None:
    (path,) = [path for path in written[0].bench.files() if path.name.startswith("base.tar")]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    refused(written, "is damaged")


def test_wal_that_a_dead_server_had_not_archived_is_saved(one: WalBench) -> None:
    one.sql("ALTER SYSTEM SET archive_command = 'false'")
    one.sql("SELECT pg_reload_conf()")
    write(one, "2 never archived")
    one.sql("SELECT pg_switch_wal()")
    write(one, "3 in the segment nobody finished")
    one.server.crash()
    data = one.pitr()
    assert len(data["salvaged"]) == 1
    assert rows(one) == ["1 before the backup", "2 never archived"]


def test_tablespaces_come_back_beside_their_old_places(make: Make, workplace: Workplace) -> None:
    wal = make()
    place = workplace.directory("space", owner=service_user()) / "here"
    place.mkdir()
    if service_user():
        shutil.chown(place, service_user(), service_user())
    wal.sql(f"CREATE TABLESPACE far LOCATION '{place}'")
    wal.sql("CREATE TABLE log (what text) TABLESPACE far")
    write(wal, "1 before the backup")
    wal.base()
    write(wal, "2 after it")
    before = moment(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    wal.ship()
    wal.pitr(target_time=before)
    assert rows(wal) == ["1 before the backup", "2 after it"]
    (location,) = wal.sql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'far'")[0]
    assert str(location).startswith(f"{place}.")


def test_files_of_another_c_library_are_refused_unless_that_is_said(
    one: WalBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.switch()
    one.ship()
    real = fitness.describe
    monkeypatch.setattr(fitness, "describe", lambda host: (real(host)[0], "musl 1.2"))
    with pytest.raises(Refused, match="another C library"):
        one.pitr()
    assert rows(one) == ["1 before the backup"]
    assert one.pitr(other_libc=True)["timeline"] == 2
