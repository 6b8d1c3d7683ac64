"""Increments before PostgreSQL 17: the WAL since the last backup, as a backup that says where it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from runner.backup.catalogue import find
from runner.backup.checking import check_whole
from runner.backup.copying import copy
from runner.errors import VerificationFailed
from runner.repositories.memory import MemoryRepository
from tests.modules.wal_bed import WalBench

Make = Callable[..., WalBench]

pytestmark = pytest.mark.usefixtures("without_systemd")


@pytest.fixture(params=[15, 16])
def wal(request: pytest.FixtureRequest, make: Make) -> WalBench:
    """With an empty table that the tests write into."""
    found = make(request.param)
    found.sql("CREATE TABLE log (n int)")
    return found


def increment(wal: WalBench, **more: object) -> dict[str, Any]:
    wal.bench.again()
    return wal.base(incremental=True, **more)


def chained(wal: WalBench) -> list[dict[str, Any]]:
    """A whole backup, then two increments, a row before each."""
    made = [increment(wal)]
    for n in (1, 2):
        wal.sql(f"INSERT INTO log VALUES ({n})")
        made.append(increment(wal))
    return made


def rows(wal: WalBench) -> list[int]:
    return [n for (n,) in wal.sql("SELECT n FROM log ORDER BY n")]


def test_an_increment_is_a_list_of_wal_and_says_what_it_builds_on(wal: WalBench) -> None:
    whole, first, second = chained(wal)
    assert (whole["parents"], whole["full_because"]) == ([], "there is none of this cluster to build on")
    assert second["parents"] == [whole["backup_id"], first["backup_id"]]
    assert [one["role"] for one in second["backup"]["objects"]] == ["wal"]
    assert second["size"] < 10_000 < whole["size"]
    assert (first["start_lsn"], second["start_lsn"]) == (whole["stop_lsn"], first["stop_lsn"])
    assert second["point"] == second["backup_id"]


def test_a_named_increment_is_recovered_to_its_own_end(wal: WalBench) -> None:
    made = chained(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    wal.ship()
    wal.bench.again()
    recovered = wal.pitr(backup=made[1]["backup_id"], target="immediate")
    assert rows(wal) == [1]
    assert recovered["backup_id"] == made[0]["backup_id"]
    assert recovered["target"] == f"name {made[1]['backup_id']}"


def test_the_latest_is_recovered_through_all_of_them(wal: WalBench) -> None:
    made = chained(wal)
    wal.sql("INSERT INTO log VALUES (3)")
    wal.switch()
    wal.ship()
    wal.bench.again()
    assert wal.pitr()["backup_id"] == made[0]["backup_id"]
    assert rows(wal) == [1, 2, 3]


def test_after_a_recovery_the_next_one_is_whole(wal: WalBench) -> None:
    made = chained(wal)
    wal.bench.again()
    wal.pitr(backup=made[-1]["backup_id"], target="immediate")
    after = increment(wal)
    assert after["parents"] == []
    assert after["full_because"] == f"the cluster is on another timeline than {made[-1]['backup_id']}"


def test_wal_that_is_lost_is_found_and_makes_the_next_one_whole(wal: WalBench) -> None:
    made = chained(wal)
    repository = wal.bench.at.repositories.get("main")
    lost = next(
        path for path in wal.stored() if wal.sql(f"SELECT pg_walfile_name('{made[1]['stop_lsn']}')")[0][0] in path.name
    )
    lost.unlink()
    with pytest.raises(VerificationFailed, match=f"which base backup {made[1]['backup_id']} itself needs, is missing"):
        check_whole(repository, find(repository, "app", made[1]["backup_id"]))
    with pytest.raises(VerificationFailed, match="is missing"):
        wal.bench.again()
        wal.pitr(backup=made[1]["backup_id"], target="immediate")
    after = increment(wal)
    assert after["parents"] == [] and made[1]["backup_id"] in after["full_because"]
    assert any("a whole backup is made" in warning for warning in wal.bench.at.warnings)


def test_wal_that_never_arrives_makes_it_whole_after_its_time(wal: WalBench) -> None:
    increment(wal)
    name = wal.switch()
    wal.switch()
    (wal.spool / name).unlink()
    after = increment(wal, wal_timeout=1)
    assert (
        after["parents"] == [] and f"{name}, which the backup needs, is not in the repository" in after["full_because"]
    )


def test_a_role_that_may_not_mark_the_log_gets_whole_backups(wal: WalBench) -> None:
    increment(wal)
    wal.sql("CREATE ROLE replicator LOGIN REPLICATION PASSWORD 'only replicates'")
    wal.sql("GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() TO replicator")
    server = {**wal.server.server(socket=True), "user": "replicator", "password": "only replicates"}
    after = increment(wal, server=server)
    assert after["parents"] == [] and "permission denied" in after["full_because"]


def test_a_copy_of_the_chain_has_all_the_wal_it_needs(wal: WalBench) -> None:
    made = chained(wal)
    source, target = wal.bench.at.repositories.get("main"), MemoryRepository("far")
    for one in made:
        copy(source, target, find(source, "app", one["backup_id"]))
    for one in made:
        check_whole(target, find(target, "app", one["backup_id"]))


def test_an_increment_is_verified_by_recovering_to_its_end(wal: WalBench) -> None:
    made = chained(wal)
    for one, expected in zip(made, (0, 1, 2), strict=True):
        wal.bench.again()
        found = wal.bench.apply(
            "backup_verify",
            **wal.where(),
            kind="base",
            backup=one["backup_id"],
            server=wal.server.server(socket=True),
            run_as=wal.place()["run_as"],
            assertions=[{"query": "SELECT count(*) FROM log", "equals": expected}],
        )
        assert found.data["level"] == "restore"


def test_retention_leaves_the_wal_that_increments_are(wal: WalBench) -> None:
    made = chained(wal)
    for _ in range(3):
        wal.switch()
    wal.ship()
    increment(wal, full_every=0)
    time.sleep(1.2)
    rules = {"keep_last": 10, "minimum_verified": 0, "pitr_window": "1s"}
    pruned = wal.bench.apply("backup_prune", **wal.where(), retention=rules).data
    assert pruned["removed"] == [] and pruned["wal_removed"] > 0
    wal.bench.again()
    wal.pitr(backup=made[-1]["backup_id"], target="immediate")
    assert rows(wal) == [1, 2]
