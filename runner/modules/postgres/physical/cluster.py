"""The live cluster of a server: where its files are on the host, whose they are, and how it is stopped and started.

Natively by the service that manages it; only on a host without systemd by pg_ctl, which would start it
outside its unit. In a compose service by compose; the files are then those of the container's mount.
"""

from __future__ import annotations

import json
import posixpath
import shlex
from time import monotonic
from typing import Any, Final, Protocol

from runner.errors import Refused, TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Become, Command, Host, Reader, Script, command
from runner.modules.contract import Acting
from runner.modules.docker.project import Container, checked
from runner.modules.postgres.programs import Programs, compose_project, find_programs, with_server
from runner.modules.postgres.server import Compose, Server
from runner.modules.postgres.session import Postgres
from runner.modules.services.service import Service, ServiceArgs

IN_IMAGE: Final = "/var/lib/postgresql/data"
"""Where the images of PostgreSQL have the data directory by default."""

_OWNER: Final = Script('exec stat -c "%u:%g %U" -- "$1"')
_HAS_SYSTEMD: Final = Script("[ -d /run/systemd/system ]")
_START: Final = "120"
# A server may have much to write before it ends; but a service that is not its own is to be told of soon.
_END_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.2


@frozen
class Owner:
    """The system user whose files they are: `ids` is `uid:gid`, `name` may be unknown on the host."""

    ids: str
    name: str


class Cluster(Protocol):
    """The files of a cluster, and the server that runs on them."""

    @property
    def directory(self) -> str:
        """The data directory's absolute path on the host."""
        ...

    @property
    def owner(self) -> Owner: ...

    def running(self) -> bool: ...

    def stop(self) -> None:
        """Fast shutdown. Idempotent; TaskFailed if it does not stop."""
        ...

    def start(self) -> None:
        """Idempotent; TaskFailed if it does not start."""
        ...

    def restart(self) -> None: ...


def native(at: Acting, server: Server, directory: str, unit: str | None, run_as: str = "postgres") -> Cluster:
    """One on the task's host; `unit` is the service that manages it, `run_as` owns what is not there yet.

    Refused when it is to be stopped or started where a service must and none is named.
    """
    return _Managed(at, server, directory, run_as, unit) if unit else _Bare(at, server, directory, run_as)


def in_compose(at: Acting, compose: Compose, data_directory: str) -> Cluster:
    """One in a compose service, whose files are in a volume or a directory of the host."""
    return _Composed(at, compose, data_directory)


def owner_of(reader: Reader, directory: str) -> Owner:
    """Whose directory it is; TaskFailed if that cannot be told."""
    found = reader.query(Script(_OWNER.text, (directory,)), check=False)
    if not found.ok:
        raise TaskFailed(
            f"the data directory {directory} cannot be looked at: {found.stderr.strip()}",
            where=reader.name,
            hint="work as root, or as the system user the server runs as (become_user: postgres)",
        )
    ids, _, name = found.stdout.strip().partition(" ")
    return Owner(ids, name)


def data_directory(server: Postgres) -> str:
    """Where the running server says its files are, as it sees them."""
    return str(server.maintenance().scalar("SHOW data_directory"))


def as_owner(host: Host, owner: Owner) -> Host:
    """The host as the cluster's own user, for programs that refuse root."""
    if host.query(command("id", "-u")).stdout.strip() != "0":
        return host
    if owner.name == "UNKNOWN":
        raise TaskFailed(f"no user of {host.name} has the id of the cluster's owner, {owner.ids}", where=host.name)
    return host.view(become=Become(owner.name))


class _Native:
    def __init__(self, at: Acting, server: Server, directory: str, run_as: str) -> None:
        self._at = at
        self._server = server
        self._run_as = run_as
        self.directory = directory

    @property
    def owner(self) -> Owner:
        if self._at.host.stat(self.directory) is not None:
            return owner_of(self._at.host, self.directory)
        ids = self._at.host.query(Script('echo "$(id -u "$1"):$(id -g "$1")"', (self._run_as,)))
        return Owner(ids.stdout.strip(), self._run_as)

    @property
    def _programs(self) -> Programs:
        """Those of the cluster's own version: another's pg_ctl would start another's server."""
        found = with_server(self._at.host, find_programs(self._at.host, self._server))
        major = self._at.host.read(f"{self.directory}/PG_VERSION").decode().strip()
        for programs in found:
            if str(programs.version.major) == major:
                return programs
        raise TaskFailed(
            f"there are no server programs of PostgreSQL {major}, which the cluster in {self.directory} is of",
            where=self._at.host.name,
            hint=f"install postgresql-{major} there, or name its directory in server.programs",
        )

    def running(self) -> bool:
        if self._at.host.stat(f"{self.directory}/PG_VERSION") is None:
            return False
        status = self._programs.command("pg_ctl", "status", "-D", self.directory)
        return as_owner(self._at.host, self.owner).query(status, check=False).ok


