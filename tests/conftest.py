"""The real parts a test can ask for, as fixtures; what they are is told in tests/support.

`workplace` (session): a short directory any user may enter: `directory(name, mode, owner)`, `undo_with(*argv)`.

`sshd` (session): an OpenSSH server on ten 127.0.0.x: `host(n, user)`, `account(sudo)`, `authorize(user, *keys)`,
    `keys.good|locked|stranger`, `known_hosts`, `sessions()`, `log`.
`ssh_hosts` (session): its ten addresses as `SshHost`: `variables(**more)` for an inventory, `command(*remote)` for the
    ssh client, `host_key`, `known_hosts`, `key`.
`sudo_free`, `sudo_password`, `no_sudo` (session): `Account`s of `sshd`; enter with `sshd.host(0, account.name)`.
`own_sshd` (test): `own_sshd(["127.0.0.31"], environment={}, options="")` to `stop`, `start`, `kill_sessions`,
    `freeze_sessions`; never do that to the shared one.

`postgres_server` (session): PostgreSQL: `create_database(scans=20)`, `disposable_database`, `create_role`, `connect`,
    `query(database, sql)`, `databases()`, `server(role, socket=True)` for a module's `server` argument, `sockets`.
`own_postgres` (test): `own_postgres({"max_connections": "5"})` to `stop`, `start`, `crash`.
`scanner_data.contents(connection)` says whether two databases are equal.

`object_store` (session): S3, signatures checked: `create_bucket`, `client(secret=, endpoint=)`, `keys`, `open_uploads`,
    `repository(bucket, prefix)` for an inventory.
    SENTRAPLAY_S3=radosgw makes it Ceph's gateway instead of moto.
`own_object_store` (test): the same, to `stop` and `start` (it comes back empty).

`google_store` (session): Google Cloud Storage: `create_bucket(versioning=)`, `client`, `keys`, `account`, `stranger`,
    `repository(bucket, prefix)` for an inventory.

`fault_proxy` (test): `fault_proxy((host, port), Fault(cut_up=1000, times=1))`: `host`, `port`, `url`, `fault =`,
    `cut_now`, `stall_now`, `go_on`, `connections`, `bytes_up`, `bytes_down`.
`busybox` (session): a directory whose programs are busybox's, its shell too, and curl: a PATH for small systems.
`host` (test): this machine as a Host.
`tiny_disk` (test): a file system of 4 MiB at `path`: `fill(leave=0)`, `free()`.

`machines` (test): `machines("name", kind="docker", "plain" or "systemd", images=False)`, whole servers with users root,
    deploy and admin: `host(user)`, `run(*argv)`, `path(inside)`, `power_off`, `power_on`.
`new_server` (test): an empty one: sshd, sudo, curl, zstd, age, Docker, but no image.
`systemd_server` (test): one that systemd has started, with Debian's own PostgreSQL (unit postgresql@15-main).
`docker_daemon` (session): one whose Docker has the stack's images (trees.IMAGES).
`compose_stack` (test): api and PostgreSQL on a machine of its own, with data: `machine`, `directory`, `project`,
    `environment`, `contents()`, `files()`, `health()`, `wait_healthy()`, `compose(*argv)`.
`network` (session): the machines' private network; `gateway` is the tests' address there. Machines cannot reach the
    tests' loopback: `fault_proxy(("127.0.0.1", object_store.port), listen=network.gateway).url` is for both sides.

A component that is missing skips its tests, with the reason in the summary, unless SENTRAPLAY_REQUIRE names it (ssh,
postgresql, s3, gcs, radosgw, root, users, tmpfs, docker, systemd, ansible; comma separated): then they fail. Everything
is per test process, so `-n` works. Nothing stays behind however a run ends (runner/demo/keeper.py) but the cache:
SENTRAPLAY_TEST_CACHE, or sentraplay-test-cache-UID under the system's temporary directory, where Debian trees wait
for the next run.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from runner.hosts.contract import Host
from runner.hosts.local import open_local
from tests.support.accounts import Account
from tests.support.capabilities import by_radosgw, require, why_missing
from tests.support.compose import ComposeStack, start_stack
from tests.support.fulldisk import TinyDisk, mount_tiny_disk
from tests.support.gcs import GoogleStore, start_google_store
from tests.support.machine import Kind, Machine, create_machine
from tests.support.network import Network, create_network
from tests.support.objectstore import ObjectStore, start_object_store
from tests.support.postgres import PostgresServer, start_postgres
from tests.support.proxy import Fault, FaultProxy
from tests.support.radosgw import start_radosgw
from tests.support.sshd import SshHost, SshServer, start_sshd
from tests.support.trees import prepare_trees
from tests.support.workplace import Workplace

# How fast this machine is today is no property of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What takes minutes to build is built before any test's time limit runs."""
    if session.config.option.collectonly or not any("network" in getattr(i, "fixturenames", ()) for i in session.items):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line("preparing servers for the tests (minutes, but only the first time)")
    why_missing("docker")


@pytest.fixture(scope="session")
def workplace() -> Iterator[Workplace]:
    """A directory any user may enter, removed at the end; `undo_with(argv)` registers more to undo."""
    place = Workplace()
    yield place
    place.close()


@pytest.fixture(scope="session")
def sshd(workplace: Workplace) -> Iterator[SshServer]:
    """One OpenSSH server for the whole session; do not stop it (see `own_sshd`)."""
    require("ssh")
    server = start_sshd(workplace)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ssh_hosts(sshd: SshServer) -> tuple[SshHost, ...]:
    """Its ten addresses as ten hosts."""
    return sshd.hosts


