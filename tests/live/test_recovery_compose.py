"""The main job on a compose deployment: api and PostgreSQL, recovered on an empty server from the repository alone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.compose import PATHS, ComposeStack
from tests.support.deployment import PLAYBOOKS, Controller, inventory
from tests.support.machine import Machine
from tests.support.network import Network
from tests.support.objectstore import ObjectStore
from tests.support.proxy import FaultProxy
from tests.support.workplace import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


@pytest.fixture
def controller(
    tmp_path: Path,
    compose_stack: ComposeStack,
    new_server: Machine,
    object_store: ObjectStore,
    network: Network,
    fault_proxy: Callable[..., FaultProxy],
) -> Controller:
    """Knows the old server, the empty new one, and a bucket both can reach."""
    link = fault_proxy(("127.0.0.1", object_store.port), listen=network.gateway)
    repository = object_store.repository(object_store.create_bucket(), endpoint=link.url)
    become = {"ansible_become": True}
    machines = (compose_stack.machine.host("deploy"), new_server.host("deploy"))
    controller = Controller(tmp_path)
    controller.knows(inventory(repository, variables(compose_stack), *(host.variables(**become) for host in machines)))
    return controller


def variables(stack: ComposeStack) -> dict[str, Any]:
    compose = {"project_src": stack.directory, "project_name": stack.project, "service": "db"}
    names = ("docker-compose.yml", ".env", *PATHS)
    return {
        "service_directory": stack.directory,
        "compose_project": stack.project,
        "database": stack.environment["POSTGRES_DB"],
        "database_server": {"user": stack.environment["POSTGRES_USER"], "compose": compose},
        "service_paths": [f"{stack.directory}/{name}" for name in names],
        "health_url": stack.health_url,
    }


def test_a_compose_deployment_is_recovered_on_an_empty_server_from_the_repository_alone(
    controller: Controller, compose_stack: ComposeStack, new_server: Machine
) -> None:
    rows, files = compose_stack.contents(), compose_stack.files()
    controller.play("backup.yml")
    controller.play("verify.yml")
    compose_stack.machine.power_off()

    new_server.run("dpkg", "--purge", "docker-compose", "age")
    controller.play("provision.yml")
    assert "changed=0" in controller.play("provision.yml"), "everything is there"
    controller.play("dr-restore.yml")

    recovered = ComposeStack(new_server)
    assert recovered.wait_healthy()
    assert recovered.contents() == rows
    assert recovered.files() == files


def test_a_recovery_of_a_compose_deployment_killed_in_the_restore_is_resumed(
    controller: Controller, compose_stack: ComposeStack, new_server: Machine
) -> None:
    rows, files = compose_stack.contents(), compose_stack.files()
    controller.play("backup.yml")
    compose_stack.machine.power_off()

    running = controller.start("run", str(PLAYBOOKS / "dr-restore.yml"), "-i", str(controller.inventory))
    restoring = ["pgrep", "-f", "pg_restore"]
    wait_until(
        "pg_restore",
        lambda: running.poll() is not None or new_server.try_run(*restoring).returncode == 0,
        180,
        step=0.02,
    )
    assert running.poll() is None
    os.kill(running.pid, signal.SIGKILL)
    running.wait(timeout=10)
    controller.do("resume")

    recovered = ComposeStack(new_server)
    assert recovered.wait_healthy()
    assert recovered.contents() == rows
    assert recovered.files() == files


def test_with_base_backup_and_wal_a_deployment_comes_back_to_the_last_that_arrived(
    controller: Controller, compose_stack: ComposeStack, new_server: Machine
) -> None:
    compose_stack.mount("./wal:/wal")
    known = json.loads(controller.inventory.read_text())
    spool = {"wal_spool": f"{compose_stack.directory}/wal", "wal_spool_in_server": "/wal"}
    known["all"]["children"]["sentrascan"]["vars"] |= spool
    controller.knows(known)
    controller.play("backup.yml", "--tags", "files,images")
    controller.play("backup-physical.yml", "-e", "restart_database=true")
    with compose_stack.connect() as connection:
        connection.execute("INSERT INTO scans (target, started_at) VALUES ('after the base backup', now())")
    controller.play("wal-check.yml")
    rows, files = compose_stack.contents(), compose_stack.files()
    compose_stack.machine.power_off()

    said = controller.play("dr-restore.yml", "-e", "recover_wal=true")

    assert "OBJECTIVE rpo: met" in said
    recovered = ComposeStack(new_server)
    assert recovered.wait_healthy()
    assert recovered.contents() == rows
    assert recovered.files() == files
    known["all"]["children"]["sentrascan"]["children"]["service"] = {
        "hosts": known["all"]["children"]["sentrascan"]["children"]["recovery"]["hosts"]
    }
    controller.knows(known)
    controller.play("wal-check.yml")


def test_a_restore_is_undone_when_the_service_is_not_well_with_it(
    controller: Controller, compose_stack: ComposeStack
) -> None:
    controller.play("backup.yml")
    with compose_stack.connect() as connection:
        connection.execute("INSERT INTO scans (target, started_at) VALUES ('after the backup', now())")
    rows = compose_stack.contents()

    said = controller.do(
        "run",
        str(PLAYBOOKS / "restore-database.yml"),
        "-i",
        str(controller.inventory),
        "-e",
        "health_url=http://127.0.0.1:9/nobody",
        code=2,
    )

    assert "The restore was undone" in said
    assert compose_stack.contents() == rows
