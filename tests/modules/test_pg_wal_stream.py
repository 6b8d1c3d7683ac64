"""WAL received as it is written: nothing is missing whoever dies, and the last second of a lost server comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.hosts.local import open_local
from tests.modules.pg_bed import PgBench
from tests.modules.wal_bed import WalBench, wal_bench
from tests.support.postgres import PostgresServer, programs_of
from tests.support.workplace import Workplace, wait_until

pytestmark = pytest.mark.timeout(180)


class Streamed:
    """A server that archives nothing, and a receiver of its WAL."""

    def __init__(self, wal: WalBench) -> None:
        self.wal = wal

    def __call__(self, state: str = "present", **more: object) -> Any:
        given = {"spool": str(self.wal.spool), "mode": "stream", "state": state, **more}
        return self.wal.bench.apply("pg_wal_archive", **{"server": self.server, **given})

    def preview(self, state: str = "present") -> Any:
        given = {"spool": str(self.wal.spool), "mode": "stream", "state": state}
        return self.wal.bench.preview("pg_wal_archive", server=self.server, **given)

    @property
    def server(self) -> dict[str, object]:
        return self.wal.server.server(socket=True)

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.wal.spool.iterdir() if not path.name.startswith("."))

    def switch(self) -> str:
        """Ends the current segment and waits until the receiver has it; its name."""
        self.wal.sql("CREATE TABLE IF NOT EXISTS noise (at timestamptz); INSERT INTO noise VALUES (now())")
        name = str(self.wal.sql("SELECT pg_walfile_name(pg_switch_wal())")[0][0])
        wait_until(f"{name} to arrive", lambda: name in self.names, 30)
        return name

    def receivers(self) -> list[int]:
        """The processes that receive into this spool."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"pg_receivewal") and str(self.wal.spool).encode() in words:
                found.append(int(place.name))
        return found


@pytest.fixture(params=[15, 16, 18])
def streamed(
    request: pytest.FixtureRequest,
    own_postgres: Callable[..., PostgresServer],
    workplace: Workplace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Streamed]:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    host = open_local()
    # What the server itself would lose in a crash, nobody can receive.
    server = own_postgres({"fsync": "on", "synchronous_commit": "on"}, programs_of(request.param, workplace))
    wal = wal_bench(PgBench(host, server, tmp_path), server, workplace)
    found = Streamed(wal)
    try:
        yield found
    finally:
        found("stopped")
        wal.end_by_pg_ctl()
        host.close()


def test_what_is_written_arrives_at_once_and_nothing_is_done_twice(streamed: Streamed) -> None:
    assert streamed.preview().needed
    outcome = streamed()
    assert outcome.changed and outcome.data["slot"] == "sentraplay"
    assert streamed.wal.sql("SHOW archive_mode") == [("off",)]
    assert streamed.wal.sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'sentraplay'") == [(True,)]
    streamed.wal.sql("CREATE TABLE t AS SELECT 'a word nobody else writes' AS w")
    wait_until(
        "the bytes to arrive",
        lambda: any(
            b"a word nobody else writes" in (streamed.wal.spool / name).read_bytes() for name in streamed.names
        ),
        10,
    )
    assert streamed.names[-1].endswith(".partial")
    assert not streamed.preview().needed and not streamed().changed
    assert len(streamed.receivers()) == 1


def test_finished_segments_are_shipped_and_the_one_being_written_is_not(streamed: Streamed) -> None:
    streamed()
    names = [streamed.switch(), streamed.switch()]
    assert streamed.wal.ship() == names
    assert streamed.wal.ship() == []
    assert [path.name[:24] for path in streamed.wal.stored()] == names
    assert all(name.endswith(".partial") for name in streamed.names)


def test_it_is_received_by_the_network_with_a_role_that_may_only_replicate(streamed: Streamed) -> None:
    """What a receiver on another machine has: TCP, and no right but REPLICATION once the server keeps enough."""
    server = streamed.wal.server
    with (streamed.wal.data / "pg_hba.conf").open("a") as file:
        file.write("host replication all 127.0.0.1/32 scram-sha-256\n")
    streamed.wal.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'")
    streamed.wal.sql("SELECT pg_reload_conf()")
    role = server.create_role(options="REPLICATION")
    assert streamed(server=server.server(role)).changed
    name = streamed.switch()
    assert streamed.wal.ship() == [name]
    assert not streamed(server=server.server(role)).changed


def test_a_receiver_that_was_killed_is_noticed_and_loses_nothing(streamed: Streamed) -> None:
    streamed()
    streamed.switch()
    streamed.wal.ship()
    for pid in streamed.receivers():
        os.kill(pid, signal.SIGKILL)
    wait_until("the end of the receiver", lambda: not streamed.receivers(), 10)
    slot = "SELECT active FROM pg_replication_slots"
    wait_until("the slot to be free", lambda: streamed.wal.sql(slot) == [(False,)], 30)
    with pytest.raises(VerificationFailed, match="nobody receives"):
        streamed("check", **streamed.wal.where())
    for _ in range(3):
        streamed.wal.sql("CREATE TABLE IF NOT EXISTS noise (at timestamptz); INSERT INTO noise VALUES (now())")
        streamed.wal.sql("SELECT pg_switch_wal()")
    assert streamed().changed
    assert streamed("check", **streamed.wal.where()).data["segments"] >= 5


