"""pgBackRest as the engine: the same steps, done by it, and damage told before anything is touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.errors import ObjectNotFound, TaskFailed, VerificationFailed
from tests.modules.backrest_bed import ENGINE, ROWS, archived_by_pgbackrest, base, check, flip, kept, verify
from tests.modules.test_pg_pitr_explored import explored, seen
from tests.modules.wal_bed import WalBench, moment
from tests.support.postgres import PostgresServer, service_user
from tests.support.workplace import Workplace

pytestmark = pytest.mark.usefixtures("without_systemd")


@pytest.fixture
def wal(
    request: pytest.FixtureRequest, own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path
) -> Iterator[WalBench]:
    """A parameter is an option of initdb's."""
    options = [request.param] if hasattr(request, "param") else []
    with archived_by_pgbackrest(own_postgres, workplace, tmp_path, *options) as made:
        yield made


def test_archiving_is_set_up_once_and_its_configuration_is_the_servers_alone(wal: WalBench) -> None:
    assert not wal.archive(**ENGINE, **wal.where()).changed
    configuration = wal.spool / "pgbackrest.conf"
    assert (configuration.stat().st_mode & 0o777, kept(wal).stat().st_mode & 0o777) == (0o600, 0o700)
    assert wal.archive(**ENGINE, **wal.where(), pgbackrest={"process-max": 2}).changed
    assert "process-max=2" in configuration.read_text()


def test_a_check_proves_that_wal_arrives_and_tells_of_the_backups(wal: WalBench) -> None:
    made = base(wal)
    found = check(wal)
    assert [one["backup_id"] for one in found["backups"]] == [made["backup_id"]]
    assert found["segments"] >= 2
    assert found["timelines"] == [1]


def test_only_what_changed_is_taken_until_a_whole_backup_is_due(wal: WalBench) -> None:
    first, second = base(wal, incremental=True), base(wal, incremental=True)
    assert (first["kind"], second["kind"]) == ("full", "incr")
    assert second["parents"] == [first["backup_id"]]
    third = base(wal, incremental=True, max_chain=2)
    assert (third["kind"], "2 backups build on" in third["full_because"]) == ("full", True)
    assert base(wal)["kind"] == "full"


