"""A recovered cluster beside the live one: its files, and a server on them that no client can reach.

Natively the server runs as the cluster's own user and listens on a Unix socket in a private directory. For a
compose service it runs in a container of the service's own image, without any network, that sees nothing of
the host but the side directory.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from runner.backup.swapping import FRESH, Place
from runner.backup.wal.names import MEBIBYTE
from runner.errors import SentraPlayError, TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Script, command
from runner.modules.contract import Acting
from runner.modules.docker.project import checked
from runner.modules.postgres.physical.cluster import Cluster, as_owner
from runner.modules.postgres.programs import Programs, find_programs, image_of, in_container, with_server
from runner.modules.postgres.server import Compose, Server
from runner.modules.postgres.session import Postgres

_PORT: Final = 5432
_STOP: Final = "600"
_WAIT: Final = "trap 'exit 0' TERM INT; sleep 604800 & wait"

# Hot standby refuses to start with less than the primary had; both are read off the control file.
_LIMITS: Final[Mapping[str, str]] = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}
# PostgreSQL's own, in MiB (documentation, "WAL Configuration"); both must hold two segments.
_MIN_WAL: Final = 80
_MAX_WAL: Final = 1024
# What keeps it by itself; nobody's settings change that.
_SEALED: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(_PORT),
    "archive_mode": "off",
    "hot_standby": "on",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "archive_cleanup_command": "",
    "recovery_end_command": "",
}
_QUIET: Final[Mapping[str, str]] = {
    # Background workers (a scheduler of jobs, say) must not work on the copy.
    "shared_preload_libraries": "",
    "max_logical_replication_workers": "0",
    "autovacuum": "off",
    "ssl": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "lc_messages": "C",
    "log_timezone": "UTC",
}


@frozen
class Side:
    """`files` changes its files, `host` runs its programs as its user; `room` is private to them.

    `chown` (`uid:gid`) is whom files are given to where those two are different users.
    """

    files: Host
    host: Host
    programs: Programs
    room: str
    data: str
    sockets: str
    user: str
    chown: str | None

    @property
    def server(self) -> Postgres:
        """SQL by its own programs alone."""
        return Postgres(self.host, Server(host=self.sockets, user=self.user), self.host, only=self.programs)

    def mark(self, path: str) -> None:
        """Make an empty file of its own below the data directory."""
        owner = self.chown or ""
        self.files.run(Script(': >"$1" && { [ -z "$2" ] || chown -- "$2" "$1"; }', (f"{self.data}/{path}", owner)))

    @property
    def feed(self) -> str:
        """The directory its WAL comes in."""
        return f"{self.room}/feed"

    def control(self) -> Mapping[str, str]:
        """What pg_controldata says, by its English names."""
        call = self.programs.command("pg_controldata", "-D", self.data)
        said = self.host.query(_in_english(call, self.programs)).stdout
        return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in said.splitlines())}


@contextmanager
def native(at: Acting, cluster: Cluster, place: Place, server: Server, major: int) -> Iterator[Side]:
    """On the task's host, by its own server programs."""
    with as_owner(at.host, cluster.owner).private_directory() as sockets:
        yield natively(at, cluster, place.room, place.holding(FRESH), sockets, server, major)


def natively(at: Acting, cluster: Cluster, room: str, data: str, sockets: str, server: Server, major: int) -> Side:
    """The same, in directories of somebody else's choice."""
    owner = as_owner(at.host, cluster.owner)
    chosen = _chosen(with_server(owner, find_programs(owner, server)), major, at.host.name)
    return Side(owner, owner, chosen, room, data, sockets, server.user, None)


@contextmanager
def in_own_container(at: Acting, cluster: Cluster, place: Place, server: Server, major: int) -> Iterator[Side]:
    """In a container of the service's image; the room is mounted at its own path."""
    name = f"sentraplay-pitr-{secrets.token_hex(8)}"
    try:
        start_container(at, cluster, place.room, server, name)
        yield in_named_container(at, cluster, place.room, place.holding(FRESH), server, major, name)
    finally:
        end_container(at.host, name)


def start_container(at: Acting, cluster: Cluster, room: str, server: Server, name: str) -> None:
    """A container of the service's image that does nothing by itself, and ends after a week."""
    host, ids = at.host, cluster.owner.ids
    options = ("--network", "none", "--shm-size", "256m", "-v", f"{room}:{room}", "-u", ids)
    start = ("docker", "run", "-d", "--rm", "--name", name, *options, "--label", f"sentraplay.run={at.run.id}")
    host.run(Script('umask 077; mkdir -p -- "$1" && chown -- "$2" "$1"', (room, ids)))
    image = image_of(host, _compose(server))
    checked(host.run(command(*start, "--entrypoint", "sh", image, "-c", _WAIT), check=False))


