"""The harness's whole servers, with Docker and the compose deployment, are what they say."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from runner.demo.keeper import descendants, is_running
from tests.support.compose import ComposeStack
from tests.support.machine import ADMIN_PASSWORD, Machine
from tests.support.objectstore import ObjectStore
from tests.support.proxy import FaultProxy

pytestmark = pytest.mark.live


def ssh(machine: Machine, *remote: str, user: str = "root", stdin: str = "") -> subprocess.CompletedProcess[str]:
    argv = machine.host(user).command(*remote)
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, input=stdin)


def test_a_new_server_has_tools_and_docker_but_no_image(new_server: Machine) -> None:
    tools = ssh(new_server, "command -v sudo curl zstd age docker docker-compose; docker images -q; hostname")
    assert len(tools.stdout.split()) == 7
    assert tools.stdout.split()[-1] == "new"


def test_its_users_may_sudo_as_described(new_server: Machine) -> None:
    assert ssh(new_server, "sudo -n id -u; docker ps -q", user="deploy").stdout == "0\n"
    assert ssh(new_server, "sudo -n id -u", user="admin").stdout == ""
    assert ssh(new_server, "sudo -S -p '' id -u", user="admin", stdin=f"{ADMIN_PASSWORD}\n").stdout == "0\n"


def test_a_machine_is_nothing_but_its_processes(machines: Callable[..., Machine]) -> None:
    machine = machines("plain", "plain")
    sleeper = ssh(machine, "echo kept >/srv/file; setsid sleep 1000 </dev/null >/dev/null 2>&1 & sleep 0.2")
    assert sleeper.returncode == 0
    inside = descendants(machine.keeper_pid)
    machine.power_off()
    assert [pid for pid in inside if is_running(pid)] == []
    machine.power_on()
    assert ssh(machine, "cat /srv/file; ps -e -o comm=").stdout.split().count("sleep") == 0
    assert ssh(machine, "cat /srv/file").stdout == "kept\n"


def test_machines_reach_each_other_and_a_server_of_the_tests(
    machines: Callable[..., Machine], object_store: ObjectStore, fault_proxy: Callable[..., FaultProxy]
) -> None:
    one, two = machines("one", "plain"), machines("two", "plain")
    assert ssh(one, f"curl -s --max-time 5 telnet://{two.address}:22 </dev/null | head -c 7").stdout == "SSH-2.0"
    bucket = object_store.create_bucket()
    object_store.client().put_object(Bucket=bucket, Key="k", Body=b"from the store")
    proxy = fault_proxy(("127.0.0.1", object_store.port), listen=one.network.gateway)
    client = object_store.client(endpoint=proxy.url)
    presigned = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert ssh(one, f"curl -s --max-time 5 '{presigned}'").stdout == "from the store"


def test_the_stack_is_healthy_only_with_its_database(compose_stack: ComposeStack) -> None:
    assert compose_stack.health() == {"status": "ok", "scans": 20, "reports": 60}
    before, files = compose_stack.contents(), compose_stack.files()
    assert before["public.findings"][0] == 800
    assert "sparse" in files
    compose_stack.compose("stop", "db")
    assert compose_stack.health() is None
    compose_stack.compose("start", "db")
    compose_stack.wait_healthy()
    assert (compose_stack.contents(), compose_stack.files()) == (before, files)


def test_the_stack_comes_back_after_a_power_cut(compose_stack: ComposeStack) -> None:
    before = compose_stack.contents()
    compose_stack.machine.power_off()
    compose_stack.machine.power_on()
    compose_stack.wait_healthy()
    assert compose_stack.contents() == before


def test_the_shared_docker_has_the_images_of_the_stack(docker_daemon: Machine) -> None:
    listed = docker_daemon.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert {"sentraplay-test/postgres:15", "sentraplay-test/api:1"} <= set(listed)


def test_the_database_image_keeps_the_conventions_of_the_official_one(docker_daemon: Machine) -> None:
    refused = docker_daemon.try_run("docker", "run", "--rm", "--network=none", "sentraplay-test/postgres:15")
    assert refused.returncode == 1
    assert "superuser password is not specified" in refused.stderr
    version = docker_daemon.run(
        "docker", "run", "--rm", "--network=none", "sentraplay-test/postgres:15", "pg_dump", "-V"
    )
    assert version.startswith("pg_dump (PostgreSQL) 15.")