@pytest.fixture
def own_sshd(workplace: Workplace) -> Iterator[Callable[..., SshServer]]:
    """Starts servers of the test's own, to stop, freeze and configure: `own_sshd(addresses, options="…")`."""
    require("ssh")
    with ExitStack() as stack:

        def start(*arguments: object, **keywords: object) -> SshServer:
            server = start_sshd(workplace, *arguments, **keywords)  # type: ignore[arg-type]  # passed through
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def sudo_free(sshd: SshServer) -> Account:
    """An account of `sshd` that may sudo without a password."""
    require("users")
    return sshd.account("free")


@pytest.fixture(scope="session")
def sudo_password(sshd: SshServer) -> Account:
    """An account of `sshd` that may sudo with its password."""
    require("users")
    return sshd.account("password")


@pytest.fixture(scope="session")
def no_sudo(sshd: SshServer) -> Account:
    """An account of `sshd` that may not sudo."""
    require("users")
    return sshd.account("none")


@pytest.fixture(scope="session")
def postgres_server(workplace: Workplace) -> Iterator[PostgresServer]:
    """One PostgreSQL cluster for the whole session; make databases and roles of your own in it, do not stop it."""
    require("postgresql")
    server = start_postgres(workplace)
    yield server
    server.stop()


@pytest.fixture
def own_postgres(workplace: Workplace) -> Iterator[Callable[..., PostgresServer]]:
    """Starts clusters of the test's own, to stop and to crash: `own_postgres({"max_connections": "5"}, programs)`."""
    require("postgresql")
    with ExitStack() as stack:

        def start(
            settings: dict[str, str] | None = None, programs: Path | None = None, *options: str
        ) -> PostgresServer:
            server = start_postgres(workplace, settings, programs, *options)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def object_store(workplace: Workplace) -> Iterator[ObjectStore]:
    """One S3 endpoint with real signatures for the whole session; make buckets of your own in it."""
    require("radosgw" if by_radosgw() else "s3")
    store = start_radosgw(workplace) if by_radosgw() else start_object_store(workplace)
    yield store
    store.stop()


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the programs of a small system: busybox for everything, its shell too, and curl."""
    program, curl = shutil.which("busybox"), shutil.which("curl")
    if program is None or curl is None:
        pytest.skip("busybox or curl is not installed")
    directory = tmp_path_factory.mktemp("busybox")
    for applet in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (directory / applet).symlink_to(program)
    (directory / "curl").symlink_to(curl)
    return directory


@pytest.fixture(scope="session")
def google_store(workplace: Workplace) -> Iterator[GoogleStore]:
    """Google Cloud Storage on loopback that asks for tokens; data live in memory."""
    require("gcs")
    store = start_google_store(workplace)
    yield store
    store.stop()


@pytest.fixture
def own_object_store(workplace: Workplace) -> Iterator[ObjectStore]:
    """An S3 endpoint of the test's own, to stop and start."""
    require("radosgw" if by_radosgw() else "s3")
    store = start_radosgw(workplace) if by_radosgw() else start_object_store(workplace)
    yield store
    store.stop()


@pytest.fixture
def fault_proxy() -> Iterator[Callable[..., FaultProxy]]:
    """Starts proxies in front of anything: `fault_proxy((host, port), Fault(cut_up=1000))`."""
    with ExitStack() as stack:

        def start(target: tuple[str, int], fault: Fault | None = None, listen: str = "127.0.0.1") -> FaultProxy:
            return stack.enter_context(FaultProxy(target, fault, listen))

        yield start


@pytest.fixture
def host() -> Iterator[Host]:
    with closing(open_local()) as local:
        yield local


@pytest.fixture
def tiny_disk(workplace: Workplace) -> Iterator[TinyDisk]:
    """A file system of 4 MiB; `fill()` leaves nothing."""
    require("tmpfs")
    disk = mount_tiny_disk(workplace)
    yield disk
    disk.unmount()


@pytest.fixture(scope="session")
def network(workplace: Workplace) -> Network:
    """The machines' private network; `gateway` is the tests' own address in it."""
    require("docker")
    return create_network(workplace)


@pytest.fixture
def machines(workplace: Workplace, network: Network) -> Iterator[Callable[..., Machine]]:
    """Makes servers: `machines("name", kind="docker", "plain" or "systemd", images=False)`; gone after the test."""
    with ExitStack() as stack:

        def make(name: str = "server", kind: Kind = "docker", *, images: bool = False) -> Machine:
            machine = create_machine(workplace, network, prepare_trees(), name, kind=kind, images=images)
            stack.callback(machine.throw_away)
            return machine

        yield make


@pytest.fixture
def new_server(machines: Callable[..., Machine]) -> Machine:
    """An empty server with sshd, sudo, curl, zstd, age and Docker, but no image, as after a disaster."""
    return machines("new")


@pytest.fixture
def systemd_server(machines: Callable[..., Machine]) -> Machine:
    """A Debian that systemd has started, with its own PostgreSQL 15: cluster `main` of unit postgresql@15-main."""
    require("systemd")
    return machines("debian", kind="systemd")


@pytest.fixture(scope="session")
def docker_daemon(workplace: Workplace, network: Network) -> Iterator[Machine]:
    """One server for the whole session whose Docker has the stack's images; use names of your own on it."""
    machine = create_machine(workplace, network, prepare_trees(), "docker", images=True)
    yield machine
    machine.throw_away()


@pytest.fixture
def compose_stack(machines: Callable[..., Machine]) -> ComposeStack:
    """A server of the test's own where the api and its PostgreSQL run, healthy and full of data; break it at will."""
    return start_stack(machines("old", images=True))