def in_named_container(
    at: Acting, cluster: Cluster, room: str, data: str, server: Server, major: int, name: str
) -> Side:
    """In a container that `start_container` has started."""
    host, ids = at.host, cluster.owner.ids
    prefix = ("docker", "exec", "-i", "-u", ids, name)
    chosen = _chosen(with_server(host, in_container(host, prefix, None, server.programs)), major, host.name)
    return Side(host, host, chosen, room, data, "/tmp", server.user, ids)


def end_container(host: Host, name: str) -> None:
    """Remove it, if it is there."""
    with suppress(SentraPlayError):
        host.run(command("docker", "rm", "-f", "-v", name), check=False)


def _compose(server: Server) -> Compose:
    if server.compose is None:
        raise TypeError("a container needs a compose service")
    return server.compose


@contextmanager
def running(side: Side, settings: Mapping[str, str]) -> Iterator[None]:
    """Its server, up while the context is open; `settings` come on top. It ends with the connection to the host."""
    with side.host.stream(_server(side, settings, 'exec "$@" >"$log" 2>&1 </dev/null')) as stream:
        try:
            yield
        finally:
            with suppress(SentraPlayError):
                stop(side, "immediate")
        stream.finish(check=False)


def launch(side: Side, settings: Mapping[str, str]) -> None:
    """Begin to start its server, which then outlives the connection."""
    side.host.run(_server(side, settings, 'cd /; setsid "$@" >"$log" 2>&1 </dev/null &'))


def _server(side: Side, settings: Mapping[str, str], how: str) -> Command:
    _configure(side)
    call = side.programs.command("postgres", *_options(side, settings))
    prefix = len(side.programs.prefix)
    logged = ("sh", "-c", f"log=$1; shift; umask 077; {how}", "sh", f"{side.room}/log")
    return Command((*side.programs.prefix, *logged, *call.argv[prefix:]))


def stop(side: Side, mode: str) -> None:
    """End its server; `fast` leaves clean files. Nothing happens if it is down."""
    call = side.programs.command("pg_ctl", "stop", "-D", side.data, "-m", mode, "-s", "-w", "-t", _STOP)
    if is_up(side):
        side.host.run(call)


def is_up(side: Side) -> bool:
    return side.host.query(side.programs.command("pg_ctl", "status", "-D", side.data), check=False).ok


def log(side: Side) -> str:
    """What its server has said last."""
    tail = Command((*side.programs.prefix, "tail", "-n", "40", f"{side.room}/log"))
    return side.host.query(tail, check=False).stdout


def fatal(text: str) -> str:
    """The last line of a log that says why the server ended; "" if none does."""
    # What it told a client that came while it started or ended is no reason.
    found = re.findall(r"(?:FATAL|PANIC|ERROR):\s+(?!\s|the database system is )(.*)", text)
    return found[-1] if found else ""


def _configure(side: Side) -> None:
    """A configuration of its own: that of the live server may name addresses, scripts and files of it."""
    for name, text in (("pg_hba.conf", "local all all trust\n"), ("pg_ident.conf", ""), ("postgresql.conf", "")):
        side.files.put(io.BytesIO(text.encode()), f"{side.room}/{name}")
        if side.chown:
            side.files.run(command("chown", "--", side.chown, f"{side.room}/{name}"))


def _options(side: Side, settings: Mapping[str, str]) -> tuple[str, ...]:
    control = side.control()
    limits = {name: control[label] for name, label in _LIMITS.items() if label in control}
    places = {
        "config_file": f"{side.room}/postgresql.conf",
        "hba_file": f"{side.room}/pg_hba.conf",
        "ident_file": f"{side.room}/pg_ident.conf",
        "unix_socket_directories": side.sockets,
    }
    whole = {**_wal_sizes(control), **limits, **_QUIET, **settings, **_SEALED, **places}
    return ("-D", side.data, *(word for name, value in whole.items() for word in ("-c", f"{name}={value}")))


def _wal_sizes(control: Mapping[str, str]) -> Mapping[str, str]:
    """What a server with larger segments than the usual ones does not start without (initdb writes it down)."""
    least = 2 * int(control["Bytes per WAL segment"]) // MEBIBYTE
    sizes = {"min_wal_size": _MIN_WAL, "max_wal_size": _MAX_WAL}
    return {name: f"{least}MB" for name, usual in sizes.items() if least > usual}


def _in_english(call: Command, programs: Programs) -> Command:
    prefix = len(programs.prefix)
    return Command((*call.argv[:prefix], "env", "LC_ALL=C", *call.argv[prefix:]), cwd=call.cwd)


def _chosen(found: Sequence[Programs], major: int, where: str) -> Programs:
    """Server programs of exactly that major version: files of another cannot be read."""
    for programs in found:
        if programs.version.major == major:
            return programs
    have = ", ".join(str(one.version) for one in found) or "none"
    raise TaskFailed(
        f"PostgreSQL {major}'s server programs are needed, and there are: {have}",
        where=where,
        why="the files of a cluster can only be read by its own major version",
        hint=f"install postgresql-{major} there, or name its directory in server.programs",
    )
