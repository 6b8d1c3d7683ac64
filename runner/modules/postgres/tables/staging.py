"""Rows into a staging schema beside the live tables: from a side database, or from a CSV file of the host."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from runner.errors import SentraPlayError, TaskFailed
from runner.hosts.contract import CommandFailed, Host, Script
from runner.modules.postgres.database import Database
from runner.modules.postgres.hints import client_reason
from runner.modules.postgres.session import Postgres
from runner.modules.postgres.sql import identifier
from runner.modules.postgres.tables.passing import give, take
from runner.modules.postgres.tables.shape import Shape

# Both ends write and read values the same way, whatever their databases are set to.
_OPTIONS: Final = (
    "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c client_encoding=UTF8"
    " -c search_path=pg_catalog -c bytea_output=hex -c synchronous_commit=off"
)
_HEADER: Final = Script('exec head -c 65536 <"$1"')


@contextmanager
def schema(database: Database, name: str) -> Iterator[None]:
    """A schema for staging tables that nobody else may look into, dropped at the end."""
    drop = f"DROP SCHEMA IF EXISTS {identifier(name)} CASCADE"
    database.run([drop, f"CREATE SCHEMA {identifier(name)}"])
    try:
        yield
    finally:
        # What cannot be dropped now is dropped by the next run, which has the same name for it.
        with suppress(SentraPlayError):
            database.run([drop])


def create(database: Database, name: str, live: Shape, columns: Sequence[str]) -> None:
    """An empty staging table with columns of the live one; not logged, because losing it in a crash is harmless."""
    chosen = ", ".join(map(identifier, columns))
    database.run(
        [
            f"CREATE UNLOGGED TABLE {name} AS SELECT {chosen} FROM {live.name} WITH NO DATA",
        ]
    )


def from_side(
    server: Postgres, host: Host, side: str, live: str, shape: Shape, staging: str, columns: Sequence[str]
) -> None:
    """Copy a table of the database `side` into a staging table of `live`, by a private file of the host."""
    chosen = ", ".join(map(identifier, columns))
    with host.private_directory() as directory:
        path = f"{directory}/rows"
        reading = server.client(
            "psql", side, "-X", "-q", "-c", f"COPY (SELECT {chosen} FROM {shape.name}) TO STDOUT", options=_OPTIONS
        )
        with _explained(server, shape.name):
            take(host, server, reading, path)
        _load(server, host, live, path, f"{staging} ({chosen})", "", shape.name)


def from_csv(server: Postgres, host: Host, live: str, path: str, shape: Shape, staging: str) -> None:
    """Load a CSV file with a header line, which `header` has read, into a staging table."""
    chosen = ", ".join(map(identifier, header(host, path, shape)))
    _load(server, host, live, path, f"{staging} ({chosen})", " (FORMAT csv, HEADER true)", shape.name)


def header(host: Host, path: str, shape: Shape) -> tuple[str, ...]:
    """The columns a CSV file says it has; TaskFailed unless all are columns of the table, each once."""
    try:
        text = host.query(Script(_HEADER.text, (path,))).stdout
    except CommandFailed as failed:
        raise TaskFailed(f"{path} cannot be read: {failed.result.stderr.strip()}", where=host.name) from failed
    names = tuple(next(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), ()))
    known = {column.name for column in shape.stored}
    wrong = [name for name in names if name not in known] or [name for name in names if names.count(name) > 1]
    if wrong or not names:
        raise TaskFailed(
            f"{path} names columns that {shape.name} cannot take: {', '.join(dict.fromkeys(wrong)) or 'none at all'}",
            where=host.name,
            hint=f"its first line must name columns of the table: {', '.join(column.name for column in shape.stored)}",
        )
    return names


def _load(server: Postgres, host: Host, live: str, path: str, target: str, how: str, table: str) -> None:
    # \copy is psql's own command: what stands in it is quoted as SQL, and psql's variables are none there.
    writing = server.client(
        "psql",
        live,
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        f"\\copy {target} FROM pstdin{how}",
        options=_OPTIONS,
    )
    with _explained(server, table):
        give(host, server, path, writing)


@contextmanager
def _explained(server: Postgres, table: str) -> Iterator[None]:
    try:
        yield
    except CommandFailed as failed:
        raise TaskFailed(
            f"the rows of {table} could not be brought beside it: {client_reason(failed.result.stderr)}",
            where=server.where,
            hint="the live table was not touched",
        ) from failed
