"""compose, with a real Docker on a server of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed, TimedOut
from runner.hosts.ssh import open_ssh
from runner.hosts.ssh_settings import SshSettings
from runner.modules.contract import RunInfo
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.bed import At, Bench
from tests.support.machine import Machine
from tests.support.trees import IMAGES

pytestmark = pytest.mark.live
LIVES = ["sh", "-c", "trap 'exit 0' TERM; echo here I am; while :; do sleep 0.1; done"]


class Stack:
    """A compose project of the test's own; its services are written as data (JSON is YAML)."""

    def __init__(self, machine: Machine, bench: Bench, name: str) -> None:
        self.machine, self.bench, self.name = machine, bench, name
        self.directory = f"/srv/{name}"
        machine.path(self.directory).mkdir()

    def write(self, services: Mapping[str, Mapping[str, Any]], **more: object) -> None:
        full = {name: {"image": IMAGES["api"], "command": LIVES, **service} for name, service in services.items()}
        text = json.dumps({"version": "3.8", "services": full, **more})
        (self.machine.path(self.directory) / "docker-compose.yml").write_text(text)

    def arguments(self, more: Mapping[str, object]) -> dict[str, object]:
        quick = {"stable_for": 1, "stop_timeout": 3, "wait_timeout": 20}
        # A program inside is not brought up, so that what is only for that stays out.
        where = {"project_src": self.directory, "project_name": self.name}
        return {**where, **more} if "exec" in more else {**where, **quick, **more}

    def preview(self, **more: object) -> Any:
        return self.bench.preview("compose", **self.arguments(more))

    def apply(self, **more: object) -> Any:
        return self.bench.apply("compose", **self.arguments(more))

    def settle(self, **more: object) -> Any:
        return self.bench.settle("compose", **self.arguments(more))

    def docker(self, *argv: str) -> str:
        return self.machine.run("docker", *argv)


@pytest.fixture
def stack(docker_daemon: Machine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    entered = docker_daemon.host()
    host = open_ssh(
        SshSettings(
            name=docker_daemon.name,
            address=entered.address,
            port=entered.port,
            user=entered.user,
            private_key_file=entered.key,
            known_hosts_file=entered.known_hosts,
        )
    )
    run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=False, resumed=False)
    bench = Bench(At(host, Templar([tmp_path], Redactor()), tmp_path, run), tmp_path)
    name = f"p{abs(hash(request.node.name)) % 100_000}"
    stack = Stack(docker_daemon, bench, name)
    yield stack
    stack.write({"api": {}})
    docker_daemon.try_run("docker-compose", "-f", f"{stack.directory}/docker-compose.yml", "down", "-v", "-t", "0")
    host.close()


def states(data: Mapping[str, Any]) -> dict[str, str]:
    return {one["service"]: one["state"] for one in data["containers"]}


def test_services_come_up_once_and_anew_when_their_file_changes(stack: Stack) -> None:
    stack.write({"api": {"depends_on": ["db"]}, "db": {}})
    done = stack.settle()
    assert states(done.data) == {"api": "running", "db": "running"}
    assert done.data["project_name"] == stack.name
    stack.write({"api": {"depends_on": ["db"], "environment": {"A": "1"}}, "db": {}})
    assert stack.preview().needed is None
    again = stack.settle()
    assert again.changed
    ids = [{one["service"]: one["id"] for one in result.data["containers"]} for result in (done, again)]
    assert ids[0]["db"] == ids[1]["db"] and ids[0]["api"] != ids[1]["api"]


def test_the_name_of_the_directory_is_the_project_unless_said(stack: Stack) -> None:
    stack.write({"api": {}})
    done = stack.bench.apply("compose", project_src=stack.directory, stable_for=0)
    assert done.data["project_name"] == stack.name
    assert stack.preview().needed is False


def test_one_service_comes_up_with_what_it_needs(stack: Stack) -> None:
    stack.write({"api": {"depends_on": ["db"]}, "db": {}, "worker": {}})
    assert states(stack.settle(services=["api"]).data) == {"api": "running", "db": "running"}
    assert stack.preview().summary == "brings up worker"


def test_a_service_that_dies_at_once_fails_with_its_last_words(stack: Stack) -> None:
    stack.write({"api": {"command": ["sh", "-c", "echo no database; exit 3"]}, "db": {}})
    with pytest.raises(TaskFailed, match=r"service api exited \(status 3\)[\s\S]*no database"):
        stack.apply()


def test_a_service_that_ends_well_has_ended_all_the_same(stack: Stack) -> None:
    stack.write({"api": {"command": ["true"]}})
    with pytest.raises(TaskFailed, match=r"service api exited \(status 0\)"):
        stack.apply()


def test_a_service_that_keeps_restarting_is_not_up(stack: Stack) -> None:
    stack.write({"api": {"command": ["sh", "-c", "echo again; exit 1"], "restart": "always"}})
    with pytest.raises(TimedOut, match=r"not up after .*service api .*restarted[\s\S]*again"):
        stack.apply(wait_timeout=3, stable_for=10)


def test_health_is_waited_for(stack: Stack) -> None:
    check = {"interval": "1s", "timeout": "5s", "retries": 30, "test": ["CMD", "test", "-e", "/ready"]}
    slow = ["sh", "-c", "sleep 3; touch /ready; exec sleep 1000"]
    stack.write({"api": {"command": slow, "healthcheck": check}})
    assert stack.settle(stable_for=0).data["containers"][0]["health"] == "healthy"


