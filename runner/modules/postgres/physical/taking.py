"""A base backup on its way: pg_basebackup's stream into the repository, and what it said of itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Final

from runner.backup.compression import Compression
from runner.backup.wal.base import BASE_ROLE, MANIFEST_ROLE, Tablespace
from runner.backup.wal.names import Lsn
from runner.backup.wal.reach import Start
from runner.backup.watching import Moved
from runner.backup.writer import BackupWriter
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, CommandFailed, Host, Pipeline, Reader, Script, command
from runner.hosts.splitting import SPLIT
from runner.modules.contract import Acting
from runner.modules.postgres import space
from runner.modules.postgres.physical import server_side
from runner.modules.postgres.session import Postgres
from runner.repositories.receiving import PLAIN

# The server's own list of files comes last in the stream. It is kept beside the bytes as they pass: it alone says
# where in the WAL the backup begins and ends, and an incremental backup needs it.
_KEEP_MANIFEST: Final = f"""{SPLIT}umask 077
mkfifo -- "$1/passing" || exit
{{ tar -x -O -f - backup_manifest; status=$?; cat >/dev/null; exit "$status"; }} <"$1/passing" >"$1/backup_manifest" &
split_into "$1/passing" || exit
wait "$!"
"""
# Bytes: where in the WAL it begins and ends is said last.
_END: Final = 65536
_RANGE: Final = re.compile(
    r'"Timeline":\s*(\d+),\s*"Start-LSN":\s*"([0-9A-F/]+)",\s*"End-LSN":\s*"([0-9A-F/]+)"', re.IGNORECASE
)
_PROGRESS: Final = (
    "SELECT coalesce(sum(backup_streamed), 0)::bigint AS done, sum(backup_total)::bigint AS total"
    " FROM pg_stat_progress_basebackup"
)
# Seconds between two questions about progress.
_INTERVAL: Final = 2.0


@frozen
class Taking:
    """How a base backup is taken; `own_wal` puts the WAL it needs into it, `label` marks it in the server's files.

    `since` is the list of files of the backup an increment builds on, where pg_basebackup runs; `method` how the server
    compresses it (see `server_side`), "" if the host does.
    """

    label: str
    own_wal: bool
    segment_size: int
    max_rate: str | None
    since: str | None = None
    method: str = ""


def stream(at: Acting, server: Postgres, how: Taking, compression: Compression, writer: BackupWriter) -> Start:
    """One tar straight from the server into the repository: for clusters without other tablespaces."""
    if not how.method:
        return _by_host(at, server, how, compression, writer)
    try:
        return _by_server(at, server, how, compression, writer)
    except CommandFailed as failed:
        reason = server_side.why_not(failed)
        if not reason:
            raise
        at.warn(f"the host compresses the backup, not the server: {reason}")
    return _by_host(at, server, replace(how, method=""), compression, writer)


def _by_server(at: Acting, server: Postgres, how: Taking, compression: Compression, writer: BackupWriter) -> Start:
    file = f"base.tar{compression.suffix}"
    with server_side.room(at.host, server) as room:
        writer.store(
            at.host,
            room.taken(_call(server, how, "--no-sync"), file),
            file,
            role=BASE_ROLE,
            format="tar",
            compression=compression.name,
            stdin=server.password_line,
            details={"compressed_by": "server"},
            progress=_progress(at, server),
        )
        _store_file(at, writer, compression, room.whole(MANIFEST_ROLE), MANIFEST_ROLE, MANIFEST_ROLE)
        return _positions(at.host, room.end(MANIFEST_ROLE, _END), how)


def _by_host(at: Acting, server: Postgres, how: Taking, compression: Compression, writer: BackupWriter) -> Start:
    with at.host.private_directory() as directory:
        writer.store(
            at.host,
            Pipeline(
                (_call(server, how, "-D", "-"), Script(_KEEP_MANIFEST, (directory,), env=PLAIN), *compression.members)
            ),
            f"base.tar{compression.suffix}",
            role=BASE_ROLE,
            format="tar",
            compression=compression.name,
            stdin=server.password_line,
            progress=_progress(at, server),
        )
        return _with_list(at, writer, compression, f"{directory}/{MANIFEST_ROLE}", how)


def by_directory(
    at: Acting,
    server: Postgres,
    how: Taking,
    compression: Compression,
    writer: BackupWriter,
    tablespaces: tuple[Tablespace, ...],
    size: int,
) -> Start:
    """Tars on the host's disk first, then into the repository: pg_basebackup streams one tablespace only."""
    if server.programs.in_container:
        raise TaskFailed(
            "a cluster with tablespaces in a container cannot be backed up this way",
            where=server.where,
            why="pg_basebackup writes them to files, which would be inside the container",
            hint="give server.host and port and run the task where PostgreSQL's programs are installed on the host",
        )
    with _room(at.host, size + sum(one.size for one in tablespaces)) as directory:
        call = _call(server, how, "-D", f"{directory}/backup")
        at.host.run(call, stdin=server.password_line)
        for role, name in ((BASE_ROLE, "base"), *((one.role, str(one.oid)) for one in tablespaces)):
            _store_tar(at, writer, compression, f"{directory}/backup/{name}.tar", role, bool(how.method))
        return _with_list(at, writer, compression, f"{directory}/backup/{MANIFEST_ROLE}", how)


