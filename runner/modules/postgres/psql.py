"""A database by psql on the server's side: inside its container, or on the host as the task's user.

Statements go to psql's stdin, so that no value is ever in an argument list; results come back as CSV
between lines that hold a random word, with the columns' types asked for by \\gdesc.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Reader, Result, Stream
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
from runner.modules.postgres.programs import Programs
from runner.modules.postgres.server import Server, conninfo
from runner.modules.postgres.sql import for_psql
from runner.modules.postgres.values import Rows, named

_ERROR: Final = re.compile(r"(?:ERROR|FATAL|PANIC):  (?P<state>[0-9A-Z]{5}): (?P<message>.*)")
_DETAIL: Final = re.compile(r"^(?:DETAIL|HINT):  (.*)", re.MULTILINE)


@frozen
class Way:
    """How to start psql: where, with which programs, for which server. `send` runs what may change something."""

    host: Reader
    server: Server
    programs: Programs
    acting: Host | None = None

    def psql(self, database: str, how: Execution, null: str) -> Command:
        """psql reading statements from stdin, silent but for results."""
        settings = {key: value for key, value in SETTINGS.items() if key != "lc_messages"}
        settings["statement_timeout"] = str(int((how.timeout or 0) * 1000))
        settings["default_transaction_read_only"] = "on" if how.read_only else "off"
        options = " ".join(f"-c {key}={value}" for key, value in settings.items())
        return self.programs.command(
            "psql",
            "-X",
            "-q",
            "--csv",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "VERBOSITY=verbose",
            "-P",
            f"null={null}",
            "-W" if self.server.password else "-w",
            "-f",
            "-",
            "-d",
            conninfo(self.server, database, client_encoding="UTF8", options=options),
        )

    @property
    def password_line(self) -> str:
        """What -W reads first: with no terminal libpq takes the password from stdin."""
        return f"{self.server.password.reveal()}\n" if self.server.password else ""

    def send(self, command: Command, text: str, *, writes: bool) -> Result:
        """Run psql with `text` on its stdin; its status is looked at by the caller."""
        stdin = (self.password_line + text).encode()
        if writes and self.acting is not None:
            # Rows are a result, not something to show line by line.
            return self.acting.view(on_output=_silent).run(command, stdin=stdin, check=False)
        return self.host.query(command, stdin=stdin, check=False)


class PsqlDatabase(Database):
    """Needs psql where the server is; the session's role is let in as pg_hba.conf lets in the task's user there."""

    def __init__(self, way: Way, name: str) -> None:
        self._way = way
        self.name = name

    def run(self, statements: Sequence[str], how: Execution = TRANSACTION) -> list[Rows]:
        frames = _Frames()
        text = "".join(frames.text(index, statement) for index, statement in enumerate(statements))
        if not how.autocommit:
            text = f"BEGIN;\n{text}COMMIT;\n"
        result = self._way.send(self._way.psql(self.name, how, frames.null), text, writes=not how.read_only)
        if not result.ok:
            raise self.failure(result)
        return frames.rows(result.stdout, len(statements))

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        if self._way.acting is None:
            raise AssertionError("a snapshot is held while acting, never in a preview")
        frames = _Frames()
        command = self._way.psql(self.name, Execution(autocommit=True), frames.null)
        with self._way.acting.stream(command) as stream:
            stream.stdin.write((self._way.password_line + ";\n".join((*SNAPSHOT_BEGIN, ""))).encode())
            yield _Held(stream, frames, self.failure)
            stream.stdin.write(b"COMMIT;\n")
            stream.finish()

    def failure(self, result: Result) -> CannotConnect | SqlFailed:
        """What went wrong, from what psql wrote to stderr."""
        where = f"{self._way.host.name}, database {self.name!r} of {self._way.server.describe()}"
        if match := _ERROR.search(result.stderr):
            details = _DETAIL.findall(result.stderr)
            return SqlFailed(
                f"PostgreSQL: {match['message']}" + (f" ({'; '.join(details)})" if details else ""),
                where=where,
                hint=statement_hint(match["state"]),
                sqlstate=match["state"],
                data={"sqlstate": match["state"]},
            )
        said = result.stderr.replace("Password: ", "").strip() or f"psql ended with status {result.exit_code}"
        return CannotConnect(
            f"cannot connect to database {self.name!r} as {self._way.server.user!r}: {connect_reason(said)}",
            where=where,
            hint=connect_hint(said),
        )


class _Held(Snapshot):
    def __init__(self, stream: Stream, frames: _Frames, failure: Callable[[Result], Exception]) -> None:
        self._stream = stream
        self._frames = frames
        self._failure = failure
        self._count = 0
        first = self.rows(SNAPSHOT_EXPORT)[0]
        self.name, self.taken_at = str(first["name"]), str(first["taken_at"])

    def rows(self, statement: str) -> tuple[Mapping[str, object], ...]:
        index, self._count = self._count, self._count + 1
        self._stream.stdin.write(self._frames.text(index, statement).encode())
        self._stream.stdin.flush()
        end, lines = self._frames.end(index).encode(), list[bytes]()
        while not lines or not lines[-1].startswith(end):
            line = self._stream.stdout.readline()
            if not line:
                raise self._failure(self._stream.finish(check=False))
            lines.append(line)
        return self._frames.one(b"".join(lines).decode(), index).rows


class _Frames:
    """The lines around results: random, so that no value can be mistaken for one."""

    def __init__(self) -> None:
        self.null = f"null-{secrets.token_hex(16)}"
        self._word = f"frame-{secrets.token_hex(16)}"

    def text(self, index: int, statement: str) -> str:
        """What psql reads to describe, run and frame one statement."""
        ready = for_psql(statement)
        return (
            f"\\echo {self._word} {index} types\n{ready}\n\\gdesc\n"
            f"\\echo {self._word} {index} rows\n{ready}\n;\n"
            f"\\echo {self._word} {index} end :ROW_COUNT\n"
        )

    def end(self, index: int) -> str:
        return f"{self._word} {index} end "

    def rows(self, output: str, count: int) -> list[Rows]:
        return [self.one(output, index) for index in range(count)]

    def one(self, output: str, index: int) -> Rows:
        """The result of statement `index` from psql's output."""
        frame = re.compile(
            rf"^{self._word} {index} types\n(?P<types>.*?)^{self._word} {index} rows\n(?P<rows>.*?)"
            rf"^{self._word} {index} end (?P<count>\d+)$",
            re.MULTILINE | re.DOTALL,
        ).search(output)
        if frame is None:
            raise AssertionError("psql ended with 0 and did not frame its results")
        described = list(_csv(frame["types"], 2))
        if not described or described[0] != ["Column", "Type"]:
            return Rows(rowcount=int(frame["count"]))
        columns = tuple(column for column, _ in described[1:])
        types = tuple(kind for _, kind in described[1:])
        lines = list(_csv(frame["rows"], len(columns)))[1:]
        values = (tuple(None if value == self.null else value for value in line) for line in lines)
        rows = tuple(named(columns, types, line) for line in values)
        return Rows(columns, rows, len(rows))


def _csv(text: str, width: int) -> Iterator[list[str]]:
    csv.field_size_limit(2**31 - 1)
    for line in csv.reader(io.StringIO(text, newline="")):
        # psql writes a row of one empty value as an empty line.
        yield line or [""] * min(width, 1)


def _silent(stream: str, line: str) -> None:
    """Shows nothing."""
