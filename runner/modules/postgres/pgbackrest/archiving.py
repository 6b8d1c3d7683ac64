"""Archiving by pgBackRest: its configuration in the spool, its stanza, its check."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from runner.backup.swapping import mount_points
from runner.backup.wal.gaps import check_whole
from runner.backup.wal.names import Segment, is_history, is_segment
from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.hosts.contract import Host, Reader, Script
from runner.modules.contract import Acting
from runner.modules.postgres.pgbackrest.configuration import FILE, Files, Stanza
from runner.modules.postgres.pgbackrest.info import BackrestArchive, info
from runner.modules.postgres.pgbackrest.program import check_there, configured, run, said, write
from runner.modules.postgres.physical.cluster import Owner, as_owner, data_directory, owner_of
from runner.modules.postgres.session import Postgres
from runner.repositories.receiving import NOT_MOUNTED

# pgBackRest's own default for archive-timeout is a minute.
_STATE: Final = """
SELECT (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size') AS segment_size,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       a.failed_count, (SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()) AS pg_wal_size
FROM pg_stat_archiver a
"""
_SOCKET: Final = "SELECT split_part(current_setting('unix_socket_directories'), ',', 1)"
# The directory around it belongs to whoever the task works as; others may pass, not look.
_MAKE: Final = Script("""
around=$(dirname -- "$1")
[ -d "$around" ] || (umask 066 && mkdir -p -- "$around") || exit
[ -d "$1" ] || (umask 077 && mkdir -- "$1" && { [ "$(stat -c %u:%g -- "$1")" = "$2" ] || chown -- "$2" "$1"; })
""")
_USABLE: Final = Script('[ -w "$1" ] && [ -x "$1" ]')


def files_of(server: Postgres) -> Files:
    """Of a running server. Refused where pgBackRest cannot work beside it."""
    if server.server.compose is not None:
        raise Refused(
            "pgBackRest works beside the server's files, and this server is in a container",
            where=server.where,
            hint="leave `engine` out: SentraPlay's own needs nothing in the container",
        )
    found = str(server.maintenance().scalar(_SOCKET))
    return Files(data_directory(server), server.server.port, found, server.server.user)


def archive_command(spool: str, stanza: Stanza) -> str:
    """`spool` is a path of letters, digits and `._-/` only (the schema says so), as the stanza's name is."""
    return f'pgbackrest --config={spool}/{FILE} --stanza={stanza.name} archive-push "%p"'


def is_ready(reader: Reader, server: Postgres, stanza: Stanza, spool: str) -> bool:
    """Whether configuration and stanza are as they should be."""
    check_there(reader)
    path = f"{spool}/{FILE}"
    if reader.stat(path) is None or reader.read(path).decode() != _configuration(server, stanza, spool):
        return False
    return info(reader, stanza).there


def make_ready(host: Host, server: Postgres, stanza: Stanza, spool: str) -> None:
    """Write the configuration, and create the stanza; idempotent. `spool` is there already."""
    files = files_of(server)
    owner = owner_of(host, files.data)
    own = as_owner(host, owner)
    make_repository(host, own, owner, stanza)
    own.run(Script('umask 077; mkdir -p -- "$1/lock" "$1/async"', (spool,)))
    path = write(own, spool, _configuration(server, stanza, spool))
    done = run(own, stanza, path, "stanza-create")
    if not done.ok:
        raise TaskFailed(
            f"pgBackRest cannot create its stanza: {said(done)}",
            where=f"{host.name}, {stanza.where}",
            hint=f"it logs in over {files.socket} as {files.user!r}, as the system user {owner.name!r} "
            "(pg_hba.conf: peer), and gives no password",
        )


def make_repository(host: Host, own: Host, owner: Owner, stanza: Stanza) -> None:
    """The directory, where it is one; Refused if the cluster's user could not work in it."""
    directory = stanza.directory
    if directory is None:
        return
    if stanza.mount and stanza.mount not in mount_points(host):
        raise Refused(
            f"{NOT_MOUNTED} {stanza.mount}",
            where=f"{host.name}, {stanza.where}",
            why="backups would fill the disk below it, and be hidden once it is mounted",
            hint=f"mount it on {host.name}",
        )
    host.run(Script(_MAKE.text, (directory, owner.ids)))
    if not own.query(Script(_USABLE.text, (directory,)), check=False).ok:
        raise Refused(
            f"the server's user {owner.name!r} cannot work in {directory}",
            where=host.name,
            why="pgBackRest runs as that user, and some directory above is closed to it",
            hint=f"let it pass: chmod o+x on the directories above {directory}",
        )


def check(at: Acting, server: Postgres, stanza: Stanza, timeout: float) -> Mapping[str, Any]:
    """pgBackRest's own check (a new segment arrives within `timeout` seconds), and no gap in what is there.

    VerificationFailed otherwise.
    """
    check_there(at.host)
    files, begun = files_of(server), monotonic()
    own = as_owner(at.host, owner_of(at.host, files.data))
    with configured(own, stanza.text(files, archive_timeout=f"{timeout:g}")) as path:
        done = run(own, stanza, path, "check")
    state = server.maintenance().rows(_STATE)[0]
    if not done.ok:
        raise VerificationFailed(
            f"pgBackRest's check failed: {said(done)}",
            where=stanza.where,
            why=f"archive_command failed {state['failed_count']} times; pg_wal holds {state['pg_wal_size']} bytes",
            hint="the server's log tells what archive_command said",
            data=dict(state),
        )
    return {**_whole(at, stanza, state), "seconds": round(monotonic() - begun, 3)}


def _whole(at: Acting, stanza: Stanza, state: Mapping[str, Any]) -> Mapping[str, Any]:
    size, timeline = int(state["segment_size"]), int(state["timeline"])
    found = info(at.host, stanza)
    archives = sorted({one.archive for one in found.backups})
    files = BackrestArchive(at.host, stanza, archives[-1]).files() if archives else {}
    last = max((name for name in files if is_segment(name) and int(name[:8], 16) == timeline), default=None)
    holes = 0
    if last is not None:
        starts = [one.start for one in found.backups if one.archive == archives[-1]]
        holes = check_whole(files, Segment.of_name(last, size), stanza.where, starts)
    return {
        "segment": last,
        "segments": sum(is_segment(name) for name in files),
        "timelines": sorted({int(name[:8], 16) for name in files if is_segment(name) or is_history(name)}),
        "timeline": timeline,
        "pruned": holes,
        "failed_count": state["failed_count"],
        "pg_wal_size": state["pg_wal_size"],
        "backups": [dict(one.to_plain()) for one in found.backups],
        "location": stanza.where,
    }


def _configuration(server: Postgres, stanza: Stanza, spool: str) -> str:
    return stanza.text(files_of(server), spool)