class _Managed(_Native):
    """By its service."""

    def __init__(self, at: Acting, server: Server, directory: str, run_as: str, unit: str) -> None:
        super().__init__(at, server, directory, run_as)
        self._unit = unit

    def stop(self) -> None:
        stopped = Service().apply(self._at, ServiceArgs(self._unit, "stopped"))
        if not self._gone():
            if stopped.changed:
                self.start()
            raise TaskFailed(
                f"stopping the service {self._unit} does not stop the server that runs on {self.directory}",
                where=self._at.host.name,
                why="another service manages it" + ("; this one is started again" if stopped.changed else ""),
                hint="name the service that manages this cluster (Debian: postgresql@15-main)",
            )

    def start(self) -> None:
        Service().apply(self._at, ServiceArgs(self._unit, "started"))

    def restart(self) -> None:
        self.stop()
        self.start()

    def _gone(self) -> bool:
        """Debian's `postgresql` ends before the clusters do that end with it (measured, systemd 252)."""
        until = monotonic() + _END_SECONDS
        while self.running():
            if monotonic() > until:
                return False
            self._at.sleep(_LOOK_SECONDS)
        return True


class _Bare(_Native):
    """By pg_ctl, with the options the server was last started with."""

    def stop(self) -> None:
        if self.running():
            self._ctl("stop", "-m", "fast")

    def start(self) -> None:
        if not self.running():
            self._ctl("start", "-l", f"{self.directory}/pg_ctl.log", "-o", self._options())

    def restart(self) -> None:
        self._ctl("restart", "-m", "fast", "-l", f"{self.directory}/pg_ctl.log")

    def _options(self) -> str:
        """From postmaster.opts: the program, then its options, each in double quotes."""
        path = f"{self.directory}/postmaster.opts"
        if self._at.host.stat(path) is None:
            return ""
        words = shlex.split(self._at.host.read(path).decode())[1:]
        # pg_ctl gives -D by itself.
        kept = [word for at, word in enumerate(words) if word != "-D" and words[at - 1 : at] != ["-D"]]
        return " ".join(map(shlex.quote, kept))

    def _ctl(self, verb: str, *options: str) -> None:
        host = self._at.host
        if host.query(_HAS_SYSTEMD, check=False).ok:
            raise Refused(
                f"it is not known which service manages the cluster in {self.directory}",
                where=host.name,
                why="started by pg_ctl, it would run outside systemd's unit and not come back after a reboot",
                hint="name the service in `unit` (Debian: postgresql@15-main)",
            )
        call = self._programs.command("pg_ctl", verb, "-D", self.directory, "-w", "-s", "-t", _START, *options)
        said = as_owner(host, self.owner).run(_detached(call), check=False)
        if not said.ok:
            raise TaskFailed(
                f"pg_ctl {verb} failed: {said.stderr.strip()[-300:]}", where=f"{host.name}:{self.directory}"
            )


def _detached(call: Command) -> Command:
    """The server must outlive the session that started it, and hold none of its pipes."""
    keep = 'cd / && setsid -w "$@" </dev/null >/dev/null'
    return Command(("sh", "-c", keep, "sh", *call.argv), env=call.env, cwd=call.cwd)


class _Composed:
    """By compose; as root on the host, whose files the container's mount shows."""

    def __init__(self, at: Acting, compose: Compose, inside: str) -> None:
        self._at = at
        self._compose = compose
        self._project = compose_project(at.host, compose)
        self._inside = inside
        self.directory = _on_host(at.host, self._container, inside)

    @property
    def owner(self) -> Owner:
        return owner_of(self._at.host, self.directory)

    @property
    def _container(self) -> Container:
        found = self._project.containers(self._at.host, [self._compose.service])
        if not found:
            raise TaskFailed(
                f"service {self._compose.service!r} has no container",
                where=f"{self._at.host.name}, {self._compose.project_src}",
                hint="start it once, so that its volume exists",
            )
        return found[0]

    def running(self) -> bool:
        return self._container.running

    def stop(self) -> None:
        self._do("stop")

    def start(self) -> None:
        self._do("start")

    def restart(self) -> None:
        self._do("restart")

    def _do(self, verb: str) -> None:
        checked(self._at.host.run(self._project.command(verb, self._compose.service), check=False))


def _on_host(reader: Reader, container: Container, inside: str) -> str:
    """The path on the host of a directory that the container has from a mount."""
    said = checked(reader.query(command("docker", "inspect", "--type", "container", container.id), check=False))
    mounts: list[dict[str, Any]] = json.loads(said.stdout)[0]["Mounts"]
    for one in sorted(mounts, key=lambda mount: -len(mount["Destination"])):
        below = posixpath.relpath(inside, one["Destination"])
        if not below.startswith(".."):
            return posixpath.normpath(posixpath.join(one["Source"], below))
    raise Refused(
        f"{inside} of container {container.name} is on no volume and no directory of the host",
        where=reader.name,
        why="what is in a container alone is gone with it",
        hint="mount a volume there in the compose file",
    )
