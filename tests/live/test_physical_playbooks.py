"""The shipped playbooks of physical backups over SSH, by either engine: archived, backed up, proved, recovered."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.capabilities import require
from tests.support.deployment import Controller
from tests.support.postgres import PostgresServer, programs_of, service_user
from tests.support.sshd import SshServer
from tests.support.workplace import Workplace

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.usefixtures("without_systemd")]


@pytest.fixture
def without_systemd() -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("where systemd runs, a server started by hand is refused")


@pytest.mark.parametrize("engine", ["sentraplay", "pgbackrest"])
def test_a_cluster_is_archived_backed_up_proved_and_brought_back(
    engine: str,
    own_postgres: Callable[..., PostgresServer],
    sshd: SshServer,
    workplace: Workplace,
    tmp_path: Path,
) -> None:
    require("root")  # the server's files are another user's
    if engine == "pgbackrest":
        require("pgbackrest")
    server = own_postgres({"archive_mode": "on"}, programs_of(15, workplace))
    hba = server.directory / "data" / "pg_hba.conf"
    hba.write_text(f"local all postgres trust\n{hba.read_text()}")
    server.query("postgres", "SELECT pg_reload_conf()")
    controller = Controller(tmp_path)
    controller.knows(_inventory(server, sshd, workplace, engine))
    server.query("postgres", "CREATE TABLE log AS SELECT 1 AS n")
    try:
        controller.play("backup-physical.yml", "-e", "increments=true")
        again = controller.play("backup-physical.yml", "-e", "increments=true")
        assert "changed=1" in again, "archiving was set up already, and a backup is made every time"
        controller.play("wal-check.yml")
        controller.play("verify-physical.yml")
        before = _moment(server)
        server.query("postgres", "DROP TABLE log")
        controller.play("wal-check.yml")
        controller.play("restore-pitr.yml", "--yes", "-e", f"target_time={before}")
        assert server.query("postgres", "SELECT n FROM log") == [(1,)]
        controller.play("wal-check.yml")
        assert server.superuser.password not in (tmp_path / "controller.log").read_text()
    finally:
        stop = [str(server.programs / "pg_ctl"), "stop", "-D", str(server.directory / "data"), "-m", "immediate", "-s"]
        subprocess.run(stop, check=False, timeout=60, user=service_user(), cwd="/")


def _inventory(server: PostgresServer, sshd: SshServer, workplace: Workplace, engine: str) -> dict[str, Any]:
    variables = {
        "service": "app",
        "repository": "there",
        "repositories": {
            "there": {"type": "directory", "host": "db1", "path": str(workplace.directory("backups", mode=0o755))}
        },
        "wal_spool": str(workplace.directory("spool", owner=service_user()) / "wal"),
        "database_server": server.server(socket=True),
        "database_directory": str(server.directory / "data"),
        "database": "postgres",
        "database_assertions": [{"query": "SELECT count(*) FROM log", "equals": 1}],
        "physical_engine": engine,
    }
    return {"all": {"vars": variables, "children": {"service": {"hosts": {"db1": sshd.host().variables()}}}}}


def _moment(server: PostgresServer) -> str:
    time.sleep(0.02)
    (found,) = server.query("postgres", "SELECT clock_timestamp()::text")[0]
    time.sleep(0.02)
    return str(found).replace(" ", "T")
