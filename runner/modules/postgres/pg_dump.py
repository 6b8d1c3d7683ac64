"""pg_dump: a database and its server's roles into a repository, as one backup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, field
from datetime import datetime
from typing import ClassVar, Final

from runner import __version__
from runner.backup.compression import Compression, Wanted, choose
from runner.backup.distributing import described, distribute, further
from runner.backup.manifest import Provenance, to_json
from runner.backup.summary import summary, ways
from runner.backup.writer import BackupWriter, Contents
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, CommandFailed, Pipeline
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres import catalog
from runner.modules.postgres.database import Database, Snapshot
from runner.modules.postgres.hints import client_reason
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.modules.postgres.versions import versions
from runner.units import human_bytes

KIND: Final = "database"
DATABASE_ROLE: Final = "database"
GLOBALS_ROLE: Final = "globals"

# A table somebody has locked for longer fails the backup instead of holding it, and its snapshot, for ever.
_LOCK_TIMEOUT: Final = "--lock-wait-timeout=300s"


@frozen
class PgDumpArgs:
    service: str
    repository: str
    database: str
    server: Server = field(default_factory=Server)
    compression: Wanted = "auto"
    exclude_table_data: tuple[str, ...] = ()
    row_counts: bool = True
    copy_to: tuple[str, ...] = ()


class PgDump:
    name: ClassVar = "pg_dump"
    Args = PgDumpArgs

    def preview(self, at: Reading, args: PgDumpArgs) -> Change:
        server = Postgres(at.host, args.server)
        size = server.database(args.database).scalar("SELECT pg_database_size(current_database())")
        programs = server.programs
        repository = at.repositories.get(args.repository)
        others = further(at.repositories, repository, args.copy_to)
        return Change(
            True,
            f"would back up database {args.database!r} ({human_bytes(int(str(size)))} on disk)"
            f" with pg_dump {programs.version} to {described(repository, others)}",
        )

    def apply(self, at: Acting, args: PgDumpArgs) -> Outcome:
        server = Postgres(at.host, args.server, at.host, pause=at.sleep)
        compression = choose(at.host, args.compression)
        made_by = Provenance(at.run.id, at.run.playbook, at.run.git_commit, __version__)
        repository = at.repositories.get(args.repository)
        others = further(at.repositories, repository, args.copy_to)
        try:
            with BackupWriter(repository, args.service, KIND, made_by) as writer:
                contents = _store(at, args, server, compression, writer)
                manifest = writer.commit(at.host, contents)
        except CommandFailed as failed:
            raise _no_backup(failed, args, server) from failed
        for warning in manifest.warnings:
            at.warn(warning)
        how = ways(writer.ways)
        if how["transfer_reason"]:
            at.warn(f"the controller relayed the bytes: {how['transfer_reason']}")
        dump = {"sha256": manifest.object(DATABASE_ROLE).sha256, "backup": json.loads(to_json(manifest))}
        copies = distribute(repository, others, [manifest], at.progress)
        return Outcome(True, {**summary(manifest, repository), **how, **dump, **copies})


def _store(at: Acting, args: PgDumpArgs, server: Postgres, compression: Compression, writer: BackupWriter) -> Contents:
    """Both objects, and everything about them that a restore needs to know."""
    database = server.database(args.database)
    around = catalog.properties(server.maintenance().rows, args.database)
    if around is None:
        raise TaskFailed(f"there is no database {args.database!r}", where=server.where)
    excluded = _names(database, args.exclude_table_data)
    found = versions(at.host, server, "pg_dump")
    with database.snapshot() as snapshot:
        content = catalog.content(snapshot.rows)
        counts = catalog.row_counts(snapshot.rows, excluded) if args.row_counts else None
        _store_database(at, args, server, compression, writer, snapshot, excluded)
        taken_at = datetime.fromisoformat(snapshot.taken_at)
    passwords = _store_globals(at, server, compression, writer)
    return Contents(
        restored_point=taken_at,
        consistent=True,
        contents={
            "database": asdict(around),
            "content": asdict(content),
            "excluded_table_data": list(excluded),
            "role_passwords": passwords,
        },
        versions=found,
        row_counts=counts,
        warnings=() if passwords else (_no_passwords(args.server.user),),
    )


def _store_database(
    at: Acting,
    args: PgDumpArgs,
    server: Postgres,
    compression: Compression,
    writer: BackupWriter,
    snapshot: Snapshot,
    excluded: Sequence[str],
) -> None:
    dump = server.client(
        "pg_dump",
        args.database,
        "-Fc",
        "-Z0",
        _LOCK_TIMEOUT,
        f"--snapshot={snapshot.name}",
        *(f"--exclude-table-data={name}" for name in excluded),
    )
    writer.store(
        at.host,
        _compressed(dump, compression),
        f"database.dump{compression.suffix}",
        role=DATABASE_ROLE,
        format="pg_dump custom",
        compression=compression.name,
        stdin=server.password_line,
        progress=lambda done, total: at.progress(f"dumping {args.database}", done, total),
    )


def _store_globals(at: Acting, server: Postgres, compression: Compression, writer: BackupWriter) -> bool:
    """Every role of the server; says whether with passwords, which only a superuser may read."""
    database = server.maintenance()
    superuser = database.scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True
    options = () if superuser else ("--no-role-passwords",)
    dump = server.client("pg_dumpall", database.name, "--globals-only", "-l", database.name, *options)
    writer.store(
        at.host,
        _compressed(dump, compression),
        f"globals.sql{compression.suffix}",
        role=GLOBALS_ROLE,
        format="sql",
        compression=compression.name,
        stdin=server.password_line,
        details={"password_hashes": superuser},
    )
    return superuser


def _compressed(dump: Command, compression: Compression) -> Pipeline:
    return Pipeline((dump, *compression.members))


def _names(database: Database, wanted: Sequence[str]) -> tuple[str, ...]:
    """The tables as PostgreSQL writes them; TaskFailed for one that is not there."""
    found = []
    for name in wanted:
        exact = database.scalar(
            "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)",
            [name],
        )
        if exact is None:
            raise TaskFailed(
                f"there is no table {name} in database {database.name!r}",
                hint="write it as schema.table, odd names in double quotes: 'public.\"Odd Name\"'",
            )
        found.append(str(exact))
    return tuple(found)


def _no_backup(failed: CommandFailed, args: PgDumpArgs, server: Postgres) -> TaskFailed:
    return TaskFailed(
        f"the dump failed, so there is no backup: {client_reason(failed.result.stderr)}",
        where=f"{server.where}, database {args.database!r}",
        why=f"the members of the pipe ended with {', '.join(map(str, failed.result.statuses))}",
        hint="what was stored of it is removed; earlier backups are untouched",
        data={"rc": failed.result.exit_code, "stderr": failed.result.stderr},
    )


def _no_passwords(user: str) -> str:
    return (
        f"role {user!r} is no superuser, so the backup holds the server's roles without their passwords; "
        "on a new server they must be set by hand"
    )
