"""A backup into a new database, proved: the steps that pg_restore and backup_verify share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.backup.manifest import Manifest
from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import CommandFailed
from runner.modules.postgres import assertions as sql_assertions
from runner.modules.postgres import catalog, memory
from runner.modules.postgres import globals as server_globals
from runner.modules.postgres.catalog import Content, Properties
from runner.modules.postgres.database import AUTOCOMMIT, Database, SqlFailed
from runner.modules.postgres.hints import client_reason
from runner.modules.postgres.programs import Version, fitting
from runner.modules.postgres.session import Postgres
from runner.modules.postgres.sql import bind, identifier, literal

_SHOWN = 5


@frozen
class Dump:
    """What a backup's manifest says about the database in it."""

    manifest: Manifest
    properties: Properties
    content: Content
    excluded: tuple[str, ...]
    server_version: Version

    @classmethod
    def of(cls, manifest: Manifest) -> Dump:
        """From the manifest of a database backup; VerificationFailed if it is none."""
        told = manifest.contents
        version = Version.of_text(str(manifest.versions.get("postgresql")))
        if version is None or "database" not in told or "content" not in told:
            raise VerificationFailed(
                f"the manifest of backup {manifest.id} does not describe a database",
                hint="was it made by another kind of step? see its manifest",
            )
        return cls(
            manifest,
            catalog.from_data(Properties, told["database"]),
            catalog.from_data(Content, told["content"]),
            tuple(told.get("excluded_table_data", ())),
            version,
        )


def check_server(server: Postgres, dump: Dump) -> None:
    """Refused or TaskFailed if this server cannot take the backup, before anything is done."""
    wanted = dump.server_version
    if wanted.major > server.version.major:
        raise Refused(
            f"backup {dump.manifest.id} comes from PostgreSQL {wanted}, and this server is {server.version}",
            where=server.where,
            why="a newer server's dump does not restore into an older one",
            hint=f"restore into PostgreSQL {wanted.major} or newer; nothing was changed",
        )
    written_by = Version.of_text(str(dump.manifest.versions.get("pg_dump"))) or wanted
    fitting([server.programs], written_by.major, server.host.name)
    there = {str(row["name"]) for row in server.maintenance().rows("SELECT name FROM pg_available_extensions")}
    missing = [extension.name for extension in dump.content.extensions if extension.name not in there]
    if missing:
        raise TaskFailed(
            f"the server lacks extensions the database uses: {', '.join(missing)}",
            where=server.where,
            hint="install their packages on the server (for example postgresql-contrib); nothing was changed",
        )


def create_missing_roles(database: Database, globals_text: str) -> list[str]:
    """Make the backup's roles the server lacks, all or none; existing roles stay as they are. Gives the new names."""
    roles = server_globals.read(globals_text)
    there = {str(row["name"]) for row in database.rows("SELECT rolname AS name FROM pg_roles")}
    missing = [name for name in roles.names if name not in there]
    if missing:
        try:
            database.run(roles.creating(missing))
        except SqlFailed as error:
            error.hint = (
                error.hint or f"the roles {', '.join(missing)} are missing: make them by hand, or use a superuser"
            )
            raise
    return missing