def _store_tar(
    at: Acting, writer: BackupWriter, compression: Compression, path: str, role: str, compressed: bool
) -> None:
    """One of several on the host's disk, where its place is needed for what follows."""
    name = posixpath.basename(path)
    if compressed:
        path, compression, made = f"{path}{compression.suffix}", compression.done, {"compressed_by": "server"}
    else:
        made = {}
    _store_file(at, writer, compression, command("cat", "--", path), name, role, made)
    at.host.run(command("rm", "-f", "--", path))


def _with_list(at: Acting, writer: BackupWriter, compression: Compression, path: str, how: Taking) -> Start:
    """The server's list of files, which is at `path` on the host, kept beside the backup and asked where it begins."""
    _store_file(at, writer, compression, command("cat", "--", path), MANIFEST_ROLE, MANIFEST_ROLE)
    return _positions(at.host, command("tail", "-c", str(_END), "--", path), how)


def _store_file(
    at: Acting,
    writer: BackupWriter,
    compression: Compression,
    producer: Command,
    name: str,
    role: str,
    details: Mapping[str, str] | None = None,
) -> None:
    writer.store(
        at.host,
        Pipeline((producer, *compression.members)),
        f"{name}{compression.suffix}",
        role=role,
        format="tar" if name.endswith(".tar") else "json",
        compression=compression.name,
        details=details,
        progress=partial(at.progress, f"storing {name}"),
    )


@contextmanager
def _room(host: Host, size: int) -> Iterator[str]:
    with host.private_directory() as directory:
        space.check(
            host.query, lambda path: command("df", "-P", "-k", "--", path), [space.Need(directory, size)], host.name
        )
        yield directory


def _call(server: Postgres, how: Taking, *where: str) -> Command:
    wal = "fetch" if how.own_wal else "none"
    since = (f"--incremental={how.since}",) if how.since else ()
    rate = ("--max-rate", how.max_rate) if how.max_rate else ()
    smaller = ("-Z", how.method) if how.method else ()
    options = ("-F", "tar", "-X", wal, "-c", "fast", "-l", how.label, *smaller, *rate, *since)
    return server.client("pg_basebackup", "", *where, *options)


def _positions(reader: Reader, ending: Command, how: Taking) -> Start:
    """From the end of the server's manifest; one range for each timeline the backup passed through."""
    said = reader.query(ending).stdout
    ranges = [(Lsn.of(one[2]), int(one[1]), Lsn.of(one[3])) for one in _RANGE.finditer(said)]
    if not ranges:
        raise TaskFailed(
            "the backup does not say where in the WAL it begins and ends",
            where=reader.name,
            hint="is the server older than PostgreSQL 13, or a manifest not made (backup_manifest)?",
        )
    start, timeline, _ = min(ranges)
    return Start(timeline, start, max(stop for _, _, stop in ranges), how.segment_size)


def _progress(at: Acting, server: Postgres) -> Moved:
    """By what the server has sent, of what it will send; it knows no total while it makes its checkpoint."""
    asked = 0.0
    database = server.maintenance()

    def moved(done: int, total: int | None) -> None:
        nonlocal asked
        if monotonic() - asked < _INTERVAL:
            return
        asked = monotonic()
        found: Mapping[str, object] = database.rows(_PROGRESS)[0]
        known = None if found["total"] is None else int(str(found["total"]))
        at.progress("base backup", int(str(found["done"])), known)

    return moved
