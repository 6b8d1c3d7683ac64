"""pg_basebackup: a whole cluster, file by file, into a repository: what point-in-time recovery starts from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import ClassVar, Final, Literal

from runner import __version__
from runner.backup.chaining import Ground
from runner.backup.compression import SMALLER, Wanted, choose
from runner.backup.distributing import described, distribute, further
from runner.backup.manifest import Manifest, Provenance, to_json
from runner.backup.summary import summary, ways
from runner.backup.transfer import Transferred
from runner.backup.wal.archive import WalArchive
from runner.backup.wal.base import KIND, Base, Tablespace
from runner.backup.wal.own import missing, needed
from runner.backup.wal.shipping import look, ship
from runner.backup.writer import BackupWriter, Contents
from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import CommandFailed
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres.database import SqlFailed
from runner.modules.postgres.hints import client_reason
from runner.modules.postgres.pgbackrest.configuration import Engine, Stanza, stanza
from runner.modules.postgres.pgbackrest.taking import take
from runner.modules.postgres.pgbackrest.telling import tell
from runner.modules.postgres.physical import server_side
from runner.modules.postgres.physical.increments import Wish, file_list, find_ground, only_wal
from runner.modules.postgres.physical.receiving import is_receiving_into
from runner.modules.postgres.physical.recording import NotRecorded, mark, store_list
from runner.modules.postgres.physical.taking import Taking, by_directory, stream
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.modules.postgres.versions import versions
from runner.repositories.contract import Repository
from runner.units import human_bytes, seconds

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.5
_CLUSTER: Final = """
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size') AS segment_size,
       (SELECT sum(pg_database_size(oid))::bigint FROM pg_database) AS size,
       current_setting('archive_mode') AS archive_mode,
       (SELECT pending_restart FROM pg_settings WHERE name = 'archive_mode') AS awaits_restart,
       pg_is_in_recovery() AS standby
