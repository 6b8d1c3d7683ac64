"""Incremental base backups: small, put together again exactly, and whole whenever something is in doubt."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519

from runner.errors import TaskFailed, VerificationFailed
from runner.repositories.contract import EncryptionKeys
from runner.repositories.directory import DirectoryRepository
from runner.secret import Secret
from tests.modules.wal_bed import WalBench, moment

Make = Callable[..., WalBench]

pytestmark = pytest.mark.usefixtures("without_systemd")


@pytest.fixture
def wal(make: Make) -> WalBench:
    """PostgreSQL 18 that summarizes its WAL, with a table of some megabytes."""
    found = make(18)
    found.archive(summarize_wal=True)
    found.sql(
        "CREATE TABLE log (n int, what text);"
        " INSERT INTO log SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n"
    )
    return found


def increment(wal: WalBench) -> dict[str, Any]:
    wal.bench.again()
    return wal.base(incremental=True)


def chained(wal: WalBench) -> list[dict[str, Any]]:
    """A whole backup and two increments, with a changed row between them each time."""
    made = [increment(wal)]
    for n in (1, 2):
        wal.sql(f"UPDATE log SET what = 'changed' WHERE n = {n}")
        made.append(increment(wal))
    return made


def rows(wal: WalBench) -> tuple[Any, ...]:
    return wal.sql("SELECT count(*), md5(string_agg(n::text || what, ',' ORDER BY n)) FROM log")[0]


def test_an_increment_is_small_and_says_what_it_builds_on(wal: WalBench) -> None:
    whole, first, second = chained(wal)
    assert (whole["parents"], whole["full_because"]) == ([], "there is none of this cluster to build on")
    assert first["parents"] == [whole["backup_id"]]
    assert second["parents"] == [whole["backup_id"], first["backup_id"]]
    assert second["size"] * 2 < whole["size"]


def test_a_chain_is_recovered_to_a_moment_after_it(wal: WalBench) -> None:
    made = chained(wal)
    wal.sql("UPDATE log SET what = 'after the last' WHERE n = 3")
    before, expected = moment(wal), rows(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    wal.ship()
    wal.bench.again()
    data = wal.pitr(target_time=before, assertions=[{"query": "SELECT count(*) FROM log", "equals": 20000}])
    assert (data["backup_id"], rows(wal)) == (made[-1]["backup_id"], expected)
    assert not list(wal.data.parent.glob(f".{wal.data.name}.sentraplay/new/*"))


def test_a_backup_in_the_middle_of_a_chain_can_be_recovered_to_its_own_end(wal: WalBench) -> None:
    made = [increment(wal)]
    wal.sql("UPDATE log SET what = 'changed' WHERE n = 1")
    expected = rows(wal)
    made.append(increment(wal))
    wal.sql("UPDATE log SET what = 'changed' WHERE n = 2")
    increment(wal)
    wal.bench.again()
    wal.pitr(backup=made[1]["backup_id"], target="immediate")
    assert rows(wal) == expected


def test_a_flipped_byte_anywhere_in_the_chain_is_found_before_anything_is_replaced(wal: WalBench) -> None:
    made = chained(wal)
    expected = rows(wal)
    for result in made:
        path = Path(wal.bench.stored("base", result))
        whole = path.read_bytes()
        path.write_bytes(whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:])
        with pytest.raises(VerificationFailed):
            wal.bench.again()
            wal.pitr(backup=made[-1]["backup_id"])
        path.write_bytes(whole)
    assert rows(wal) == expected


def test_without_what_it_builds_on_an_increment_is_refused(wal: WalBench) -> None:
    made = chained(wal)
    Path(wal.bench.stored("base", made[0])).unlink()
    wal.bench.again()
    with pytest.raises(VerificationFailed, match=made[0]["backup_id"]):
        wal.pitr(backup=made[-1]["backup_id"])


def test_on_what_is_damaged_nothing_is_built(wal: WalBench) -> None:
    first = increment(wal)
    path = Path(wal.bench.stored("base", first))
    path.write_bytes(path.read_bytes()[:-1])
    second = increment(wal)
    assert second["parents"] == [] and first["backup_id"] in second["full_because"]
    assert any("a whole backup is made" in warning for warning in wal.bench.at.warnings)


def test_where_the_list_of_files_is_damaged_nothing_is_built_on_it(wal: WalBench) -> None:
    first = increment(wal)
    path = Path(wal.bench.stored("backup_manifest", first))
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(bytes(whole))
    second = increment(wal)
    assert second["parents"] == [] and first["backup_id"] in second["full_because"]
    assert any("a whole backup is made" in warning for warning in wal.bench.at.warnings)


def test_after_so_many_increments_the_next_is_whole(wal: WalBench) -> None:
    chained(wal)
    wal.bench.again()
    assert wal.base(incremental=True, max_chain=3)["full_because"] == "the chain has 3 backups (max_chain)"
    wal.bench.again()
    assert wal.base(incremental=True, full_every=0)["full_because"] == "the last whole one is old enough (full_every)"


def test_after_a_recovery_the_chain_goes_on_over_the_new_timeline(wal: WalBench) -> None:
    made = chained(wal)
    wal.bench.again()
    wal.pitr(target="immediate")
    wal.sql("UPDATE log SET what = 'on the new timeline' WHERE n = 4")
    last, expected = increment(wal), rows(wal)
    assert last["parents"] == [one["backup_id"] for one in made]
    wal.sql("DROP TABLE log")
    wal.bench.again()
    wal.pitr(backup=last["backup_id"], target="immediate")
    assert rows(wal) == expected


def test_where_the_summaries_do_not_reach_back_it_is_whole(wal: WalBench) -> None:
    increment(wal)
    wal.sql("UPDATE log SET what = 'changed'")
    (changed,) = wal.sql("SELECT pg_current_wal_lsn()::text")[0]
    while wal.sql(f"SELECT summarized_lsn < '{changed}' FROM pg_get_wal_summarizer_state()") == [(True,)]:
        wal.sql("CHECKPOINT")
        time.sleep(0.05)
    for one in (wal.data / "pg_wal" / "summaries").glob("*.summary"):
        one.unlink()
    second = increment(wal)
    assert second["parents"] == [] and second["full_because"].startswith("what changed since")
    assert any("a whole backup is made" in warning for warning in wal.bench.at.warnings)


def test_a_server_that_keeps_no_summaries_is_backed_up_whole_with_a_warning(wal: WalBench) -> None:
    increment(wal)
    wal.sql("ALTER SYSTEM SET summarize_wal = off")
    wal.sql("SELECT pg_reload_conf()")
    while wal.sql("SHOW summarize_wal") != [("off",)]:
        pass
    assert "summarize_wal is off" in increment(wal)["full_because"]
    assert any("summarize_wal is off" in warning for warning in wal.bench.at.warnings)


def test_summaries_are_refused_where_there_are_none(make: Make) -> None:
    old = make(15)
    with pytest.raises(TaskFailed, match="cannot summarize its WAL"):
        old.archive(summarize_wal=True)
    assert not old.bench.apply("pg_wal_archive", spool=str(old.spool), summarize_wal="auto").changed


def test_encrypted_a_chain_is_recovered_with_an_identity_and_refused_without(wal: WalBench) -> None:
    identity = x25519.Identity.generate()
    recipients = (str(identity.to_public()),)

    def repository(*at_hand: Secret) -> DirectoryRepository:
        keys = EncryptionKeys(recipients, lambda: at_hand)
        return DirectoryRepository("main", wal.bench.at.host, str(wal.bench.root), encryption=keys)

    wal.bench.at.shelf.by_name["main"] = repository(Secret(str(identity)))
    made, expected = chained(wal), rows(wal)
    assert len(made[-1]["parents"]) == 2
    wal.sql("DROP TABLE log")
    wal.bench.again()
    wal.bench.at.shelf.by_name["main"] = repository()
    with pytest.raises(TaskFailed, match="no identity is at hand"):
        wal.pitr(backup=made[-1]["backup_id"], target="immediate")
    wal.bench.again()
    wal.bench.at.shelf.by_name["main"] = repository(Secret(str(identity)))
    wal.pitr(backup=made[-1]["backup_id"], target="immediate")
    assert rows(wal) == expected
