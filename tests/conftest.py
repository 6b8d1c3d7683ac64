"""Fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.accounts import Account
from tests.support.capabilities import require
from tests.support.fulldisk import TinyDisk, mount_tiny_disk
from tests.support.objectstore import ObjectStore, start_object_store
from tests.support.postgres import PostgresServer, start_postgres
from tests.support.proxy import Fault, FaultProxy
from tests.support.sshd import SshHost, SshServer, start_sshd
from tests.support.workplace import Workplace


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
    """Starts clusters of the test's own, to stop and to crash: `own_postgres({"max_connections": "5"})`."""
    require("postgresql")
    with ExitStack() as stack:

        def start(settings: dict[str, str] | None = None) -> PostgresServer:
            server = start_postgres(workplace, settings)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def object_store(workplace: Workplace) -> Iterator[ObjectStore]:
    """One S3 endpoint with real signatures for the whole session; make buckets of your own in it."""
    require("s3")
    store = start_object_store(workplace)
    yield store
    store.stop()


@pytest.fixture
def own_object_store(workplace: Workplace) -> Iterator[ObjectStore]:
    """An S3 endpoint of the test's own, to stop and start."""
    require("s3")
    store = start_object_store(workplace)
    yield store
    store.stop()


@pytest.fixture
def fault_proxy() -> Iterator[Callable[..., FaultProxy]]:
    """Starts proxies in front of anything: `fault_proxy((host, port), Fault(cut_up=1000))`."""
    with ExitStack() as stack:

        def start(target: tuple[str, int], fault: Fault | None = None) -> FaultProxy:
            return stack.enter_context(FaultProxy(target, fault))

        yield start


@pytest.fixture
def tiny_disk(workplace: Workplace) -> Iterator[TinyDisk]:
    """A file system of 4 MiB; `fill()` leaves nothing."""
    require("tmpfs")
    disk = mount_tiny_disk(workplace)
    yield disk
    disk.unmount()
