"""A PostgreSQL server made for one verification and gone after it, which nothing else can reach.

Natively: a new cluster in a private directory, listening on a Unix socket in it and on no address. For a
compose service: a container of the same image, without any network. Durability is off: it is never kept.
Neither holds an address, a password or a volume of a live server.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

from runner.errors import SentraPlayError, TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Become, Command, Host, Script, command
from runner.modules.contract import Acting
from runner.modules.docker.project import checked
from runner.modules.postgres.archive import Writer
from runner.modules.postgres.programs import (
    Programs,
    find_programs,
    fitting,
    image_of,
    in_container,
    with_server,
)
from runner.modules.postgres.server import Compose, Server
from runner.modules.postgres.session import Postgres

# In seconds: how long a new cluster may take to answer, and the pause between questions.
_START: Final = 120.0
_PAUSE: Final = 0.1

# A container ends by itself after a day, should nobody be left to remove it.
_WAIT: Final = "trap 'exit 0' TERM INT; sleep 86400 & wait"
_ROOM: Final = "/sentraplay"

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "128MB",
}


@frozen
class Disposable:
    """A place of its own, with programs. `write` brings a file into `directory`; the server runs while `serving`.

    `server` is reached through its own programs only.
    """

    server: Postgres
    directory: str
    write: Writer
    serving: Callable[[], AbstractContextManager[None]]


@contextmanager
def native(at: Acting, programs: str | None, major: int, run_as: str) -> Iterator[Disposable]:
    """On the task's host, by its server programs; a root task works as the user `run_as` (initdb refuses root)."""
    owner = _unprivileged(at.host, run_as)
    chosen = _chosen(with_server(owner, find_programs(owner, Server(programs=programs))), major, at.host)
    with owner.private_directory() as directory:
        session = _session(owner, directory, chosen)
        write = _writer(at.host, owner, run_as)
        yield Disposable(session, directory, write, lambda: _serving(at, owner, chosen, directory))


@contextmanager
def in_own_container(at: Acting, compose: Compose, programs: str | None, major: int) -> Iterator[Disposable]:
    """In a container of the compose service's own image, with no network and no volume of the service."""
    host, name = at.host, f"sentraplay-verify-{secrets.token_hex(8)}"
    options = ("--network", "none", "--shm-size", "256m", "-v", _ROOM, "--label", f"sentraplay.run={at.run.id}")
    start = ("docker", "run", "-d", "--rm", "--name", name, *options, "--entrypoint", "sh", image_of(host, compose))
    prefix = ("docker", "exec", "-i", "-u", "postgres", name)
    directory = f"{_ROOM}/server"
    try:
        checked(host.run(command(*start, "-c", _WAIT), check=False))
        prepare = 'mkdir -m 0700 "$1" && chown postgres "$1"'
        checked(
            host.run(command("docker", "exec", "-u", "root", name, "sh", "-c", prepare, "sh", directory), check=False)
        )
        chosen = _chosen(with_server(host, in_container(host, prefix, None, programs)), major, host)
        session = _session(host, directory, chosen)
        write = _container_writer(prefix)
        yield Disposable(session, directory, write, lambda: _serving(at, host, chosen, directory))
    finally:
        with suppress(SentraPlayError):
            host.run(command("docker", "rm", "-f", "-v", name), check=False)


@contextmanager
def _serving(at: Acting, owner: Host, chosen: Programs, directory: str) -> Iterator[None]:
    """A new cluster, running."""
    owner.run(chosen.command("initdb", *_initdb(directory)))
    postgres = chosen.command("postgres", *_postgres(directory))
    log = ("sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1 </dev/null', "sh", f"{directory}/log")
    call = Command((*chosen.prefix, *log, *postgres.argv[len(chosen.prefix) :]))
    # In the foreground of a stream: it ends with the connection, whatever becomes of the controller.
    with owner.stream(call) as stream:
        try:
            _wait(at, owner, chosen, directory)
            yield
        finally:
            with suppress(SentraPlayError):
                owner.run(chosen.command("pg_ctl", "stop", "-D", f"{directory}/data", "-m", "immediate", "-s"))
        stream.finish(check=False)


def _unprivileged(host: Host, run_as: str) -> Host:
    if host.query(command("id", "-u")).stdout.strip() != "0":
        return host
    return host.view(become=Become(run_as))


def _chosen(found: tuple[Programs, ...], major: int, host: Host) -> Programs:
    if not found:
        raise TaskFailed(
            "there are no PostgreSQL server programs (initdb, postgres) to verify with",
            where=host.name,
            hint="install postgresql there, name their directory in server.programs, or verify on another host",
        )
    return fitting(found, major, host.name)


def _session(host: Host, directory: str, programs: Programs) -> Postgres:
    return Postgres(host, Server(host=directory, user="postgres"), host, only=programs)


def _initdb(directory: str) -> tuple[str, ...]:
    options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
    return ("-D", f"{directory}/data", "-U", "postgres", *options)


def _postgres(directory: str) -> tuple[str, ...]:
    settings = {**_SETTINGS, "unix_socket_directories": directory}
    options = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    return ("-D", f"{directory}/data", *options)


def _wait(at: Acting, owner: Host, chosen: Programs, directory: str) -> None:
    asking = chosen.command("pg_isready", "-q", "-h", directory)
    for _ in range(int(_START / _PAUSE)):
        if owner.query(asking, check=False).ok:
            return
        at.sleep(_PAUSE)
    log = owner.query(Command((*chosen.prefix, "tail", "-n", "5", f"{directory}/log")), check=False)
    raise TaskFailed(f"the disposable server did not start: {' '.join(log.stdout.split())}", where=at.host.name)


def _writer(host: Host, owner: Host, run_as: str) -> Writer:
    if host is owner:
        return lambda path: Script('umask 077; exec cat >"$1"', (path,))
    return lambda path: Script('umask 077; cat >"$1" && chown -- "$2" "$1"', (path, run_as))


def _container_writer(prefix: tuple[str, ...]) -> Writer:
    return lambda path: Command((*prefix, "sh", "-c", 'umask 077; exec cat >"$1"', "sh", path))
