"""The `server` description every pg module takes: where a PostgreSQL server is and how to get in."""

from __future__ import annotations

from runner.frozen import frozen
from runner.secret import Secret


@frozen
class Compose:
    """The compose service the server runs in; `project_src` is absolute, on the host."""

    project_src: str
    service: str = "db"
    project_name: str | None = None
    files: tuple[str, ...] = ()


@frozen
class Server:
    """`host` is a name or address as seen from the task's host, or the absolute directory of a Unix socket.

    None is 127.0.0.1, or with `compose` the socket inside the container. `programs` is the directory of
    the client programs; None finds those that fit the server best.
    """

    host: str | None = None
    port: int = 5432
    user: str = "postgres"
    password: Secret | None = None
    maintenance_database: str | None = None
    programs: str | None = None
    compose: Compose | None = None

    @property
    def address(self) -> str | None:
        """What libpq is given as host; None only for the socket inside a container."""
        return self.host or (None if self.compose else "127.0.0.1")

    def describe(self) -> str:
        """Where it is, for people; holds no secret."""
        if self.compose is not None:
            return f"service {self.compose.service!r} of {self.compose.project_src}"
        return f"{self.address}:{self.port}"


def conninfo(server: Server, database: str, **options: str) -> str:
    """A libpq connection string for client programs. The password is not part of it: it goes to stdin."""
    settings = {
        "host": server.address or "",
        "port": str(server.port),
        "user": server.user,
        "dbname": database,
        "connect_timeout": "10",
        "application_name": "sentraplay",
        **options,
    }
    return " ".join(f"{key}={_quoted(value)}" for key, value in settings.items() if value)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