def test_a_dropped_table_comes_back_as_it_was_before_the_drop(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    base(wal, incremental=True)
    wal.sql("INSERT INTO log VALUES ('3')")
    before = moment(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    asked = [{"query": "SELECT count(*) FROM log", "equals": 3}]
    assert wal.bench.preview("pg_pitr", **wal.where(), **wal.place(), **ENGINE, target_time=before).needed
    data = wal.pitr(target_time=before, assertions=asked, **ENGINE)
    assert (wal.sql(ROWS), data["timeline"]) == ([("1 2 3",)], 2)
    assert wal.sql("SELECT pg_is_in_recovery()") == [(False,)]
    # The new timeline is archived by the same engine, and can be recovered in turn.
    wal.sql("INSERT INTO log VALUES ('4')")
    wal.switch()
    assert check(wal)["timelines"] == [1, 2]
    wal.bench.again()
    wal.pitr(**ENGINE)
    assert wal.sql(ROWS) == [("1 2 3 4",)]
    wal.bench.again()
    wal.pitr(state="rolled_back", **ENGINE)
    assert wal.sql(ROWS) == [("1 2 3 4",)]


def test_a_restore_point_and_a_position_can_be_the_target(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    lsn = str(wal.sql("SELECT pg_current_wal_insert_lsn()::text")[0][0])
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.sql("SELECT pg_create_restore_point('here')")
    wal.sql("INSERT INTO log VALUES ('4')")
    wal.switch()
    wal.pitr(target_name="here", **ENGINE)
    assert wal.sql(ROWS) == [("1 2 3",)]
    wal.bench.again()
    wal.pitr(target_lsn=lsn, timeline=1, **ENGINE)
    assert wal.sql(ROWS) == [("1 2",)]


def test_what_a_dead_server_had_not_archived_is_saved(wal: WalBench) -> None:
    base(wal)
    wal.sql("ALTER SYSTEM SET archive_command = 'false'")
    wal.sql("SELECT pg_reload_conf()")
    wal.sql("INSERT INTO log VALUES ('2')")
    wal.sql("SELECT pg_switch_wal()")
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.server.crash()
    data = wal.pitr(server=wal.server.server(), **ENGINE)
    assert data["salvaged"]
    assert wal.sql(ROWS) == [("1 2",)], "the unfinished segment is not saved"


def test_a_missing_segment_is_told_by_check_and_before_a_recovery(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    gone = wal.switch()
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.switch()
    (file,) = kept(wal).rglob(f"{gone}-*")
    file.unlink()
    with pytest.raises(VerificationFailed, match=f"WAL segment {gone} is missing"):
        check(wal)
    with pytest.raises(VerificationFailed, match=f"WAL segment {gone} is missing, and later ones are there"):
        wal.pitr(**ENGINE)
    assert wal.sql(ROWS) == [("1 2 3",)]


def test_damaged_wal_ends_a_recovery_and_not_before_its_target(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    bad = wal.switch()
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.switch()
    (file,) = kept(wal).rglob(f"{bad}-*")
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(TaskFailed):
        wal.pitr(**ENGINE)
    assert wal.sql(ROWS) == [("1 2 3",)], "the live cluster was touched"


def test_targets_that_cannot_be_reached_are_refused_before_anything_happens(wal: WalBench) -> None:
    too_early = moment(wal)
    with pytest.raises(ObjectNotFound, match="no base backup of app"):
        wal.pitr(**ENGINE)
    base(wal)
    with pytest.raises(VerificationFailed, match="ends after the target"):
        wal.pitr(target_time=too_early, **ENGINE)
    with pytest.raises(VerificationFailed, match="does not reach"):
        wal.pitr(target_lsn="F0/0", **ENGINE)
    with pytest.raises(ObjectNotFound, match="no base backup 20010101-000000F"):
        wal.pitr(backup="20010101-000000F", **ENGINE)


def test_a_failing_assertion_leaves_the_live_cluster_alone(wal: WalBench) -> None:
    base(wal)
    with pytest.raises(VerificationFailed):
        wal.pitr(target="immediate", assertions=[{"query": "SELECT count(*) FROM log", "equals": 7}], **ENGINE)
    assert wal.sql(ROWS) == [("1",)]


def test_a_backup_is_proved_by_recovering_it(wal: WalBench) -> None:
    made = base(wal)
    asked = [{"query": "SELECT count(*) FROM log", "equals": 1}]
    for level in ("quick", "full", "restore"):
        assert verify(wal, level, assertions=asked)["backup_id"] == made["backup_id"]


def test_a_flipped_byte_in_a_backup_is_found(wal: WalBench) -> None:
    made = base(wal)
    flip(wal)
    with pytest.raises(VerificationFailed, match="found damage"):
        verify(wal, "full")
    with pytest.raises(VerificationFailed, match=f"backup {made['backup_id']} cannot be restored"):
        wal.pitr(**ENGINE)


def test_tablespaces_come_back_beside_their_old_places(wal: WalBench, workplace: Workplace) -> None:
    space = workplace.directory("around", owner=service_user()) / "space"
    space.mkdir(mode=0o700)
    shutil.chown(space, service_user())
    wal.sql(f"CREATE TABLESPACE other LOCATION '{space}'")
    wal.sql("CREATE TABLE there (n int) TABLESPACE other")
    wal.sql("INSERT INTO there VALUES (7)")
    made = base(wal)
    wal.pitr(target="immediate", **ENGINE)
    assert wal.sql("SELECT n FROM there") == [(7,)]
    assert wal.sql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'other'") == [
        (f"{space}.{made['backup_id']}",)
    ]


def test_a_moment_is_explored_and_moved_forward_beside_the_live_cluster(wal: WalBench) -> None:
    base(wal)
    first = moment(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    second = moment(wal)
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.sql("DROP TABLE log")
    wal.switch()
    started = wal.sql("SELECT pg_postmaster_start_time()")
    for target, rows in ((first, ["1"]), (second, ["1", "2"]), (first, ["1"])):
        found = explored(wal, **ENGINE, target_time=target)
        assert seen(found) == rows
    assert explored(wal, **ENGINE, target_time=first)["reached_lsn"] == found["reached_lsn"], "it is there already"
    assert wal.sql("SELECT pg_postmaster_start_time()") == started
    wal.pitr(state="absent", **ENGINE)
    assert not Path(found["explored"]["socket"]).exists()


@pytest.mark.parametrize("wal", ["--wal-segsize=1", "--wal-segsize=64"], indirect=True)
def test_segments_of_another_size_are_recovered_and_verified_all_the_same(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    before = moment(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    assert check(wal)["timelines"] == [1]
    assert verify(wal, "restore", assertions=[{"query": "SELECT count(*) FROM log", "equals": 1}])["assertions"]
    wal.pitr(target_time=before, **ENGINE)
    assert wal.sql(ROWS) == [("1 2",)]
