"""The backup restored beside the live database, for as long as rows are taken from it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from runner.errors import SentraPlayError, TaskFailed
from runner.hosts.contract import CommandFailed, Host
from runner.modules.contract import Acting
from runner.modules.postgres import archive, catalog, keeping, marker, restoring, room, swap
from runner.modules.postgres.database import Database
from runner.modules.postgres.hints import client_reason
from runner.modules.postgres.marker import Marker, Part
from runner.modules.postgres.pg_dump import DATABASE_ROLE, GLOBALS_ROLE
from runner.modules.postgres.restoring import Dump
from runner.modules.postgres.session import Postgres
from runner.modules.postgres.sql import identifier
from runner.modules.postgres.tables.passing import give, take
from runner.modules.postgres.tables.shape import Shape, shape
from runner.repositories.contract import Repository


@contextmanager
def side_database(
    at: Acting, server: Postgres, repository: Repository, dump: Dump, database: str, jobs: int
) -> Iterator[Database]:
    """The whole backup in a database of its own, compared with what was counted; it is gone when the context closes."""
    maintenance = server.maintenance(database)
    digest = hashlib.sha256(f"{at.run.id} {dump.manifest.id} {database} tables".encode()).hexdigest()[:10]
    name = marker.name_beside(database, f"_tables_{digest}")
    swap.drop(maintenance, name)
    room.check(at, server, dump.content.size)
    now = keeping.iso(keeping.utc_now(maintenance))
    mark = marker.write(Marker(Part.SIDE, database, at.run.id, dump.manifest.id, now), None)
    with archive.archive(at, repository, dump.manifest, server, DATABASE_ROLE) as path:
        archive.decode(server, path, dump.manifest, dump.manifest.object(DATABASE_ROLE))
        roles = archive.text(at, repository, dump.manifest, dump.manifest.object(GLOBALS_ROLE))
        restoring.create_missing_roles(maintenance, roles)
        live = catalog.properties(maintenance.rows, database)
        restoring.create_database(maintenance, name, dump.properties, (live or dump.properties).owner, mark)
        try:
            at.progress(f"restoring into {name}", 0, dump.content.size)
            restoring.load(server, name, path, jobs)
            restoring.compare(server.database(name), dump)
            yield server.database(name)
        finally:
            with suppress(SentraPlayError):
                swap.drop(maintenance, name)


def create_absent(server: Postgres, host: Host, side: str, live: Database, tables: Sequence[Shape]) -> None:
    """Make tables that were dropped, empty, with all that belongs to them; all or none."""
    chosen = [argument for table in tables for argument in ("-t", table.name)]
    with host.private_directory() as directory:
        path = f"{directory}/schema.sql"
        reading = server.client("pg_dump", side, "--schema-only", *chosen)
        writing = server.client("psql", live.name, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f", "-")
        try:
            take(host, server, reading, path)
            give(host, server, path, writing)
        except CommandFailed as failed:
            names = ", ".join(table.name for table in tables)
            raise TaskFailed(
                f"{names} cannot be made anew: {client_reason(failed.result.stderr)}",
                where=server.where,
                why="the table was dropped, and what it needs may have gone with it",
                hint="restore the tables it refers to in the same task, or the whole database (pg_restore)",
            ) from failed


def drop_created(live: Database, tables: Sequence[Shape]) -> None:
    """Take away again what `create_absent` made, when nothing came of it; a table somebody wrote to meanwhile stays."""
    for table in tables:
        tag = f"$drop_{secrets.token_hex(8)}$"
        with suppress(SentraPlayError):
            live.run(
                [
                    f"DO {tag} BEGIN LOCK TABLE {table.name}; IF NOT EXISTS (SELECT FROM {table.name}) THEN"
                    f" DROP TABLE {table.name} CASCADE; END IF; END {tag}"
                ]
            )


def lost_references(live: Database, tables: Sequence[Shape]) -> list[str]:
    """Statements that give other live tables back the foreign keys they lost when these were dropped."""
    found = []
    chosen = {table.name for table in tables}
    for key in (key for table in tables for key in table.foreign_keys):
        if key.table in chosen or key.refers_to not in chosen:
            continue
        there = shape(live.rows, key.table)
        if there is not None and key.name not in {one.name for one in there.foreign_keys}:
            found.append(f"ALTER TABLE {key.table} ADD CONSTRAINT {identifier(key.name)} {key.definition}")
    return found
