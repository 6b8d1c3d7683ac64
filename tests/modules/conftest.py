"""The bench every module test works at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyrage import x25519

from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.modules.contract import RunInfo
from runner.secret import Redactor
from runner.template import Templar
from runner.vault import IdentityFiles, Keys
from runner.vault.age import seal
from tests.modules.bed import At, Bench
from tests.modules.files_bed import Files
from tests.modules.pg_bed import PgBench
from tests.modules.standins import StandIns
from tests.modules.wal_bed import WalBench, benches
from tests.support.namespaces import bind, private
from tests.support.postgres import PostgresServer
from tests.support.workplace import Workplace


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The directory of the host the test works in; previews are proved not to touch it."""
    directory = tmp_path / "target"
    directory.mkdir()
    return directory


@pytest.fixture
def controller(tmp_path: Path) -> Path:
    """The directory of the playbook, with `files` and `templates`."""
    directory = tmp_path / "controller"
    (directory / "files").mkdir(parents=True)
    (directory / "templates").mkdir()
    return directory


@pytest.fixture
def pg(host: Host, postgres_server: PostgresServer, tmp_path: Path) -> PgBench:
    """PostgreSQL's modules against this machine and a server on it."""
    return PgBench(host, postgres_server, tmp_path)


@pytest.fixture
def files(host: Host, tmp_path: Path) -> Files:
    """Backups of files of this machine."""
    return Files(host, tmp_path)


@pytest.fixture
def make(
    own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path
) -> Iterator[Callable[..., WalBench]]:
    """Makes clusters with archiving set up, by their major version."""
    with benches(own_postgres, workplace, tmp_path) as make:
        yield make


@pytest.fixture
def without_systemd() -> None:
    """For tests in which a module starts a server by hand, which it refuses to do where systemd would do it."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("where systemd runs, a server started by hand is refused")


@pytest.fixture
def encrypt(bench: Bench, tmp_path: Path) -> Callable[[Path], None]:
    """Encrypts a file as a whole; the bench has the key."""
    identity = x25519.Identity.generate()
    key = tmp_path / "key"
    key.write_text(f"{identity}\n")
    key.chmod(0o600)
    bench.at.templar.keys = Keys(Redactor(), identities=IdentityFiles([key]))

    def encrypt(path: Path) -> None:
        path.write_text(seal(path.read_bytes(), [str(identity.to_public())]))

    return encrypt


@pytest.fixture(params=["coreutils", "busybox"])
def bench(
    request: pytest.FixtureRequest, target: Path, controller: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """Modules against this machine itself, with its own programs and with those of busybox alone."""
    if request.param == "busybox":
        monkeypatch.setenv("PATH", str(request.getfixturevalue("busybox")))
    with _bench(target, controller) as bench:
        yield bench


@pytest.fixture
def own_bench(target: Path, controller: Path) -> Iterator[Bench]:
    """Modules against this machine with its own programs, for what busybox has no part in."""
    with _bench(target, controller) as bench:
        yield bench


@contextmanager
def _bench(target: Path, controller: Path) -> Iterator[Bench]:
    host = open_local("localhost")
    run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=True, resumed=False)
    yield Bench(At(host, Templar([controller], Redactor()), controller, run), target)
    host.close()


@pytest.fixture
def standins(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    """Programs that take the place of this machine's, for a bench that has run nothing yet."""
    made = StandIns(tmp_path / "standins")
    monkeypatch.setenv("PATH", f"{made.directory}:{os.environ['PATH']}")
    return made


@pytest.fixture
def private_machine(tmp_path: Path) -> Iterator[Path]:
    """A view of this machine whose mounts, host name, network and /etc are the test's own; gives that /etc."""
    if os.getuid() != 0:
        pytest.skip("only root can have a view of the machine of its own")
    copy = tmp_path / "etc"
    shutil.copytree("/etc", copy, symlinks=True)
    try:
        with private():
            bind(copy, "/etc")
            yield copy
    except OSError as refused:
        pytest.skip(f"this machine allows no view of its own: {refused}")