def test_a_sick_service_fails_with_what_its_check_said(stack: Stack) -> None:
    check = {"interval": "1s", "timeout": "5s", "retries": 1, "test": ["CMD-SHELL", "echo no disk; false"]}
    stack.write({"api": {"healthcheck": check}})
    with pytest.raises(TimedOut, match=r"unhealthy[\s\S]*its health check says: no disk"):
        stack.apply(wait_timeout=5)
    with pytest.raises(TimedOut):
        stack.apply(state="healthy", wait_timeout=1)
    assert stack.apply(wait=False).changed is False


def test_services_are_stopped_started_and_restarted(stack: Stack) -> None:
    stack.write({"api": {}, "db": {}})
    stack.apply()
    assert states(stack.settle(state="stopped", services=["api"]).data) == {"api": "exited", "db": "running"}
    assert states(stack.settle(state="started").data) == {"api": "running", "db": "running"}
    first = stack.docker("inspect", "--format", "{{.State.StartedAt}}", f"{stack.name}_api_1")
    assert stack.preview(state="restarted", services=["api"]).needed is True
    assert stack.apply(state="restarted", services=["api"]).changed
    assert stack.docker("inspect", "--format", "{{.State.StartedAt}}", f"{stack.name}_api_1") != first


def test_nothing_is_made_by_started(stack: Stack) -> None:
    stack.write({"api": {}})
    with pytest.raises(TaskFailed, match="no container of api to start"):
        stack.preview(state="started")


def test_a_stack_goes_and_its_volumes_stay(stack: Stack) -> None:
    stack.write({"db": {"volumes": ["pg-data:/data"]}, "api": {}}, volumes={"pg-data": {}})
    stack.apply()
    stack.docker("exec", f"{stack.name}_db_1", "touch", "/data/precious")
    assert states(stack.settle(state="absent", services=["api"]).data) == {"db": "running"}
    assert stack.settle(state="absent").data["containers"] == []
    assert f"{stack.name}_pg-data" in stack.docker("volume", "ls", "-q").split()
    stack.apply()
    assert "precious" in stack.docker("exec", f"{stack.name}_db_1", "ls", "/data")


def test_a_program_runs_inside_with_its_arguments_as_they_are(stack: Stack) -> None:
    stack.write({"api": {}})
    stack.apply()
    odd = ["a b", "$(id)", "'", '"', "", "-T"]
    inside = {"service": "api", "argv": ["sh", "-c", 'printf "<%s>" "$@"; id -un; cat', "sh", *odd]}
    assert stack.preview(exec=inside).needed is None
    done = stack.apply(exec={**inside, "user": "daemon", "stdin": "secret"})
    assert done.changed
    assert done.data["stdout"] == "".join(f"<{word}>" for word in odd) + "daemon\nsecret"
    assert done.data["cmd"] == inside["argv"]


def test_a_program_that_fails_inside_fails_the_task(stack: Stack) -> None:
    stack.write({"api": {}})
    stack.apply()
    with pytest.raises(TaskFailed, match="ended with status 7") as caught:
        stack.apply(exec={"service": "api", "argv": ["sh", "-c", "echo bad >&2; exit 7"]})
    assert caught.value.data["rc"] == 7


def test_a_missing_image_is_found_before_anything_is_touched(stack: Stack) -> None:
    stack.write({"api": {}, "db": {"image": "nowhere.invalid/db:1"}})
    with pytest.raises(TaskFailed, match="does not have the image nowhere.invalid/db:1"):
        stack.preview(pull="never")
    with pytest.raises(TaskFailed, match="does not have the image"):
        stack.apply(pull="never")
    assert stack.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}") == ""


def test_images_are_never_built_on_the_way(stack: Stack) -> None:
    stack.write({"api": {"image": "sentraplay-test/unbuilt", "build": "."}})
    (stack.machine.path(stack.directory) / "Dockerfile").write_text(f"FROM {IMAGES['api']}\n")
    with pytest.raises(TaskFailed) as caught:
        stack.apply()
    assert "never built" in caught.value.hint


def test_a_stack_started_under_another_name_is_warned_of_its_empty_volumes(stack: Stack) -> None:
    stack.write({"db": {"volumes": ["odd-data:/data"]}}, volumes={"odd-data": {}})
    stack.apply()
    stack.apply(state="absent")
    other = f"{stack.name}other"
    try:
        assert stack.bench.at.warnings == []
        stack.apply(project_name=other)
        assert f"{stack.name}_odd-data" in stack.bench.at.warnings[0]
    finally:
        stack.apply(project_name=other, state="absent")
        stack.docker("volume", "rm", f"{other}_odd-data", f"{stack.name}_odd-data")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"services": ["nobody"]}, "the compose file has no service nobody"),
        ({"project_src": "/srv/nowhere"}, "there is no directory /srv/nowhere"),
        ({"files": ["nowhere.yml"]}, "nowhere.yml"),
        ({"exec": {"service": "api", "argv": ["true"]}}, "service api has no running container"),
    ],
)
def test_mistakes_are_said_in_words(stack: Stack, arguments: dict[str, Any], said: str) -> None:
    stack.write({"api": {}})
    with pytest.raises(TaskFailed, match=said):
        stack.apply(**arguments)


def test_a_docker_that_may_not_be_used_is_explained(stack: Stack) -> None:
    stack.write({"api": {}})
    stack.bench.at.host = stack.bench.at.host.view(env={"DOCKER_HOST": "unix:///nowhere.sock"})
    with pytest.raises(TaskFailed) as caught:
        stack.apply()
    assert "Docker is not running" in caught.value.hint
