"""images_backup and images_restore, between two servers with Docker of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from runner.backup.catalogue import ids
from runner.errors import TaskFailed, VerificationFailed
from runner.hosts.ssh import open_ssh
from runner.hosts.ssh_settings import SshSettings
from runner.modules.contract import RunInfo
from runner.repositories.memory import MemoryRepository
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.bed import Bench
from tests.modules.pg_bed import PgAt, Shelf
from tests.support.compose import ComposeStack
from tests.support.machine import Machine
from tests.support.trees import IMAGES

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
WHERE = {"service": "sentrascan", "repository": "main"}


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository("main")


@pytest.fixture
def second() -> MemoryRepository:
    return MemoryRepository("second")


@pytest.fixture
def bench_of(
    tmp_path: Path, repository: MemoryRepository, second: MemoryRepository
) -> Iterator[Callable[[Machine], Bench]]:
    """A bench whose modules act on a machine."""
    with ExitStack() as open_hosts:

        def make(machine: Machine) -> Bench:
            entered = machine.host()
            settings = SshSettings(
                name=machine.name,
                address=entered.address,
                user=entered.user,
                private_key_file=entered.key,
                known_hosts_file=entered.known_hosts,
            )
            host = open_hosts.enter_context(closing(open_ssh(settings)))
            run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=False, resumed=False)
            shelf = Shelf({"main": repository, "second": second})
            return Bench(PgAt(host, Templar([tmp_path], Redactor()), tmp_path, run, shelf=shelf), tmp_path)

        yield make


def test_images_travel_to_a_server_that_has_none_and_only_once(
    compose_stack: ComposeStack, new_server: Machine, bench_of: Callable[[Machine], Bench]
) -> None:
    old, new = bench_of(compose_stack.machine), bench_of(new_server)
    project = {"project_src": compose_stack.directory, "project_name": compose_stack.project}

    made = old.settle("images_backup", **WHERE, **project)
    assert made.data["images"] == sorted([IMAGES["api"], IMAGES["postgres"]])
    loaded = new.settle("images_restore", **WHERE)

    assert loaded.data["loaded"] == made.data["images"]
    assert set(made.data["images"]) <= set(names(new_server))


def test_images_that_are_kept_already_are_brought_to_a_repository_that_lacks_them(
    compose_stack: ComposeStack, bench_of: Callable[[Machine], Bench], second: MemoryRepository
) -> None:
    bench = bench_of(compose_stack.machine)
    project = {"project_src": compose_stack.directory, "project_name": compose_stack.project}
    made = bench.apply("images_backup", **WHERE, **project).data["backup_id"]
    copied = bench.settle("images_backup", **WHERE, **project, copy_to=["second"]).data["copied"]
    assert [(one["backup_id"], one["to"]) for one in copied] == [(made, "second")]  # type: ignore[attr-defined]
    assert ids(second, "sentrascan") == [made]


def test_a_damaged_archive_is_refused_before_docker_sees_it(
    compose_stack: ComposeStack,
    new_server: Machine,
    bench_of: Callable[[Machine], Bench],
    repository: MemoryRepository,
) -> None:
    project = {"project_src": compose_stack.directory, "project_name": compose_stack.project}
    bench_of(compose_stack.machine).apply("images_backup", **WHERE, **project)
    flip_a_bit(repository)

    with pytest.raises(VerificationFailed):
        bench_of(new_server).apply("images_restore", **WHERE)

    assert names(new_server) == []


def test_a_project_without_containers_is_not_a_backup_of_no_images(
    new_server: Machine, bench_of: Callable[[Machine], Bench]
) -> None:
    new_server.path("/srv/empty").mkdir()
    compose = 'version: "3.8"\nservices: {api: {image: nothing}}\n'
    (new_server.path("/srv/empty") / "docker-compose.yml").write_text(compose)

    with pytest.raises(TaskFailed, match="no containers"):
        bench_of(new_server).apply("images_backup", **WHERE, project_src="/srv/empty")


def names(machine: Machine) -> list[str]:
    return machine.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").split()


def flip_a_bit(repository: MemoryRepository) -> None:
    """One bit in the middle of the archive."""
    key = next(info.key for info in repository.list("") if "images.tar" in info.key)
    with repository.get(key) as source:
        data = bytearray(source.read())
    data[len(data) // 2] ^= 1
    repository.delete(key)
    repository.put_if_absent(key, bytes(data))
