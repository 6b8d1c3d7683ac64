"""What a database can be asked, whichever way leads to it (psycopg through a tunnel, or psql on its host)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.postgres import sql
from runner.modules.postgres.values import Rows

SETTINGS: Final[Mapping[str, str]] = {
    "standard_conforming_strings": "on",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_messages": "C",
}
"""What every session starts with, so that values read the same on every server. lc_messages needs a superuser."""


@dataclass(eq=False)
class CannotConnect(TaskFailed):
    """No session could be opened: nothing was done. `answered`: a PostgreSQL server said no, and why."""

    peer_refused: bool = field(default=False, kw_only=True)
    answered: bool = field(default=False, kw_only=True)


@dataclass(eq=False)
class SqlFailed(TaskFailed):
    """The server refused a statement; `sqlstate` is its five-character code."""

    sqlstate: str = field(default="", kw_only=True)


@frozen
class Execution:
    """How statements run. `timeout` is seconds per statement, None is no limit but the task's own.

    `to_the_end`: neither the task's deadline nor Ctrl-C cancels it, because half of it is worse than late.
    """

    autocommit: bool = False
    read_only: bool = False
    timeout: float | None = None
    to_the_end: bool = False


TRANSACTION: Final = Execution()
AUTOCOMMIT: Final = Execution(autocommit=True)
READ_ONLY: Final = Execution(read_only=True)


class Snapshot(ABC):
    """A transaction kept open over one unchanging state of a database; `name` lets pg_dump see the same state."""

    name: str
    taken_at: str
    """UTC, ISO 8601: what a restore of this state goes back to."""

    @abstractmethod
    def rows(self, statement: str) -> tuple[Mapping[str, object], ...]:
        """Read within the snapshot."""


class Database(ABC):
    """One database of a server. Every call opens and closes its own session, so none is left to block a rename."""

    name: str

    @abstractmethod
    def run(self, statements: Sequence[str], how: Execution = TRANSACTION) -> list[Rows]:
        """Run complete statements in order in one session, all in one transaction unless `autocommit`.

        The first that fails ends it: SqlFailed, with its transaction undone. CannotConnect if there is no session.
        """

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Hold a read-only snapshot while the context is open."""

    def rows(self, statement: str, params: sql.Parameters = ()) -> tuple[Mapping[str, object], ...]:
        """What a reading statement gives."""
        return self.run([sql.bind(statement, params)], READ_ONLY)[0].rows

    def scalar(self, statement: str, params: sql.Parameters = ()) -> object:
        """The one value a reading statement gives; None if it gives no row."""
        rows = self.rows(statement, params)
        return next(iter(rows[0].values())) if rows else None


SNAPSHOT_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    # A table the role may not see whole must be an error, not a smaller count.
    "SET LOCAL row_security = off",
    # It is idle for as long as the dump takes.
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
SNAPSHOT_EXPORT: Final = (
    "SELECT pg_export_snapshot() AS name,"
    " to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS taken_at"
)
