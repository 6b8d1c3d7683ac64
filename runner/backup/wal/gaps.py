"""Whether the WAL of a repository goes on without a gap from its oldest segment to a given one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from runner.backup.catalogue import ids, read
from runner.backup.wal.archive import Archived, WalArchive, only
from runner.backup.wal.base import KIND, base_of
from runner.backup.wal.names import DEFAULT_SEGMENT_SIZE, Segment, history_name, is_segment
from runner.backup.wal.own import own_segments
from runner.backup.wal.reach import Start
from runner.errors import ObjectNotFound, VerificationFailed


def base_backups(archive: WalArchive) -> tuple[Start, ...]:
    """Where the cluster's base backups begin and end; one that cannot be read is not among them."""
    found = []
    for backup_id in ids(archive.repository, archive.service, KIND):
        with suppress(VerificationFailed, ObjectNotFound):
            base = base_of(read(archive.repository, archive.service, backup_id))
            found += [base.start] if base.system_identifier == archive.system_identifier else []
    return tuple(found)


def may_be_cut(retention: Mapping[str, object]) -> bool:
    """Whether a repository's retention may have taken WAL between base backups; without any nobody knows."""
    return not retention or bool(retention.get("pitr_window"))


def check_whole(files: Mapping[str, tuple[Archived, ...]], segment: Segment, where: str, bases: Sequence[Start]) -> int:
    """On the timeline of `segment`, from its oldest segment in the repository; how often retention has cut it.

    Retention with a `pitr_window` leaves of older base backups what makes them whole: there the log goes on from the
    end of one to the beginning of the next. VerificationFailed if a segment is missing elsewhere, or doubled.
    """
    there = {name for name in files if is_segment(name) and int(name[:8], 16) == segment.timeline}
    of_line = [one for one in bases if one.timeline == segment.timeline]
    begin, end = {one.segment.name for one in of_line}, {own_segments(one)[-1] for one in of_line}
    at = Segment.of_name(min(there), segment.size)
    before, holes = "", 0
    while at.number <= segment.number:
        if at.name not in there:
            onward = min(name for name in there if name > at.name)
            if before not in end or onward not in begin:
                raise VerificationFailed(
                    f"WAL segment {at.name} is missing",
                    where=where,
                    why="no recovery gets past it: only base backups made after it can reach the present",
                    hint="make a base backup now (pg_basebackup), then find out what removed the segment",
                )
            at, holes = Segment.of_name(onward, segment.size), holes + 1
        only(files[at.name], where)
        before, at = at.name, at.next()
    return holes


def check_timelines(
    files: Mapping[str, tuple[Archived, ...]], where: str, bases: Sequence[Start], *, pruned: bool
) -> tuple[int, ...]:
    """Every timeline, from its oldest segment to its newest, and that its history is there; gives their numbers.

    `pruned` says whether retention may have taken WAL between base backups. Raises like `check_whole`.
    """
    size = bases[0].segment_size if bases else DEFAULT_SEGMENT_SIZE
    newest = {int(name[:8], 16): name for name in sorted(files) if is_segment(name)}
    for timeline, name in newest.items():
        check_whole(files, Segment.of_name(name, size), where, bases if pruned else ())
        if timeline > 1 and history_name(timeline) not in files:
            raise VerificationFailed(
                f"the history of timeline {timeline} is missing",
                where=where,
                why=f"without {history_name(timeline)} no recovery finds the way from an older timeline to it",
                hint="bring it from the server's pg_wal, or from a copy of the repository",
            )
    return tuple(sorted(newest))
