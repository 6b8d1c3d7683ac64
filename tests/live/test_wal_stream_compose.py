"""WAL streamed out of a compose service that publishes no port for it: a killed container's last second comes back."""

from __future__ import annotations

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
from tests.support.workplace import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

WHERE = {"service": "app", "repository": "main"}
SPOOL = "/srv/streamed"
COUNT = "SELECT count(*) FROM committed"


@pytest.fixture
def host(compose_stack: ComposeStack) -> Iterator[Host]:
    with opened(compose_stack.machine.host("root")) as reached:
        yield reached


@pytest.fixture
def bench(host: Host, postgres_server: PostgresServer, tmp_path: Path) -> PgBench:
    bench = PgBench(host, postgres_server, tmp_path)
    host.run(command("mkdir", "-p", "/srv/backups"))
    bench.at.shelf.by_name["main"] = DirectoryRepository("main", host, "/srv/backups")
    return bench


class Streamed:
    """The receiver of the stack's database."""

    def __init__(self, bench: PgBench, stack: ComposeStack) -> None:
        self.bench, self.stack = bench, stack
        compose = {"project_src": stack.directory, "project_name": stack.project, "service": "db"}
        self.server = {"user": stack.environment["POSTGRES_USER"], "compose": compose}

    def __call__(self, state: str = "present") -> Any:
        return self.bench.apply("pg_wal_archive", mode="stream", spool=SPOOL, server=self.server, state=state)

    def containers(self) -> list[str]:
        names = self.stack.machine.run("docker", "ps", "-a", "--format", "{{.Names}}").split()
        return [name for name in names if name.startswith("sentraplay-wal-")]


def test_what_was_committed_last_comes_back_after_the_container_was_killed(
    bench: PgBench, compose_stack: ComposeStack
) -> None:
    """One long test, because a deployment takes its time to come up."""
    stack, streamed = compose_stack, Streamed(bench, compose_stack)

    # Set up without a restart; a second time nothing is to be done.
    running = stack.machine.run("docker", "ps", "-q").split()
    assert not streamed().data["restarted"]
    (receiver,) = streamed.containers()
    assert not streamed().changed
    base = bench.apply("pg_basebackup", **WHERE, server=streamed.server, spool=SPOOL).data
    assert base["backup"]["contents"]["timeline"] == 1

    # The database's container is started anew, and with it its network: the next run receives again.
    stack.compose("restart", "db")
    stack.wait_healthy()
    assert streamed().changed
    assert streamed.containers() == [receiver]

    # A client of docker that dies leaves a container behind, which does not stand in the way.
    (client,) = stack.machine.run("pgrep", "-f", f"^docker run .*{receiver}").split()
    stack.machine.run("kill", "-9", client)
    wait_until("the job to be over", lambda: streamed().changed, 30)
    assert streamed.containers() == [receiver]

    # Fifty rows, and the server is gone in the same moment.
    with stack.connect() as session:
        session.execute("CREATE TABLE committed (n int)")
        for number in range(50):
            session.execute("INSERT INTO committed VALUES (%s)", [number])
        stack.machine.run("docker", "kill", *stack.machine.run("docker", "ps", "-q", "--filter", "name=db").split())
    assert streamed("stopped").changed
    assert streamed.containers() == []
    shipped = bench.apply("pg_wal_ship", **WHERE, spool=SPOOL).data["files"]
    assert any(name.endswith(".partial") for name in shipped)

    # Recovered from what was received alone.
    bench.again()
    database = stack.environment["POSTGRES_DB"]
    asked = [{"query": COUNT, "equals": 50}]
    bench.apply("pg_pitr", **WHERE, server=streamed.server, database=database, assertions=asked)
    stack.wait_healthy()
    with stack.connect() as session:
        assert session.execute(COUNT).fetchone() == (50,)

    # And gone, with its slot.
    assert streamed().changed and streamed("absent").changed and not streamed("absent").changed
    assert streamed.containers() == []
    assert len(stack.machine.run("docker", "ps", "-q").split()) == len(running)
