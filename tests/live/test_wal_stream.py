"""playbooks/wal-stream.yml over SSH: receives, ships, proves, and brings the last of a server that is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.deployment import Controller
from tests.support.postgres import PostgresServer
from tests.support.sshd import SshServer
from tests.support.workplace import Workplace

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


def test_the_playbook_receives_ships_and_saves_the_last_of_a_lost_server(
    own_postgres: Callable[..., PostgresServer], sshd: SshServer, workplace: Workplace, tmp_path: Path
) -> None:
    server = own_postgres({"fsync": "on", "synchronous_commit": "on"})
    controller, store = Controller(tmp_path), workplace.directory("stream", mode=0o777)
    variables = {
        "service": "app",
        "repository": "there",
        "repositories": {"there": {"type": "directory", "host": "backup1", "path": str(store / "backups")}},
        "streamed_spool": str(store / "wal"),
        "streamed_server": server.server(socket=True),
    }
    hosts = {"backup1": sshd.host().variables()}
    controller.knows({"all": {"vars": variables, "children": {"backup_hosts": {"hosts": hosts}}}})

    def stored() -> list[str]:
        return sorted(path.name.partition("-")[0] for path in (store / "backups").rglob("0*") if path.is_file())

    try:
        controller.play("wal-stream.yml")
        assert len(stored()) == 1
        assert "changed=0" in controller.play("wal-stream.yml", "--tags", "ship"), "received and shipped already"
        server.query("postgres", "CREATE TABLE kept AS SELECT 1 AS n")
        server.crash()
        controller.play("wal-stream.yml", "-e", "database_is_lost=true", "--tags", "ship")
        assert stored()[-1].endswith(".partial") and len(stored()) == 2
        assert server.superuser.password not in (tmp_path / "controller.log").read_text()
    finally:
        controller.play("wal-stream.yml", "-e", "database_is_lost=true", "--tags", "ship")
