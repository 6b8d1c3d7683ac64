"""PostgreSQL inside a compose service, driven over SSH: nothing of it is reached but through its container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed, VerificationFailed
from runner.hosts.contract import Host, command
from runner.repositories.directory import DirectoryRepository
from tests.contracts.host_kinds import opened
from tests.modules.pg_bed import PgBench
from tests.support.compose import ComposeStack
from tests.support.postgres import PostgresServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SERVICE = "app"


@pytest.fixture
def host(compose_stack: ComposeStack) -> Iterator[Host]:
    with opened(compose_stack.machine.host("root")) as reached:
        yield reached


@pytest.fixture
def bench(host: Host, postgres_server: PostgresServer, compose_stack: ComposeStack, tmp_path: Path) -> PgBench:
    bench = PgBench(host, postgres_server, tmp_path)
    # In a directory of the machine itself.
    host.run(command("mkdir", "-p", "/srv/backups"))
    bench.at.shelf.by_name["main"] = DirectoryRepository("main", host, "/srv/backups")
    return bench


def described(stack: ComposeStack, **more: object) -> dict[str, Any]:
    compose = {"project_src": stack.directory, "project_name": stack.project, "service": "db"}
    return {"user": stack.environment["POSTGRES_USER"], "compose": compose, **more}


def containers(stack: ComposeStack) -> set[str]:
    return set(stack.machine.run("docker", "ps", "-a", "--format", "{{.Names}}").split())


def test_the_whole_way_of_a_database_in_a_container(bench: PgBench, compose_stack: ComposeStack) -> None:
    """One long test, because a deployment takes its time to come up."""
    stack, server, database = compose_stack, described(compose_stack), compose_stack.environment["POSTGRES_DB"]
    before, running = stack.contents(), containers(stack)

    # SQL, typed, parameters with anything in them, changes noticed.
    asked = bench.apply(
        "pg_query", server=server, database=database, query="SELECT %s AS a, 1 AS b, NULL AS c", params=["it's \\ %"]
    )
    assert asked.data["rows"] == [{"a": "it's \\ %", "b": 1, "c": None}] and not asked.changed

    # A password changes nothing where the socket is trusted, and is taken from stdin.
    backup = bench.backup(database, server=described(stack, password="not asked for"))
    assert backup["row_counts"] and backup["backup"]["versions"]["image"]["id"].startswith("sha256:")
    assert backup["transfer"] == "directory"

    # Verified in a container of its own, which is gone afterwards, as are its volumes.
    volumes = stack.machine.run("docker", "volume", "ls", "-q")
    verified = bench.apply(
        "backup_verify",
        service=SERVICE,
        repository="main",
        server=server,
        assertions=[{"query": "SELECT count(*) FROM scans", "at_least": 1}],
    )
    assert verified.data["row_counts"] == backup["row_counts"]
    assert containers(stack) == running
    assert stack.machine.run("docker", "volume", "ls", "-q") == volumes

    # Restored under the running api, and undone.
    with stack.connect() as session:
        session.execute("DROP TABLE findings CASCADE")
    bench.again()
    restored = bench.restore(database, server=server, jobs=2)
    assert stack.contents() == before
    assert stack.wait_healthy()
    assert stack.compose("exec", "-T", "db", "ls", "/tmp").split() == []
    undone = bench.apply("pg_restore", server=server, database=database, state="rolled_back")
    assert undone.changed and "public.findings" not in stack.contents()
    bench.again()
    bench.restore(database, server=server)
    assert stack.contents() == before
    assert restored.data["row_counts"] == backup["row_counts"]

    # A broken backup is refused there too, and leaves no container.
    path = f"/srv/backups/{SERVICE}/{backup['backup_id']}/database.dump.zst"
    stack.machine.run("truncate", "-s", "-1", path)
    with pytest.raises(VerificationFailed):
        bench.apply("backup_verify", service=SERVICE, repository="main", server=server)
    assert containers(stack) == running

    # A service that is not there is told apart from a broken one.
    with pytest.raises(TaskFailed, match="no pg_dump to be run in service 'nowhere'"):
        compose = {**server["compose"], "service": "nowhere"}
        bench.apply("pg_query", server={**server, "compose": compose}, database=database, query="SELECT 1")