"""
_TABLESPACES: Final = """
SELECT oid::int, spcname AS name, pg_tablespace_location(oid) AS path, pg_tablespace_size(oid)::bigint AS size
FROM pg_tablespace WHERE pg_tablespace_location(oid) <> '' ORDER BY oid
"""


@frozen
class PgBasebackupArgs:
    service: str
    repository: str
    server: Server = field(default_factory=Server)
    wal: Literal["archive", "include"] = "archive"
    spool: str | None = None
    wal_timeout: Duration = "10m"
    compression: Wanted = "auto"
    compress_at: Literal["server", "host"] = "server"
    max_rate: str | None = None
    incremental: bool = False
    full_every: Duration = "7d"
    max_chain: int = 14
    copy_to: tuple[str, ...] = ()
    engine: Engine = "sentraplay"
    pgbackrest: Mapping[str, object] = field(default_factory=dict)


@frozen
class _Cluster:
    system_identifier: str
    segment_size: int
    size: int
    tablespaces: tuple[Tablespace, ...]


class PgBasebackup:
    name: ClassVar = "pg_basebackup"
    Args = PgBasebackupArgs

    def preview(self, at: Reading, args: PgBasebackupArgs) -> Change:
        server = Postgres(at.host, args.server)
        cluster = _look(server, args)
        if args.engine == "pgbackrest":
            return Change(True, f"would back up the whole cluster by {_stanza(at, args).where}")
        repository = at.repositories.get(args.repository)
        where = described(repository, further(at.repositories, repository, args.copy_to))
        return Change(True, f"would back up the whole cluster ({human_bytes(cluster.size)} on disk) to {where}")

    def apply(self, at: Acting, args: PgBasebackupArgs) -> Outcome:
        server = Postgres(at.host, args.server, at.host, pause=at.sleep)
        cluster = _look(server, args)
        if args.engine == "pgbackrest":
            return Outcome(True, _by_pgbackrest(at, args, server))
        repository = at.repositories.get(args.repository)
        others = further(at.repositories, repository, args.copy_to)
        base, manifest, moved = _made(at, args, server, cluster, _ground(at, args, server, cluster, repository))
        how = ways(moved)
        if how["transfer_reason"]:
            at.warn(f"the controller relayed the bytes: {how['transfer_reason']}")
        data = {**summary(manifest, repository), **how, "backup": json.loads(to_json(manifest))}
        built = {"parents": list(base.chain.parents) if base.chain else [], "full_because": base.why_not}
        copies = distribute(repository, others, [manifest], at.progress)
        return Outcome(True, {**manifest.contents, **data, **built, **copies})


def _by_pgbackrest(at: Acting, args: PgBasebackupArgs, server: Postgres) -> Mapping[str, object]:
    stanza, begun = _stanza(at, args), monotonic()
    increment = (seconds(args.full_every), args.max_chain) if args.incremental else None
    data = take(at, server, stanza, increment, seconds(args.wal_timeout))
    repository = at.repositories.get(args.repository)
    tell(at, repository, stanza, "backup", backup=data["backup_id"], seconds=monotonic() - begun)
    return data


def _stanza(at: Reading, args: PgBasebackupArgs) -> Stanza:
    """Of pgBackRest; Refused for what it does not do, or does by its own options."""
    if args.copy_to or args.max_rate or args.wal == "include":
        raise Refused(
            "engine: pgbackrest goes without copy_to, max_rate and `wal: include`",
            hint="give `pgbackrest` its own options: a second repository is repo2-path or repo2-type",
        )
    repository = at.repositories.get(args.repository)
    return stanza(repository, args.service, at.host.name, args.pgbackrest, args.compression)


def _ground(at: Acting, args: PgBasebackupArgs, server: Postgres, cluster: _Cluster, repository: Repository) -> Ground:
    if not args.incremental:
        return Ground(None)
    if args.wal == "include":
        return Ground(None, "a backup with its own WAL inside is always whole")
    wish = Wish(cluster.system_identifier, bool(cluster.tablespaces), seconds(args.full_every), args.max_chain)
    found = find_ground(repository, args.service, server, wish, datetime.now(UTC))
    if found.odd:
        at.warn(f"a whole backup is made: {found.why_not}")
    return found


def _made(
    at: Acting, args: PgBasebackupArgs, server: Postgres, cluster: _Cluster, base: Ground
) -> tuple[Ground, Manifest, Sequence[Transferred]]:
    """A backup that builds on `base`, or a whole one if it cannot; what it was built on in the end comes first."""
    try:
        return (base, *_backed_up(at, args, server, cluster, base))
    except CommandFailed as failed:
        if base.manifest is None:
            raise _no_backup(failed, server) from failed
        reason = client_reason(failed.result.stderr)
    except (VerificationFailed, SqlFailed, NotRecorded) as failed:
        if base.manifest is None:
            raise
        reason = failed.message
    whole = Ground(None, f"what changed since {base.manifest.id} cannot be told: {reason}", odd=True)
    at.warn(f"a whole backup is made: {whole.why_not}")
    return _made(at, args, server, cluster, whole)


def _backed_up(
    at: Acting, args: PgBasebackupArgs, server: Postgres, cluster: _Cluster, base: Ground
) -> tuple[Manifest, Sequence[Transferred]]:
    repository = at.repositories.get(args.repository)
    made_by = Provenance(at.run.id, at.run.playbook, at.run.git_commit, __version__)
    with ExitStack() as stack:
        if base.manifest is not None and only_wal(server):
            writer = stack.enter_context(BackupWriter(repository, args.service, KIND, made_by))
            return writer.commit(at.host, _record(at, args, server, base, writer)), writer.ways
        since = None
        if base.manifest is not None:
            since = stack.enter_context(file_list(repository, base.manifest, at.host, server))
        writer = stack.enter_context(BackupWriter(repository, args.service, KIND, made_by))
        contents = replace(_store(at, args, server, cluster, writer, since), chain=base.chain)
        return writer.commit(at.host, contents), writer.ways


def _look(server: Postgres, args: PgBasebackupArgs) -> _Cluster:
    """TaskFailed if the server keeps no WAL that the backup could be completed with."""
    found = server.maintenance().rows(_CLUSTER)[0]
    streamed = args.spool is not None and is_receiving_into(server.host, args.spool)
    # A standby's WAL is archived by its primary, whatever it does itself.
    archives = found["standby"] or found["archive_mode"] != "off" or streamed
    if args.wal == "archive" and not archives:
        raise _not_archived(server, args, bool(found["awaits_restart"]))
    spaces = tuple(
        Tablespace(int(str(row["oid"])), str(row["name"]), str(row["path"]), int(str(row["size"])))
        for row in server.maintenance().rows(_TABLESPACES)
    )
    size = int(str(found["size"])) - sum(one.size for one in spaces)
    return _Cluster(str(found["system_identifier"]), int(str(found["segment_size"])), max(size, 0), spaces)


def _not_archived(server: Postgres, args: PgBasebackupArgs, waits: bool) -> TaskFailed:
    receiver = f", and nobody receives into {args.spool}" if args.spool else ""
    way = (
        "restart the server (pg_wal_archive with `restart: true`)" if waits else "set archiving up with pg_wal_archive"
    )
    return TaskFailed(
        "the server does not archive its WAL, and a base backup is worth nothing without",
        where=server.where,
        why=("archiving is set up, but begins only after a restart" if waits else "archive_mode is off") + receiver,
        hint=f"{way}, or `wal: include` for a backup restorable to its own end only",
    )


def _store(
    at: Acting,
    args: PgBasebackupArgs,
    server: Postgres,
    cluster: _Cluster,
    writer: BackupWriter,
    since: str | None,
) -> Contents:
    compression = choose(at.host, args.compression, SMALLER)
    by_server = args.compress_at == "server" and server_side.can(server, compression)
    method = server_side.method(server, compression) if by_server else ""
    how = Taking(writer.id, args.wal == "include", cluster.segment_size, args.max_rate, since, method)
    known = versions(at.host, server, "pg_basebackup")
    if cluster.tablespaces:
        start = by_directory(at, server, how, compression, writer, cluster.tablespaces, cluster.size)
    else:
        start = stream(at, server, how, compression, writer)
    ended = datetime.fromisoformat(str(server.maintenance().scalar("SELECT clock_timestamp()")))
    base = Base(cluster.system_identifier, start, args.wal == "include", cluster.size, cluster.tablespaces)
    if not base.own_wal:
        _wait_for_wal(at, args, base, server)
    return Contents(restored_point=ended, consistent=True, contents=base.to_plain(), versions=known)


def _record(at: Acting, args: PgBasebackupArgs, server: Postgres, since: Ground, writer: BackupWriter) -> Contents:
    """An increment that is the WAL since the backup before it."""
    recorded = mark(server, since, writer.id)
    base, repository = recorded.base, at.repositories.get(args.repository)
    _wait_for_wal(at, args, base, server)
    archive = WalArchive(repository, args.service, base.system_identifier)
    store_list(at.host, writer, choose(at.host, args.compression), needed(archive, base.start))
    known = versions(at.host, server, "pg_basebackup")
    return Contents(recorded.ended, True, base.to_plain(), versions=known, chain=since.chain)


def _wait_for_wal(at: Acting, args: PgBasebackupArgs, base: Base, server: Postgres) -> None:
    """Until all WAL from the backup's start to its end is in the repository; it is no backup before."""
    archive = WalArchive(at.repositories.get(args.repository), args.service, base.system_identifier)
    until, pause = monotonic() + seconds(args.wal_timeout), _FIRST_PAUSE
    while left := missing(archive, base.start):
        if args.spool is not None and (waiting := look(at.host, args.spool)).waiting:
            ship(at.host, waiting, archive.repository, args.service, choose(at.host, args.compression))
            continue
        if monotonic() > until:
            raise (NotRecorded if base.point else TaskFailed)(
                f"WAL segment {left[0]}, which the backup needs, is not in the repository after {args.wal_timeout}",
                where=archive.describe(),
                why="without it the backup cannot be restored, so there is none",
                hint="give `spool` to ship from, or schedule pg_wal_ship; pg_wal_archive with state: check says more",
            )
        at.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _no_backup(failed: CommandFailed, server: Postgres) -> TaskFailed:
    said = failed.result.stderr
    hint = "what was stored of it is removed; earlier backups are untouched"
    if "no pg_hba.conf entry for replication" in said or "must be superuser or replication role" in said:
        hint = "the role needs REPLICATION and a line `… replication …` in pg_hba.conf; " + hint
    return TaskFailed(
        f"pg_basebackup failed, so there is no backup: {client_reason(said)}",
        where=server.where,
        why=f"the members of the pipe ended with {', '.join(map(str, failed.result.statuses))}",
        hint=hint,
        data={"rc": failed.result.exit_code, "stderr": said},
    )
