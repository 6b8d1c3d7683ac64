"""Archiving proved end to end: what is written now arrives in the repository, and nothing in between is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from runner.backup.compression import choose
from runner.backup.wal.archive import WalArchive
from runner.backup.wal.fetching import prove_all
from runner.backup.wal.gaps import base_backups, check_whole, may_be_cut
from runner.backup.wal.names import Lsn, Segment, is_history, is_segment
from runner.backup.wal.shipping import look, ship
from runner.errors import VerificationFailed
from runner.frozen import frozen
from runner.modules.contract import Acting
from runner.modules.postgres.database import AUTOCOMMIT
from runner.modules.postgres.physical.receiving import slot_of
from runner.modules.postgres.session import Postgres
from runner.repositories.contract import Repository

_PAUSE: Final = 0.5
_POINT: Final = "SELECT pg_create_restore_point('sentraplay check')::text AS lsn"
_SWITCH: Final = "SELECT pg_switch_wal()::text AS lsn"
_STATE: Final = """
SELECT c.timeline_id AS timeline, s.system_identifier::text AS system,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS segment_size,
       current_setting('archive_mode') AS mode,
       a.failed_count, a.last_failed_wal, a.last_archived_wal,
       coalesce(a.last_failed_time > a.last_archived_time, a.last_failed_time IS NOT NULL) AS failing,
       (SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()) AS pg_wal_size,
       (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS waiting
FROM pg_control_checkpoint() c, pg_control_system() s, pg_stat_archiver a
"""


@frozen
class Wish:
    """What is checked; `timeout` is how many seconds a segment may take to arrive, `full` reads all there is.

    `slot` is the replication slot by which WAL is received; None if the server archives it.
    """

    service: str
    spool: str
    timeout: float
    full: bool = False
    slot: str | None = None


def check(at: Acting, server: Postgres, repository: Repository, wish: Wish) -> Mapping[str, object]:
    """Switch to a new segment, wait until the last one is in the repository, and look for gaps.

    What waits in the spool is shipped on the way. VerificationFailed if archiving is off or fails, if the segment
    does not arrive, or if one is missing or doubled between the oldest in the repository and it; with `full` also if
    any file of the cluster's WAL, of every timeline, is not what was archived.
    """
    before = _state(server)
    _check_on(before, server, wish.slot)
    archive = WalArchive(repository, wish.service, str(before["system"]))
    lag = _lag(archive)
    database, size = server.maintenance(), int(str(before["segment_size"]))
    point = Lsn.of(str(database.run([_POINT], AUTOCOMMIT)[0].rows[0]["lsn"]))
    database.run([_SWITCH], AUTOCOMMIT)
    segment = Segment.holding(Lsn(point.position - 1), int(str(before["timeline"])), size)
    begun = monotonic()
    _wait(at, server, archive, segment, wish)
    files = archive.files()
    bases = base_backups(archive)
    if not bases:
        at.warn(
            "of this cluster there is only WAL, which recovers nothing by itself", "make a base backup: pg_basebackup"
        )
    excused = bases if may_be_cut(at.repositories.retention(repository.name)) else ()
    holes = check_whole(files, segment, archive.describe(), excused)
    seconds = round(monotonic() - begun, 3)
    everything = [one for ones in files.values() for one in ones] if wish.full else []
    prove_all(archive, everything, at.host)
    after = _state(server)
    return {
        "segment": segment.name,
        "seconds": seconds,
        "lag": lag,
        "timeline": segment.timeline,
        "timelines": sorted({int(name[:8], 16) for name in files if is_segment(name) or is_history(name)}),
        "segments": sum(is_segment(name) for name in files),
        "size": sum(one.size for ones in files.values() for one in ones),
        "pruned": holes,
        "read": len(everything),
        "failed_count": after["failed_count"],
        "pg_wal_size": after["pg_wal_size"],
        "waiting": after["waiting"],
        "system_identifier": archive.system_identifier,
        "location": archive.describe(),
    }


def _state(server: Postgres) -> Mapping[str, object]:
    return server.maintenance().rows(_STATE)[0]


def _check_on(state: Mapping[str, object], server: Postgres, slot: str | None) -> None:
    if slot is not None:
        found = slot_of(server, slot)
        if found is None or not found.active:
            raise VerificationFailed(
                "nobody receives the server's WAL",
                where=server.where,
                why=f"the replication slot {slot} is {'not there' if found is None else 'not in use'}",
                hint="run pg_wal_archive with mode: stream and state: present, which starts the receiver",
            )
    elif state["mode"] == "off":
        raise VerificationFailed(
            "the server does not archive its WAL",
            where=server.where,
            why="archive_mode is off",
            hint="run pg_wal_archive with state: present, and allow the restart it needs",
        )


def _lag(archive: WalArchive) -> float | None:
    """Seconds since the newest WAL arrived; None if none did yet."""
    times = [one.modified for ones in archive.files().values() for one in ones]
    return round((datetime.now(UTC) - max(times)).total_seconds(), 3) if times else None


def _wait(at: Acting, server: Postgres, archive: WalArchive, segment: Segment, wish: Wish) -> None:
    until = monotonic() + wish.timeout
    while True:
        _ship(at, archive.repository, wish)
        if archive.among([segment.name]):
            return
        if monotonic() > until:
            raise _not_arrived(server, archive, segment, wish)
        at.sleep(_PAUSE)


def _ship(at: Acting, repository: Repository, wish: Wish) -> None:
    waiting = look(at.host, wish.spool)
    if waiting.waiting:
        ship(at.host, waiting, repository, wish.service, choose(at.host, "auto"))


def _not_arrived(server: Postgres, archive: WalArchive, segment: Segment, wish: Wish) -> VerificationFailed:
    state = _state(server)
    why = f"{state['waiting']} files wait in pg_wal ({state['pg_wal_size']} bytes)"
    if state["failing"]:
        why = f"archive_command failed {state['failed_count']} times, last for {state['last_failed_wal']}; {why}"
    return VerificationFailed(
        f"WAL segment {segment.name} is not in the repository after {wish.timeout:g} seconds",
        where=archive.describe(),
        why=why,
        hint=f"the server's log tells what archive_command said; is {wish.spool} the spool it writes to, and not full?",
        data=dict(state),
    )
