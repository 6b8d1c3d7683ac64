"""The base backup a recovery starts from, and the proof that its target can be reached, from the repository alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from runner.backup.catalogue import LATEST, check_presence, find, ids, read
from runner.backup.lineage import lineage
from runner.backup.manifest import Manifest
from runner.backup.wal import fetching
from runner.backup.wal.archive import Archived, WalArchive
from runner.backup.wal.base import KIND, Base, base_of
from runner.backup.wal.own import own_wal
from runner.backup.wal.reach import Reach, Start, reach
from runner.errors import ObjectNotFound, SentraPlayError, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.postgres.physical.target import Target
from runner.modules.postgres.programs import Version
from runner.repositories.contract import Repository

# How far the clocks of a store and of a server may be apart: what is refused by them must be refused for sure.
_CLOCKS: Final = timedelta(minutes=1)
_NO_GAP: Final = "every segment from the backup to the target must be there"


@frozen
class Choice:
    """A whole backup or an increment made of files, and the WAL that leads from it to the target.

    `target` is what is to be reached: what was asked for, or the end of a named increment of WAL alone.
    """

    manifest: Manifest
    base: Base
    archive: WalArchive
    reach: Reach
    target: Target

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def restored_point(self) -> datetime:
        """When the backup ended."""
        return self.manifest.restored_point

    @property
    def start(self) -> Start:
        return self.base.start

    @property
    def where(self) -> str:
        return self.archive.describe()

    @property
    def major(self) -> int:
        return major_of(self.manifest)


def choose(repository: Repository, service: str, backup: str, target: Target, reader: Reader) -> Choice:
    """The newest backup from which the target can be reached, or the one that is named.

    Histories of timelines are decompressed on `reader`. VerificationFailed if from none it can, for the reason that
    holds for the newest that ends before the target.
    """

    def text(one: Archived) -> str:
        return fetching.read(WalArchive(repository, service, ""), one, reader)

    reasons: list[SentraPlayError] = []
    for manifest in _candidates(repository, service, backup):
        try:
            if base_of(manifest).point and backup == LATEST:
                continue  # the backup it builds on reaches as far
            choice = _reaching(repository, manifest, target, text)
            for one in lineage(repository, manifest):
                check_presence(repository, one)
            return choice
        except (VerificationFailed, ObjectNotFound) as error:
            reasons.append(error)
    if not reasons:
        raise ObjectNotFound(
            f"there is no base backup of {service}",
            where=repository.describe(),
            why="recovery to a point in time starts from one; a dump cannot be the start",
            hint="make one with pg_basebackup",
        )
    raise newest_reason(reasons)


def major_of(manifest: Manifest) -> int:
    """The major version of PostgreSQL whose files they are."""
    version = Version.of_text(str(manifest.versions.get("postgresql", "")))
    if version is None:
        raise TaskFailed(f"backup {manifest.id} does not say which PostgreSQL it is of")
    return version.major


def _candidates(repository: Repository, service: str, backup: str) -> Sequence[Manifest]:
    if backup != LATEST:
        return [find(repository, service, backup, KIND)]
    return [read(repository, service, one) for one in reversed(ids(repository, service, KIND))]


class _TooLate(VerificationFailed):
    """The backup ends after the target."""


def newest_reason(reasons: Sequence[SentraPlayError]) -> SentraPlayError:
    """Why none will do, of reasons with the newest backup's first."""
    # Backups made after the target say nothing about what is wrong with those made before it.
    return next((one for one in reasons if not isinstance(one, _TooLate)), reasons[-1])


def _reaching(repository: Repository, manifest: Manifest, target: Target, text: Callable[[Archived], str]) -> Choice:
    base = base_of(manifest)
    archive = WalArchive(repository, manifest.service, base.system_identifier)
    check_order(manifest.id, manifest.restored_point, base.start, target)
    if base.point and manifest.chain is not None:
        own_wal(repository, manifest)
        whole = read(repository, manifest.service, manifest.chain.base)
        return _reaching(repository, whole, _end_of(base, target), text)
    found = reach(archive, base.start, target.timeline, text)
    where = archive.describe()
    if not base.own_wal and found.end < base.start.stop:
        raise VerificationFailed(
            f"the WAL that backup {manifest.id} itself needs is not whole",
            where=where,
            why=f"it ends at {found.end}, the backup at {base.start.stop}; {_NO_GAP}",
            hint="take another base backup, or ship what still waits on the server (pg_wal_ship)",
        )
    check_end(found, target, where)
    return Choice(manifest, base, archive, found, target)


def _end_of(increment: Base, target: Target) -> Target:
    """Of an increment that is only WAL, `immediate` is where it ends."""
    if target.kind != "immediate":
        return target
    timeline = increment.start.timeline if target.timeline is None else target.timeline
    return Target("name", increment.point, True, timeline)


def check_order(backup: str, ended: datetime, start: Start, target: Target) -> None:
    """VerificationFailed for a target before the backup's end: it would be passed over silently."""
    late_time = target.moment is not None and target.moment < ended
    late_lsn = target.lsn is not None and target.lsn < start.stop
    if late_time or late_lsn:
        raise _TooLate(
            f"backup {backup} ends after the target, {target.describe()}",
            why=f"it is consistent only from {ended.isoformat()}, {start.stop}",
            hint="the target must lie after the end of a base backup: choose a later one, or keep backups longer",
        )


def check_end(found: Reach, target: Target, where: str) -> None:
    """VerificationFailed if the WAL ends before the target."""
    if target.kind == "latest" and found.missing:
        raise VerificationFailed(
            f"WAL segment {found.missing} is missing, and later ones are there",
            where=where,
            why=f"recovery would end at {found.end}, before the latest; {_NO_GAP}",
            hint="give a target before it if that is enough, or bring the segment from a copy of the repository",
        )
    if target.lsn is not None and target.lsn >= found.end:
        raise _beyond(found, target, where)
    newest = max((one.modified for one in found.segments), default=None)
    if target.moment is not None and (newest is None or newest + _CLOCKS < target.moment):
        raise _beyond(found, target, where, newest)


def _beyond(found: Reach, target: Target, where: str, newest: datetime | None = None) -> VerificationFailed:
    at = f", stored {newest.isoformat(timespec='seconds')}" if newest else ""
    gap = f"; segment {found.missing} is missing, later ones are there" if found.missing else ""
    return VerificationFailed(
        f"the WAL in the repository does not reach {target.describe()}",
        where=where,
        why=f"without a gap it ends at {found.end} on timeline {found.timeline}{at}{gap}",
        hint="ship what still waits on the server (pg_wal_ship), or give an earlier target",
    )
