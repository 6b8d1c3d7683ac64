"""PostgreSQL behind SSH: by tunnels to addresses and sockets, and by psql where no tunnel can help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.hosts.contract import Become, Host
from runner.modules.postgres.connection import TunnelledDatabase
from runner.modules.postgres.database import CannotConnect
from runner.modules.postgres.psql import PsqlDatabase
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.secret import Secret
from tests.contracts.host_kinds import opened
from tests.modules.pg_bed import PgBench
from tests.support.postgres import PostgresServer
from tests.support.scanner_data import contents
from tests.support.sshd import SshServer

pytestmark = pytest.mark.live


@pytest.fixture
def host(sshd: SshServer) -> Iterator[Host]:
    with opened(sshd.host()) as reached:
        yield reached


def described(server: PostgresServer, *, socket: bool = False) -> Server:
    given = server.server(socket=socket)
    return Server(**{**given, "password": Secret(str(given["password"]))})  # type: ignore[arg-type]  # plain data


@pytest.mark.parametrize("socket", [False, True], ids=["tcp", "socket"])
def test_sql_goes_through_the_tunnel(host: Host, postgres_server: PostgresServer, socket: bool) -> None:
    database = Postgres(host, described(postgres_server, socket=socket), host).database("postgres")
    assert isinstance(database, TunnelledDatabase)
    assert database.scalar("SELECT inet_client_addr() IS NULL") is socket
    with database.snapshot() as snapshot:
        assert snapshot.name


def test_where_sshd_forbids_tunnels_psql_is_used(
    own_sshd: Callable[..., SshServer], postgres_server: PostgresServer
) -> None:
    closed = own_sshd(["127.0.0.11"], options="AllowTcpForwarding no\nAllowStreamLocalForwarding no\n")
    with opened(closed.host()) as host:
        for socket in (False, True):
            database = Postgres(host, described(postgres_server, socket=socket), host).database("postgres")
            assert isinstance(database, PsqlDatabase)
            assert database.scalar("SELECT 1 + 1") == 2
            with database.snapshot() as snapshot:
                assert snapshot.rows("SELECT 'x' AS a, NULL AS b") == ({"a": "x", "b": None},)


def test_a_server_that_only_lets_in_its_own_user_is_entered_as_that_user(
    host: Host, own_postgres: Callable[..., PostgresServer]
) -> None:
    server = own_postgres()
    (server.directory / "data" / "pg_hba.conf").write_text("local all all peer\n")
    server.query("postgres", "SELECT pg_reload_conf()")
    peer = Server(host=str(server.sockets), port=server.port, programs=str(server.programs))
    with pytest.raises(CannotConnect, match="Peer authentication failed") as caught:
        Postgres(host, peer, host).database("postgres").scalar("SELECT 1")
    assert "become" in caught.value.hint
    as_postgres = host.view(become=Become("postgres"))
    assert Postgres(as_postgres, peer, as_postgres).database("postgres").scalar("SELECT current_user") == "postgres"


def test_backup_verification_and_restore_work_over_ssh(
    host: Host, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    bench = PgBench(host, postgres_server, tmp_path)
    with postgres_server.disposable_database(scans=5) as name:
        with postgres_server.connect(name) as session:
            before = contents(session)
        bench.backup(name)
        programs = {"programs": str(postgres_server.programs)}
        verified = bench.apply("backup_verify", service="app", repository="main", server=programs)
        assert verified.data["row_counts"]
        postgres_server.query(name, "DROP TABLE findings CASCADE")
        previous = str(bench.restore(name).data["previous"])
        with postgres_server.connect(name) as session:
            assert contents(session) == before
        postgres_server.drop_database(previous)