def test_the_last_commit_before_a_server_is_lost_comes_back(streamed: Streamed) -> None:
    streamed()
    wal = streamed.wal
    assert wal.base()["system_identifier"]
    wal.sql("CREATE TABLE kept (n int)")
    for number in range(50):
        wal.sql(f"INSERT INTO kept VALUES ({number})")
    wait_until("the receiver to be level", lambda: wal.sql(_LEVEL) == [(True,)], 10)
    wal.server.crash()
    assert streamed("stopped").changed and not streamed("stopped").changed
    shipped = wal.ship()
    assert shipped[-1].endswith(".partial")
    wal.pitr(server=wal.server.server(socket=True))
    assert wal.sql("SELECT count(*), max(n) FROM kept") == [(50, 49)]


_LEVEL = "SELECT flush_lsn >= pg_current_wal_flush_lsn() FROM pg_stat_replication"


def test_wal_that_the_server_had_to_remove_is_said_and_begun_anew(streamed: Streamed) -> None:
    streamed(max_slot_wal_keep_size="32M")
    assert streamed.wal.sql("SHOW max_slot_wal_keep_size") == [("32MB",)]
    streamed("stopped")
    for setting in ("max_wal_size = '64MB'", "min_wal_size = '32MB'"):
        streamed.wal.sql(f"ALTER SYSTEM SET {setting}")
    streamed.wal.sql("SELECT pg_reload_conf()")
    for _ in range(8):
        streamed.wal.sql("CREATE TABLE IF NOT EXISTS noise (at timestamptz); INSERT INTO noise VALUES (now())")
        streamed.wal.sql("SELECT pg_switch_wal()")
    streamed.wal.sql("CHECKPOINT")
    with pytest.raises(VerificationFailed, match="has removed WAL") as lost:
        streamed(max_slot_wal_keep_size="32M")
    assert "base backup" in lost.value.hint
    for path in streamed.wal.spool.glob("0*"):
        path.unlink()
    assert streamed("absent").changed and streamed(max_slot_wal_keep_size="32M").changed


def test_absent_leaves_neither_slot_nor_receiver(streamed: Streamed, tmp_path: Path) -> None:
    streamed()
    assert streamed.preview("absent").needed
    assert streamed("absent").changed
    assert streamed.receivers() == []
    assert streamed.wal.sql("SELECT count(*) FROM pg_replication_slots") == [(0,)]
    assert not streamed.preview("absent").needed and not streamed("absent").changed
    assert list((tmp_path / "home").iterdir()) == [], "what the job left is gone"


def test_a_wrong_password_is_told_and_nothing_goes_on(streamed: Streamed) -> None:
    role = streamed.wal.server.create_role(options="SUPERUSER REPLICATION")
    streamed(server=streamed.wal.server.server(role, socket=True))
    streamed("stopped")
    streamed.wal.sql("CREATE ROLE plain LOGIN SUPERUSER NOREPLICATION PASSWORD 'x'")
    with pytest.raises(TaskFailed):
        streamed(server={**streamed.server, "password": "wrong"})
    assert streamed.receivers() == []


def test_the_password_is_nowhere_to_be_read(streamed: Streamed, tmp_path: Path) -> None:
    role = streamed.wal.server.create_role(options="SUPERUSER REPLICATION")
    streamed(server=streamed.wal.server.server(role, socket=True))
    secret = role.password.encode()
    for place in Path("/proc").glob("[0-9]*"):
        for file in ("cmdline", "environ"):
            try:
                text = (place / file).read_bytes()
            except OSError:
                continue
            assert secret not in text, place
    for root in (tmp_path / "home", streamed.wal.spool):
        for path in root.rglob("*"):
            assert not path.is_file() or secret not in path.read_bytes(), path


def test_a_slot_of_logical_replication_is_left_alone(streamed: Streamed) -> None:
    streamed.wal.sql("ALTER SYSTEM SET wal_level = 'logical'")
    streamed.wal.server.stop()
    streamed.wal.server.start()
    streamed.wal.sql("SELECT pg_create_logical_replication_slot('sentraplay', 'pgoutput')")
    with pytest.raises(Refused, match="is not ours"):
        streamed()


def test_a_server_that_cannot_stream_is_told_what_it_needs(streamed: Streamed) -> None:
    streamed.wal.sql("ALTER SYSTEM SET wal_level = 'minimal'")
    streamed.wal.sql("ALTER SYSTEM SET max_wal_senders = 0")
    streamed.wal.server.stop()
    streamed.wal.server.start()
    with pytest.raises(TaskFailed, match="cannot stream its WAL") as refused:
        streamed()
    assert "wal_level" in refused.value.why
