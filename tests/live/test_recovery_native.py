"""The main job on real parts, without containers: backup, disaster, recovery on another host, killed and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.deployment import Controller, NativeService, write_files
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer
from tests.support.proxy import Fault, FaultProxy
from tests.support.sshd import SshHost
from tests.support.workplace import Workplace, wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

Proxies = Callable[..., FaultProxy]


@pytest.fixture
def service(own_postgres: Callable[..., PostgresServer], workplace: Workplace) -> NativeService:
    """A service with data on an old server, and an empty new server."""
    old, new = own_postgres(), own_postgres()
    old.create_database("sentrascan", scans=60)
    root = workplace.directory("service")
    write_files(root)
    return NativeService(old, new, root)


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


@pytest.fixture
def link(object_store: ObjectStore, fault_proxy: Proxies) -> FaultProxy:
    """The way from everybody to the object store."""
    return fault_proxy(("127.0.0.1", object_store.port))


@pytest.fixture
def lost(
    service: NativeService,
    controller: Controller,
    object_store: ObjectStore,
    ssh_hosts: tuple[SshHost, ...],
    link: FaultProxy,
) -> NativeService:
    """The service after its backup and its end."""
    bucket = object_store.create_bucket()
    hosts = (ssh_hosts[0], ssh_hosts[1])
    controller.knows(service.inventory(object_store, bucket, hosts, endpoint=link.url))
    controller.play("backup.yml")
    return service


def test_a_service_is_backed_up_verified_destroyed_and_recovered_on_another_host(
    lost: NativeService, controller: Controller
) -> None:
    rows, files = lost.contents(lost.old), lost.files()
    controller.play("verify.yml")
    lost.destroy()

    said = controller.play("dr-restore.yml")

    assert lost.contents(lost.new) == rows
    assert lost.files() == files
    assert "rto" in said.lower()
    assert "rpo" in said.lower()


def test_a_second_recovery_of_a_recovered_service_keeps_the_first_result_as_the_previous_database(
    lost: NativeService, controller: Controller
) -> None:
    rows = lost.contents(lost.old)
    lost.destroy()
    controller.play("dr-restore.yml")
    controller.play("dr-restore.yml")

    assert lost.contents(lost.new) == rows
    assert len([name for name in lost.new.databases() if "previous" in name]) == 1


def test_a_recovery_killed_in_the_middle_of_the_transfer_is_resumed(
    lost: NativeService, controller: Controller, link: FaultProxy
) -> None:
    rows, files = lost.contents(lost.old), lost.files()
    lost.destroy()
    link.fault = Fault(stall_down=20_000)

    def stalled() -> bool:
        return link.bytes_down >= 20_000

    before = link.bytes_down
    kill_when(controller, lambda: link.bytes_down - before >= 20_000 and stalled(), settle=1.0)
    link.fault = Fault()
    link.cut_now()

    resume(controller, lost, rows, files)


def test_a_recovery_killed_in_the_middle_of_the_restore_is_resumed(lost: NativeService, controller: Controller) -> None:
    rows, files = lost.contents(lost.old), lost.files()
    lost.destroy()

    kill_when(controller, lambda: any("restore" in name for name in lost.new.databases()))

    resume(controller, lost, rows, files)


def test_a_recovery_killed_right_after_the_swap_is_resumed(lost: NativeService, controller: Controller) -> None:
    rows, files = lost.contents(lost.old), lost.files()
    lost.destroy()

    kill_when(controller, lambda: lost.database in lost.new.databases())

    resume(controller, lost, rows, files)
    assert not [name for name in lost.new.databases() if "restore" in name or "previous" in name]


def kill_when(controller: Controller, reached: Callable[[], bool], settle: float = 0.0) -> None:
    """Start the recovery and kill its controller with SIGKILL as soon as `reached` is true."""
    from tests.support.deployment import PLAYBOOKS

    running = controller.start("run", str(PLAYBOOKS / "dr-restore.yml"), "-i", str(controller.inventory))
    wait_until("the moment to kill", lambda: running.poll() is not None or reached(), 120, step=0.002)
    time.sleep(settle)
    assert running.poll() is None, "it ended before it could be killed: " + tail(controller)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait(timeout=10) == -signal.SIGKILL


def resume(
    controller: Controller, service: NativeService, rows: dict[str, tuple[int, str]], files: dict[str, object]
) -> None:
    """`sentraplay resume` ends well, with equal data and nothing half-done left."""
    controller.do("resume")
    assert service.contents(service.new) == rows
    assert service.files() == files
    leftovers = subprocess.run(["find", str(service.root), "-name", "*.partial"], capture_output=True, check=True)
    assert leftovers.stdout == b""


def tail(controller: Controller) -> str:
    return (controller.directory / "controller.log").read_text(errors="replace")[-3000:]
