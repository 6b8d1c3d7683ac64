"""When services count as up, and how compose is called."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.hosts.local import open_local
from runner.modules.docker.configuration import Service, read_configuration, up_to_date
from runner.modules.docker.health import RESTART_LOOP, Verdict, judge
from runner.modules.docker.project import ComposeProject, Container, detect

SERVICE = Service("api", "api:1", (), False, "h1")
STARTED = 1_000.0
RUNNING = Container(
    id="c1",
    name="p_api_1",
    service="api",
    project="p",
    status="running",
    exit_code=0,
    restarts=0,
    started_at="1970-01-01T00:16:40.123456789Z",
    health="",
    health_output="",
    image="api:1",
    image_id="sha256:1",
    config_hash="h1",
    restarts_itself=True,
)


def verdict(
    one: Container | None, *, service: Service = SERVICE, after: float = 60, before: Mapping[str, int] | None = None
) -> Verdict:
    return judge([service], [one] if one else [], STARTED + after, 5, before or {})


def test_a_service_without_a_check_has_to_run_for_a_while() -> None:
    assert verdict(RUNNING, after=2).waiting == {"api": "running"}
    assert verdict(RUNNING, after=6) == Verdict({}, {})


def test_a_service_with_a_check_has_to_pass_it() -> None:
    assert verdict(replace(RUNNING, health="starting")).waiting == {"api": "running, starting"}
    assert verdict(replace(RUNNING, health="unhealthy")).waiting == {"api": "running, unhealthy"}
    assert verdict(replace(RUNNING, health="healthy"), after=0) == Verdict({}, {})


def test_a_service_that_docker_does_not_start_again_is_dead() -> None:
    ended = replace(RUNNING, status="exited", exit_code=1, restarts_itself=False)
    assert verdict(ended).dead == {"api": "exited (status 1)"}
    assert verdict(replace(ended, restarts_itself=True)).waiting == {"api": "exited (status 1)"}


def test_a_service_others_wait_for_to_end_may_end_well() -> None:
    migration = replace(SERVICE, runs_to_end=True)
    ended = replace(RUNNING, status="exited", restarts_itself=False)
    assert verdict(ended, service=migration) == Verdict({}, {})
    assert verdict(replace(ended, exit_code=1), service=migration).dead == {"api": "exited (status 1)"}
    assert verdict(RUNNING, service=migration).waiting == {"api": "running"}


def test_a_restart_loop_ends_the_waiting_but_old_restarts_do_not_count() -> None:
    looping = replace(RUNNING, status="restarting", restarts=RESTART_LOOP)
    assert verdict(looping).dead == {"api": f"restarting, restarted {RESTART_LOOP} times"}
    assert verdict(looping, before={"c1": 5}).dead == {}


def test_a_service_without_a_container_is_dead() -> None:
    assert verdict(None).dead == {"api": "has no container"}


def test_what_up_would_do_is_known_only_when_it_is() -> None:
    images = {"api:1": "sha256:1"}
    assert up_to_date(SERVICE, [RUNNING], images) is True
    assert up_to_date(SERVICE, [], images) is False
    assert up_to_date(SERVICE, [replace(RUNNING, status="exited")], images) is False
    assert up_to_date(SERVICE, [RUNNING], {"api:1": "sha256:2"}) is False
    assert up_to_date(SERVICE, [replace(RUNNING, config_hash="h2")], images) is None


@pytest.fixture
def programs(tmp_path: Path, busybox: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for programs, found before those of busybox; there are no others."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{busybox}")
    return directory


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_the_plugin_comes_first_and_a_docker_without_it_is_not_taken_for_it(programs: Path) -> None:
    host = open_local("localhost")
    try:
        program(programs / "docker-compose", "echo 1.29.2")
        program(programs / "docker", "echo Usage: docker")
        assert detect(host) == ("docker-compose",)
        program(programs / "docker", "echo v2.24.5")
        assert detect(host) == ("docker", "compose")
        program(programs / "docker", "exit 1")
        (programs / "docker-compose").unlink()
        with pytest.raises(TaskFailed, match="neither `docker compose` nor `docker-compose`"):
            detect(host)
    finally:
        host.close()


def test_a_call_of_compose_runs_in_its_directory_and_never_needs_a_terminal() -> None:
    project = ComposeProject(("docker", "compose"), "/srv/app", "app", ("a.yml", "b.yml"))
    ran = project.exec("db", "psql", "-c", "a b", user="postgres")
    head = ("docker", "compose", "-p", "app", "-f", "a.yml", "-f", "b.yml")
    assert ran.argv == (*head, "exec", "-T", "--user", "postgres", "db", "psql", "-c", "a b")
    assert ran.cwd == "/srv/app"


@pytest.mark.parametrize("release", ["v1", "v2"])
def test_the_configuration_of_both_releases_is_read(programs: Path, tmp_path: Path, release: str) -> None:
    json_form = """{"name": "app", "services": {"api": {"image": "api:1", "depends_on":
        {"migrate": {"condition": "service_completed_successfully"}}}, "migrate": {"image": "api:1"}},
        "volumes": {"data": {"name": "app_data"}, "old": {"external": true}}}"""
    yaml_form = """
services:
  api: {image: api:1, depends_on: {migrate: {condition: service_completed_successfully}}}
  migrate: {image: api:1}
version: '3.8'
volumes: {data: {}, old: {external: true}}
"""
    (tmp_path / "json").write_text(json_form)
    (tmp_path / "yaml").write_text(yaml_form)
    called = ("docker", "compose") if release == "v2" else ("docker-compose",)
    as_json = f"cat {tmp_path}/json" if release == "v2" else "echo Usage: docker-compose"
    program(
        programs / called[0],
        f'case "$*" in *json*) {as_json};; *--hash*) echo api h1; echo migrate h2;; *) cat {tmp_path}/yaml;; esac',
    )
    host = open_local("localhost")
    try:
        found = read_configuration(host, ComposeProject(called, str(tmp_path)), with_hashes=True)
    finally:
        host.close()
    assert found.name == ("app" if release == "v2" else "")
    assert found.volumes == ("data",)
    assert found.services["migrate"].runs_to_end and not found.services["api"].runs_to_end
    assert [one.name for one in found.wanted(["api"], with_needed=True)] == ["api", "migrate"]
    assert found.services["api"].config_hash == "h1"
