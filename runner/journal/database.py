"""The SQLite database: opened durably, written by one transaction at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from runner.errors import SentraPlayError

VERSION: Final = 1
BUSY_SECONDS: Final = 30.0

TABLES: Final = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_run ON events (run, seq);
CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind, seq);
"""

Row = tuple[str, str, str]
"""Run, kind, body."""


class Database:
    """Rows that are on disk when `append` returns. Not thread-safe: one caller at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._told("opened"):
            self._connection = self._open()

    def append(self, rows: Sequence[Row]) -> None:
        """Write all rows or none, durably. SentraPlayError if that is not possible."""
        with self._told("written"), self._connection as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            transaction.executemany("INSERT INTO events (run, kind, body) VALUES (?, ?, ?)", rows)

    def select(self, where: str, *values: str) -> list[Row]:
        """The rows a condition holds for, in the order they were written."""
        with self._told("read"):
            # `where` is text of this package; what varies comes as values.
            return self._connection.execute(
                f"SELECT run, kind, body FROM events WHERE {where} ORDER BY seq", values
            ).fetchall()

    def close(self) -> None:
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        _owner_only(self._path)
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=16
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, VERSION):
            connection.close()
            raise SentraPlayError(
                f"the journal {self._path} has format {found}, this version knows {VERSION}",
                hint="use the version of SentraPlay that wrote it, or another --journal",
            )
        if not found:
            connection.executescript(TABLES)
            connection.execute(f"PRAGMA user_version={VERSION}")
        return connection

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise SentraPlayError(
                f"the journal {self._path} cannot be {what}: {error}",
                why="a step that cannot be recorded is not done: after a crash nobody could know of it",
                hint="check the disk's free space and the file's permissions, or choose another place with --journal",
            ) from error


def _owner_only(path: Path) -> None:
    """Make the database's file before SQLite does: its companions (-wal, -shm) take over the file's mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
