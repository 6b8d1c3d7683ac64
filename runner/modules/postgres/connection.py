"""A database by psycopg, through the host's tunnel. The only file that knows psycopg."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from runner.hosts.contract import Reader, TcpAddress, UnixAddress
from runner.modules.postgres.database import (
    SETTINGS,
    SNAPSHOT_BEGIN,
    SNAPSHOT_EXPORT,
    TRANSACTION,
    CannotConnect,
    Database,
    Execution,
    Snapshot,
    SqlFailed,
)
from runner.modules.postgres.hints import connect_hint, connect_reason, statement_hint
from runner.modules.postgres.server import Server
from runner.modules.postgres.values import TYPE_OF_OID, Rows, named
from runner.modules.postgres.watch import Pause, Watch

if TYPE_CHECKING:
    import psycopg

_TUNNEL: Final = re.compile(r"connection to server (?:at|on) .*? failed: (?=\S)")
_SOCKET: Final = re.compile(r"(?P<directory>.*)/\.s\.PGSQL\.(?P<port>\d+)")

# A dead link is noticed after half a minute even if no answer is expected for hours.
_KEEPALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}


class TunnelledDatabase(Database):
    """Reached from the controller through `host.forward`; needs no program on the host."""

    def __init__(self, host: Reader, server: Server, name: str, pause: Pause | None = None) -> None:
        """`pause` (`Acting.sleep`) says when the task's time is over; without it the server's time limits hold."""
        self._host = host
        self._server = server
        self._pause = pause
        self.name = name

    def run(self, statements: Sequence[str], how: Execution = TRANSACTION) -> list[Rows]:
        with self._session(how) as session:
            if how.autocommit:
                return [self._one(session, statement) for statement in statements]
            with session.transaction():
                return [self._one(session, statement) for statement in statements]

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self._session(Execution(autocommit=True)) as session:
            for statement in SNAPSHOT_BEGIN:
                self._one(session, statement)
            yield _Held(self, session)

    @contextmanager
    def _session(self, how: Execution) -> Iterator[psycopg.Connection[Any]]:
        import psycopg

        with self._host.forward(self._target()) as address:
            try:
                session = psycopg.connect(**self._parameters(address, how))
            except psycopg.OperationalError as error:
                raise self._cannot_connect(str(error)) from None
            watch = None
            if self._pause is not None and not how.to_the_end:
                watch = Watch(self._pause, lambda: _cancel(session), lambda: _cut(session))
            try:
                yield session
            except (psycopg.OperationalError, SqlFailed) as error:
                if watch is not None and watch.reason is not None:
                    raise watch.reason from None
                if isinstance(error, SqlFailed):
                    raise
                raise self._failed(error, "the session with the server broke off") from None
            finally:
                if watch is not None:
                    watch.end()
                session.close()

    def _target(self) -> TcpAddress | UnixAddress:
        where = self._server.address or "127.0.0.1"
        if where.startswith("/"):
            return UnixAddress(f"{where.rstrip('/')}/.s.PGSQL.{self._server.port}")
        return TcpAddress(where, self._server.port)

    def _parameters(self, address: TcpAddress | UnixAddress, how: Execution) -> dict[str, Any]:
        settings = {key: value for key, value in SETTINGS.items() if key != "lc_messages"}
        settings["statement_timeout"] = str(int((how.timeout or 0) * 1000))
        settings["default_transaction_read_only"] = "on" if how.read_only else "off"
        return {
            **_endpoint(address),
            **_KEEPALIVE,
            "user": self._server.user,
            "password": self._server.password.reveal() if self._server.password else None,
            "dbname": self.name,
            "application_name": "sentraplay",
            "connect_timeout": 10,
            "client_encoding": "UTF8",
            "options": " ".join(f"-c {key}={value}" for key, value in settings.items()),
            "autocommit": True,
            "prepare_threshold": None,
        }

    def _one(self, session: psycopg.Connection[Any], statement: str) -> Rows:
        import psycopg

        try:
            # Without parameters psycopg sends the text as it is; the text form of values is decoded by us.
            return _rows(session.execute(statement.encode()))
        except psycopg.Error as error:
            raise self._failed(error, "") from None

    def _cannot_connect(self, text: str) -> CannotConnect:
        # libpq names this end of the tunnel, which nobody has ever heard of.
        reason = _TUNNEL.sub("", connect_reason(text))
        return CannotConnect(
            f"cannot connect to database {self.name!r} as {self._server.user!r} at {self._server.describe()}: {reason}",
            where=f"{self._host.name}, PostgreSQL at {self._server.describe()}",
            hint=connect_hint(text),
            peer_refused="Peer authentication failed" in text,
            answered="FATAL:" in text,
        )

    def _failed(self, error: psycopg.Error, otherwise: str) -> SqlFailed:
        diagnosis = error.diag
        message = diagnosis.message_primary or otherwise or str(error).strip()
        details = [part for part in (diagnosis.message_detail, diagnosis.message_hint) if part]
        sqlstate = error.sqlstate or ""
        return SqlFailed(
            f"PostgreSQL: {message}" + (f" ({'; '.join(details)})" if details else ""),
            where=f"{self._host.name}, database {self.name!r}",
            hint=statement_hint(sqlstate),
            sqlstate=sqlstate,
            data={"sqlstate": sqlstate},
        )


class _Held(Snapshot):
    def __init__(self, database: TunnelledDatabase, session: psycopg.Connection[Any]) -> None:
        self._database = database
        self._session = session
        first = self.rows(SNAPSHOT_EXPORT)[0]
        self.name, self.taken_at = str(first["name"]), str(first["taken_at"])

    def rows(self, statement: str) -> tuple[Mapping[str, object], ...]:
        return self._database._one(self._session, statement).rows


def _cancel(session: psycopg.Connection[Any]) -> None:
    import psycopg

    with contextlib.suppress(psycopg.Error, OSError):
        session.cancel_safe(timeout=5.0)


def _cut(session: psycopg.Connection[Any]) -> None:
    """The server does not answer any more: whoever waits for it reads the end of the connection."""
    import psycopg

    with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(session.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _endpoint(address: TcpAddress | UnixAddress) -> dict[str, Any]:
    if isinstance(address, TcpAddress):
        return {"host": address.host, "port": address.port}
    match = _SOCKET.fullmatch(address.path)
    if match is None:
        raise AssertionError(f"forward() gave {address.path}, which does not keep the socket's name")
    return {"host": match["directory"], "port": int(match["port"])}


def _rows(cursor: psycopg.Cursor[Any]) -> Rows:
    result = cursor.pgresult
    if result is None or not result.nfields:
        return Rows(rowcount=max(0, cursor.rowcount))
    fields = range(result.nfields)
    columns = tuple((result.fname(i) or b"").decode() for i in fields)
    types = tuple(TYPE_OF_OID.get(result.ftype(i), "") for i in fields)
    return Rows(
        columns,
        tuple(
            named(columns, types, tuple(_text(result.get_value(row, i)) for i in fields))
            for row in range(result.ntuples)
        ),
        result.ntuples,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
