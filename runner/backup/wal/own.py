"""The WAL a base backup itself needs: without any of it the backup cannot be restored."""

from __future__ import annotations

from runner.backup.manifest import Manifest
from runner.backup.wal.archive import Archived, WalArchive, only
from runner.backup.wal.base import KIND, base_of
from runner.backup.wal.names import Lsn, Segment
from runner.backup.wal.reach import Start
from runner.errors import VerificationFailed
from runner.repositories.contract import Repository


def own_segments(start: Start) -> list[str]:
    """Their names, from the backup's beginning to its end."""
    last = Segment.holding(Lsn(start.stop.position - 1), start.timeline, start.segment_size)
    numbers = range(start.segment.number, last.number + 1)
    return [Segment(start.timeline, number, start.segment_size).name for number in numbers]


def missing(archive: WalArchive, start: Start) -> list[str]:
    """Those that are not in the archive, in order."""
    wanted = own_segments(start)
    there = archive.among(wanted)
    return [name for name in wanted if name not in there]


def own_wal(repository: Repository, manifest: Manifest) -> tuple[WalArchive, tuple[Archived, ...]]:
    """The files and where they are; none for any other kind of backup, or one that has its WAL inside.

    VerificationFailed if one is missing, or there twice with different content.
    """
    if manifest.kind != KIND:
        return WalArchive(repository, manifest.service, ""), ()
    base = base_of(manifest)
    archive = WalArchive(repository, manifest.service, base.system_identifier)
    if base.own_wal:
        return archive, ()
    wanted = own_segments(base.start)
    there = archive.among(wanted)
    lost = [name for name in wanted if name not in there]
    if lost:
        raise VerificationFailed(
            f"WAL segment {lost[0]}, which base backup {manifest.id} itself needs, is missing",
            where=archive.describe(),
            why="the backup can only be made consistent with all WAL from its beginning to its end",
            hint="bring it from a copy of the repository, or take another base backup",
        )
    return archive, tuple(only(there[name], archive.describe()) for name in wanted)
