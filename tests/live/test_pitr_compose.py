"""Point-in-time recovery of a PostgreSQL inside a compose service, its api running all the while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.hosts.contract import Host, command
from runner.repositories.directory import DirectoryRepository
from tests.contracts.host_kinds import opened
from tests.modules.pg_bed import PgBench
from tests.support.compose import ComposeStack
from tests.support.postgres import PostgresServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

WHERE = {"service": "app", "repository": "main"}


@pytest.fixture
def host(compose_stack: ComposeStack) -> Iterator[Host]:
    with opened(compose_stack.machine.host("root")) as reached:
        yield reached


@pytest.fixture
def bench(host: Host, postgres_server: PostgresServer, compose_stack: ComposeStack, tmp_path: Path) -> PgBench:
    """With the service's WAL directory mounted, as a user is told to."""
    bench = PgBench(host, postgres_server, tmp_path)
    host.run(command("mkdir", "-p", "/srv/backups"))
    bench.at.shelf.by_name["main"] = DirectoryRepository("main", host, "/srv/backups")
    compose_stack.mount("./wal:/wal")
    return bench


def described(stack: ComposeStack) -> dict[str, Any]:
    compose = {"project_src": stack.directory, "project_name": stack.project, "service": "db"}
    return {"user": stack.environment["POSTGRES_USER"], "compose": compose}


def in_container(stack: ComposeStack, *argv: str) -> list[str]:
    (container,) = stack.machine.run("docker", "ps", "-q", "--filter", "label=com.docker.compose.service=db").split()
    return stack.machine.run("docker", "exec", container, *argv).split()


def test_a_dropped_table_comes_back_and_what_was_replaced_too(bench: PgBench, compose_stack: ComposeStack) -> None:
    """One long test, because a deployment takes its time to come up."""
    stack, server = compose_stack, described(compose_stack)
    spool = f"{stack.directory}/wal"
    archive = {"spool": spool, "spool_in_server": "/wal", "server": server}

    # Set up, with the restart it needs.
    outcome = bench.apply("pg_wal_archive", **archive, restart=True)
    assert (outcome.data["restarted"], outcome.data["restart_required"]) == (True, False)
    assert not bench.apply("pg_wal_archive", **archive).changed
    stack.wait_healthy()

    # Backed up, and proved to arrive.
    base = bench.apply("pg_basebackup", **WHERE, server=server, spool=spool).data
    assert base["backup"]["contents"]["timeline"] == 1
    assert base["backup"]["objects"][0]["details"] == {"compressed_by": "server"}
    assert not [name for name in in_container(stack, "ls", "/tmp") if name.startswith("sentraplay-")]
    increment = bench.apply("pg_basebackup", **WHERE, server=server, spool=spool, incremental=True).data
    assert (increment["parents"], increment["point"]) == ([base["backup_id"]], increment["backup_id"])
    bench.apply("pg_wal_archive", **WHERE, **{**archive, "state": "check"})

    # Proved in a container of its own, which is gone again: the newest is the increment.
    asked = [{"query": "SELECT count(*) FROM findings", "at_least": 1}]
    looked = {"server": server, "database": stack.environment["POSTGRES_DB"]}
    running = stack.machine.run("docker", "ps", "-q").split()
    assert bench.apply("backup_verify", **WHERE, **looked, kind="base", assertions=asked).data["level"] == "restore"
    assert stack.machine.run("docker", "ps", "-q").split() == running

    # The disaster.
    before = stack.contents()
    with stack.connect() as session:
        time.sleep(0.05)
        (moment,) = session.execute("SELECT clock_timestamp()").fetchone() or (None,)
        time.sleep(0.05)
        session.execute("DROP TABLE findings CASCADE")
        session.execute("SELECT pg_switch_wal()")
    after = stack.contents()
    bench.apply("pg_wal_archive", **WHERE, **{**archive, "state": "check"})
    (rows, _) = before["public.baselines"] if "public.baselines" in before else before["baselines"]
    containers = stack.machine.run("docker", "ps", "-q").split()

    # Looked at, beside it: what the drop did not touch can be read while it is paused before it.
    found = bench.apply("pg_pitr", **WHERE, **looked, state="explored", spool=spool, target_time=moment.isoformat())
    words = [word for word in found.data["explored"]["psql"] if word != "-it"]
    assert stack.machine.run(*words, "-At", "-c", "SELECT count(*) FROM baselines").strip() == str(rows)
    bench.again()
    bench.apply("pg_pitr", state="absent", server=server)
    assert stack.machine.run("docker", "ps", "-q").split() == containers

    # Recovered: the same containers, the same volume, every row.
    bench.again()
    data = bench.apply(
        "pg_pitr",
        **WHERE,
        server=server,
        spool=spool,
        target_time=moment.isoformat(),
        database=stack.environment["POSTGRES_DB"],
        assertions=asked,
    ).data
    assert data["timeline"] == 2
    assert stack.contents() == before
    stack.wait_healthy()
    assert stack.machine.run("docker", "ps", "-q").split() == containers

    # It archives again, and can be the start of the next recovery.
    bench.apply("pg_wal_archive", **WHERE, **{**archive, "state": "check"})
    assert bench.apply("pg_basebackup", **WHERE, server=server, spool=spool).data["timeline"] == 2

    # Undone.
    bench.again()
    bench.apply("pg_pitr", state="rolled_back", server=server)
    assert stack.contents() == after