def create_database(database: Database, name: str, like: Properties, owner: str, comment: str | None) -> None:
    """A new, empty database with the backup's encoding and collation; nobody but its owner may enter."""
    clauses = [
        f"OWNER {identifier(owner)}",
        "TEMPLATE template0",
        f"ENCODING {literal(like.encoding)}",
        f"LC_COLLATE {literal(like.collate)}",
        f"LC_CTYPE {literal(like.ctype)}",
    ]
    if like.locale_provider == "i":
        clauses += ["LOCALE_PROVIDER icu", f"ICU_LOCALE {literal(like.locale)}"]
    elif like.locale_provider == "b":
        clauses += ["LOCALE_PROVIDER builtin", f"BUILTIN_LOCALE {literal(like.locale)}"]
    if like.tablespace != "pg_default" and database.scalar(
        "SELECT count(*) FROM pg_tablespace WHERE spcname = %s", [like.tablespace]
    ):
        clauses.append(f"TABLESPACE {identifier(like.tablespace)}")
    statements = [
        f"CREATE DATABASE {identifier(name)} WITH {' '.join(clauses)}",
        f"REVOKE ALL ON DATABASE {identifier(name)} FROM PUBLIC",
    ]
    if comment is not None:
        statements.append(bind(f"COMMENT ON DATABASE {identifier(name)} IS %s", [comment]))
    try:
        database.run(statements, AUTOCOMMIT)
    except SqlFailed as error:
        if "locale" in error.message or "collat" in error.message:
            error.hint = f"the backup's collation is {like.collate!r}: install that locale on the server and restart it"
        raise


def load(server: Postgres, name: str, archive: str, jobs: int) -> None:
    """Restore an archive into the empty database `name`; the first error ends it. Then ANALYZE."""
    # Losing the last commits in a crash is harmless here: the swap's own commit makes all of them durable.
    options = f"-c synchronous_commit=off {memory.for_indexes(server, jobs)}".rstrip()
    restore = server.client("pg_restore", name, "--exit-on-error", "-j", str(jobs), archive, options=options)
    host = server.acting or server.host
    quiet = server.acting.view(on_output=_silent).run if server.acting else host.query
    try:
        quiet(restore, stdin=server.password_line)
    except CommandFailed as failed:
        raise _not_loaded(failed, name, server) from failed
    server.database(name).run(["ANALYZE"], AUTOCOMMIT)


def compare(database: Database, dump: Dump) -> dict[str, int]:
    """The row counts of a restored database; VerificationFailed naming what differs from the backup's."""
    counts = catalog.row_counts(database.rows, dump.excluded)
    differences = [] if dump.manifest.row_counts is None else _differences(dump.manifest.row_counts, counts)
    objects = catalog.content(database.rows).large_objects
    if objects != dump.content.large_objects:
        differences.append(f"{objects} large objects instead of {dump.content.large_objects}")
    if differences:
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise VerificationFailed(
            f"the restored database differs from backup {dump.manifest.id}: {'; '.join(differences[:_SHOWN])}{more}",
            where=f"database {database.name!r}",
            why="the backup does not hold what was there when it was made",
            hint="restore from another backup",
            data={"differences": differences},
        )
    return counts


def prove(database: Database, dump: Dump, assertions: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Compare with the backup and check the assertions; what was found, for the result."""
    counts = compare(database, dump)
    return {
        "row_counts": counts,
        "rows": sum(counts.values()),
        "assertions": sql_assertions.check(database, assertions),
    }


def _differences(recorded: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    differences = []
    for table in sorted({*recorded, *found}):
        if table not in found:
            differences.append(f"table {table} is missing")
        elif table not in recorded:
            differences.append(f"table {table} was not there")
        elif recorded[table] != found[table]:
            differences.append(f"table {table} has {found[table]} rows instead of {recorded[table]}")
    return differences


def _not_loaded(failed: CommandFailed, name: str, server: Postgres) -> TaskFailed:
    said = client_reason(failed.result.stderr)
    hint = "see the server's log; the live database was not touched"
    if "No space left" in said or "disk full" in said.lower():
        hint = "the disk is full: make room and run this again; the live database was not touched"
    elif "role " in said and "does not exist" in said:
        hint = (
            "a role the backup needs is missing: make it, or let a superuser restore; the live database was not touched"
        )
    return TaskFailed(
        f"pg_restore failed: {said}",
        where=f"{server.where}, database {name!r}",
        hint=hint,
        data={"rc": failed.result.exit_code, "stderr": failed.result.stderr},
    )


def _silent(stream: str, line: str) -> None:
    """Shows nothing: what matters of pg_restore's words is in the error."""
