"""The backup a recovery by pgBackRest starts from, and the proof that its target can be reached."""

from __future__ import annotations

from datetime import datetime

from runner.backup.catalogue import LATEST
from runner.backup.wal.reach import Reach, Start, reach
from runner.errors import ObjectNotFound, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.postgres.pgbackrest.configuration import Stanza
from runner.modules.postgres.pgbackrest.info import BackrestArchive, Backup, Info, info
from runner.modules.postgres.physical.choosing import check_end, check_order, newest_reason
from runner.modules.postgres.physical.fitness import Origin
from runner.modules.postgres.physical.target import Target


@frozen
class Chosen:
    """The backup, and the WAL that leads from it to the target."""

    backup: Backup
    reach: Reach
    target: Target
    where: str

    @property
    def id(self) -> str:
        return self.backup.id

    @property
    def restored_point(self) -> datetime:
        """When the backup ended."""
        return self.backup.ended

    @property
    def start(self) -> Start:
        return self.backup.start

    @property
    def major(self) -> int:
        return self.backup.major

    @property
    def origin(self) -> Origin:
        return Origin(self.backup.id, self.backup.architecture, self.backup.libc)


def choose(reader: Reader, stanza: Stanza, backup: str, target: Target) -> Chosen:
    """The newest backup from which the target can be reached, or the one that is named.

    VerificationFailed if from none it can, for the reason that holds for the newest that ends before the target.
    """
    reasons: list[VerificationFailed] = []
    for one in reversed(candidates(info(reader, stanza), stanza, backup)):
        try:
            return _reaching(reader, stanza, one, target)
        except VerificationFailed as error:
            reasons.append(error)
    raise newest_reason(reasons)


def candidates(found: Info, stanza: Stanza, backup: str) -> tuple[Backup, ...]:
    """In order of time; never none."""
    ones = tuple(one for one in found.backups if backup in (LATEST, one.id))
    if not ones:
        known = ", ".join(one.id for one in found.backups[-5:])
        raise ObjectNotFound(
            f"there is no base backup{'' if backup == LATEST else f' {backup}'} of {stanza.name}",
            where=stanza.where,
            why="recovery to a point in time starts from one",
            hint=f"there are: {known}" if known else "make one with pg_basebackup and engine: pgbackrest",
        )
    return ones


def _reaching(reader: Reader, stanza: Stanza, one: Backup, target: Target) -> Chosen:
    if one.damaged:
        raise VerificationFailed(
            f"backup {one.id} holds pages with wrong checksums",
            where=stanza.where,
            why="pgBackRest found them damaged when it read them off the server",
            hint="take an earlier backup, and look at the server's disk",
        )
    check_order(one.id, one.ended, one.start, target)
    archive = BackrestArchive(reader, stanza, one.archive)
    try:
        found = reach(archive, one.start, target.timeline, archive.text)
    except TaskFailed as failed:
        raise VerificationFailed(failed.message, where=failed.where, why=failed.why, hint=failed.hint) from failed
    if found.end < one.start.stop:
        raise VerificationFailed(
            f"the WAL that backup {one.id} itself needs is not whole",
            where=stanza.where,
            why=f"it ends at {found.end}, the backup at {one.start.stop}",
            hint="take another backup",
        )
    check_end(found, target, stanza.where)
    return Chosen(one, found, target, stanza.where)
