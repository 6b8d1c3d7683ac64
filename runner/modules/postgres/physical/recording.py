"""Increments before PostgreSQL 17: the WAL since the last backup, recorded as a backup of its own.

A restore point marks where it ends. What it holds lies in the archive already; it adds the proof that all of it is
there, a point to recover to by its name, and a reason for retention and copies to keep that WAL.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from runner.backup.chaining import Ground
from runner.backup.compression import Compression
from runner.backup.wal.archive import Archived
from runner.backup.wal.base import Base, base_of
from runner.backup.wal.names import Lsn
from runner.backup.wal.reach import Start
from runner.backup.writer import BackupWriter
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Pipeline, command
from runner.modules.postgres.session import Postgres

WAL_ROLE: Final = "wal"
_WHERE: Final = """
SELECT pg_is_in_recovery() AS standby, (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline
"""
_MARK: Final = "SELECT pg_create_restore_point(%s)::text AS lsn"
_END: Final = "SELECT clock_timestamp() AS at, pg_switch_wal()::text AS switched"


@frozen
class Recorded:
    """What an increment holds, and the moment (UTC) from which on it does."""

    base: Base
    ended: datetime


def follows(server: Postgres, found: Ground) -> Ground:
    """`found`, unless the server's log is not the one it ends in, or cannot be marked."""
    if found.manifest is None:
        return found
    where = server.maintenance().rows(_WHERE)[0]
    if where["standby"]:
        return Ground(None, "the server is a standby, whose log cannot be marked")
    if where["timeline"] != base_of(found.manifest).start.timeline:
        return Ground(None, f"the cluster is on another timeline than {found.manifest.id}")
    return found


def mark(server: Postgres, since: Ground, name: str) -> Recorded:
    """End the increment here, by a restore point called `name`, and have the server finish the segment it is in.

    TaskFailed if the role may not.
    """
    assert since.manifest is not None
    before = base_of(since.manifest)
    database = server.maintenance()
    stop = Lsn.of(str(database.scalar(_MARK, [name])))
    ended = datetime.fromisoformat(str(database.rows(_END)[0]["at"]))
    start = Start(before.start.timeline, before.start.stop, stop, before.start.segment_size)
    return Recorded(Base(before.system_identifier, start, own_wal=False, size=before.size, point=name), ended)


def store_list(host: Host, writer: BackupWriter, compression: Compression, files: Sequence[Archived]) -> None:
    """The object of such a backup: which files it is made of, by name and sha256."""
    listed = [{"name": one.name, "sha256": one.sha256, "key": one.key, "size": one.size} for one in files]
    writer.store(
        host,
        Pipeline((command("cat"), *compression.members)),
        f"wal.json{compression.suffix}",
        role=WAL_ROLE,
        format="json",
        compression=compression.name,
        stdin=json.dumps({"files": listed}, indent=1).encode(),
    )


class NotRecorded(TaskFailed):
    """The WAL of an increment is not all there: a whole backup is what helps."""
