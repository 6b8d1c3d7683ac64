"""One PostgreSQL server as a module uses it: its databases, its version, and client programs that fit."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import Command, Host, Reader
from runner.modules.postgres.connection import TunnelledDatabase
from runner.modules.postgres.database import CannotConnect, Database
from runner.modules.postgres.programs import Programs, Version, find_programs, fitting
from runner.modules.postgres.psql import PsqlDatabase, Way
from runner.modules.postgres.server import Server, conninfo
from runner.modules.postgres.watch import Pause

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Postgres:
    """A server seen from a host. `acting` is the host where something may be changed; None in a preview.

    SQL goes by psycopg through the host's tunnel, which needs nothing on the host. It goes by psql on
    the server's side where the server is inside a container, where no tunnel leads to it (sshd may
    forbid them), and where it lets in only the system user of the role's name ("peer"): a tunnel
    arrives as the user who logged in, psql runs as the task's user.
    """

    def __init__(
        self,
        reader: Reader,
        server: Server,
        acting: Host | None = None,
        *,
        pause: Pause | None = None,
        only: Programs | None = None,
    ) -> None:
        """`pause` is `Acting.sleep`, which knows the task's deadline.

        With `only`, everything goes through these programs, SQL too: the server is within their reach alone.
        """
        self._pause = pause
        self.host = reader
        self.server = server
        self.acting = acting
        self._only = only
        self._there: set[str] = set()

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"{self.host.name}, PostgreSQL at {self.server.describe()}"

    def database(self, name: str) -> Database:
        """A database of the server, by its exact name; whether it exists shows when it is used."""
        if self._by_psql:
            return PsqlDatabase(Way(self.host, self.server, self._any_programs, self.acting), name)
        return TunnelledDatabase(self.host, self.server, name, self._pause)

    def maintenance(self, other_than: str = "") -> Database:
        """A database to work from that is not `other_than` (none can be renamed from within)."""
        return self.database(self._maintenance_name(other_than))

    def answers(self) -> bool:
        """Whether there is a server that lets us in, right now."""
        try:
            return self.maintenance().scalar("SELECT true") is True
        except CannotConnect:
            return False

    @cached_property
    def version(self) -> Version:
        """The server's."""
        return Version.of_number(int(str(self.maintenance().scalar("SHOW server_version_num"))))

    @cached_property
    def programs(self) -> Programs:
        """Client programs for this server; TaskFailed if all are older than it."""
        return self._only or fitting(self._found, self.version.major, self.host.name)

    def client(self, program: str, database: str, *args: str, options: str = "") -> Command:
        """A client program on a database; its stdin must begin with `password_line`."""
        settings = {"options": options} if options else {}
        return self.programs.command(
            program,
            "-W" if self.server.password else "-w",
            "-d",
            conninfo(self.server, database, **settings),
            *args,
        )

    @property
    def password_line(self) -> bytes:
        """What a client program reads first: with no terminal, libpq takes the password from stdin."""
        return f"{self.server.password.reveal()}\n".encode() if self.server.password else b""

    @property
    def is_local(self) -> bool:
        """Whether its address is one of the host itself, or of a container there."""
        address = self.server.address
        return self.server.compose is not None or str(address).startswith("/") or address in _LOOPBACK

    @cached_property
    def seen_directory(self) -> str | None:
        """The data directory, if the programs run where the server does; None if that cannot be seen to be so."""
        if not self.is_local:
            return None
        directory = self.maintenance().scalar("SELECT current_setting('data_directory', true)")
        programs = self.programs
        # A loopback address may lead to a container, or through a tunnel.
        there = Command((*programs.prefix, "test", "-d", str(directory)), cwd=programs.cwd)
        return str(directory) if directory is not None and self.host.query(there, check=False).ok else None

    @cached_property
    def _found(self) -> tuple[Programs, ...]:
        return (self._only,) if self._only else find_programs(self.host, self.server)

    @property
    def _any_programs(self) -> Programs:
        return self._found[-1]

    @cached_property
    def _by_psql(self) -> bool:
        if self.server.compose is not None or self._only is not None:
            return True
        try:
            TunnelledDatabase(self.host, self.server, self._names()[0]).scalar("SELECT 1")
        except CannotConnect as error:
            return (error.peer_refused or not error.answered) and self._has_psql
        self._there.add(self._names()[0])
        return False

    @property
    def _has_psql(self) -> bool:
        try:
            return bool(self._found)
        except TaskFailed:
            # Then the tunnel's own error says more.
            return False

    def _names(self) -> tuple[str, ...]:
        given = self.server.maintenance_database
        return (given,) if given else ("postgres", "template1")

    def _maintenance_name(self, other_than: str) -> str:
        names = [name for name in self._names() if name != other_than]
        if not names:
            raise TaskFailed(
                f"{other_than!r} is both the database to restore and the maintenance database",
                why="a database cannot be renamed by a session inside it",
                hint='set server.maintenance_database to another one, for example "template1"',
            )
        for name in names[:-1]:
            # Asked once: each question is a session of its own.
            if name in self._there:
                return name
            try:
                self.database(name).scalar("SELECT 1")
            except CannotConnect as error:
                if "does not exist" not in error.message:
                    raise
            else:
                self._there.add(name)
                return name
        return names[-1]
