"""The WAL a base backup itself needs: without any of it the backup cannot be restored."""

from __future__ import annotations

from collections.abc import Mapping

from runner.backup.manifest import Manifest
from runner.backup.wal.archive import Archived, WalArchive, only
from runner.backup.wal.base import KIND, base_of
from runner.backup.wal.names import Segment
from runner.backup.wal.reach import Start
from runner.errors import VerificationFailed
from runner.repositories.contract import Repository


def own_segments(start: Start) -> list[str]:
    """Their names, from the backup's beginning to its end."""
    numbers = range(start.segment.number, start.last_segment.number + 1)
    return [Segment(start.timeline, number, start.segment_size).name for number in numbers]


def missing(archive: WalArchive, start: Start) -> list[str]:
    """Those that are not in the archive, in order."""
    return [name for name, found in _wanted(archive, start).items() if not found]


def needed(archive: WalArchive, start: Start) -> tuple[Archived, ...]:
    """All of them, in order; VerificationFailed if one is there twice with different content."""
    return tuple(only(found, archive.describe()) for found in _wanted(archive, start).values() if found)


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
    wanted = _wanted(archive, base.start)
    if lost := [name for name, found in wanted.items() if not found]:
        raise VerificationFailed(
            f"WAL segment {lost[0]}, which base backup {manifest.id} itself needs, is missing",
            where=archive.describe(),
            why="the backup can only be made consistent with all WAL from its beginning to its end",
            hint="bring it from a copy of the repository, or take another base backup",
        )
    return archive, tuple(only(found, archive.describe()) for found in wanted.values())


def _wanted(archive: WalArchive, start: Start) -> Mapping[str, tuple[Archived, ...]]:
    """Each of the names, in order, and what is there of it."""
    names = own_segments(start)
    there = archive.among(names)
    return {name: there.get(name, ()) for name in names}
