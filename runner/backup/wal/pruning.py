"""Which WAL of a repository no base backup needs any more. Pure but for the listing.

Of every base backup the WAL from its beginning to its end stays: without it it cannot be restored at all. Of those a
recovery to a later moment may begin with, everything after it stays too. Without a `pitr_window` that is every base
backup; with one it is, of each host, the newest good whole one older than the window and all younger ones.

Positions only grow along the history of a timeline, so what lies before a backup's beginning is needed by it on no
timeline; whatever lies behind stays, on abandoned timelines too. So do timelines younger than that backup's: after a
step back in time they begin at lower positions, and the first base backup on them may just be under way. Histories of
timelines stay always.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from runner.backup.wal.archive import Archived, archived
from runner.backup.wal.names import Segment, is_history
from runner.backup.wal.reach import Start
from runner.frozen import frozen
from runner.repositories.contract import Repository


@frozen
class Needing:
    """A base backup as the WAL's retention sees it: `moment` is the state it holds (UTC), `group` its host.

    `is_good` unless a verification of it failed; `is_whole` unless it builds on another.
    """

    id: str
    system_identifier: str
    group: str
    moment: datetime
    start: Start
    is_good: bool
    is_whole: bool


@frozen
class WalPlan:
    """What becomes of the WAL of one cluster: `dropped` goes, oldest first, of `count` files; `reason` says why."""

    system_identifier: str
    count: int
    dropped: tuple[Archived, ...]
    reason: str

    @property
    def size(self) -> int:
        """Bytes that would be given back."""
        return sum(one.size for one in self.dropped)


def plan_wal(
    repository: Repository,
    service: str,
    bases: Sequence[Needing],
    damaged: Collection[str],
    window: float,
    now: datetime,
) -> tuple[WalPlan, ...]:
    """Of each cluster that has WAL here; `damaged` are ids of base backups whose beginning nobody can read, `window`
    is the `pitr_window` in seconds. Where anything is in doubt nothing goes."""
    plans = []
    for system, files in archived(repository, service).items():
        dropped: tuple[Archived, ...] = ()
        needing = [one for one in bases if one.system_identifier == system]
        if damaged:
            reason = f"all of it stays: where {min(damaged)} begins cannot be read, its manifest is damaged"
        elif not needing:
            reason = "all of it stays: there is no base backup of this cluster"
        else:
            first = first_needed(needing, window, now)
            dropped = unneeded(files, needing, first)
            reason = f"needed from {first.start.segment.name} on, where {first.id} begins"
        plans.append(WalPlan(system, len(files), dropped, reason))
    return tuple(plans)


def first_needed(bases: Sequence[Needing], window: float, now: datetime) -> Needing:
    """The base backup from whose beginning on nothing goes."""
    since: dict[str, datetime] = {}
    limit = now - timedelta(seconds=window)
    for one in bases:
        if window and one.is_good and one.is_whole and one.moment <= limit:
            since[one.group] = max(one.moment, since.get(one.group, one.moment))
    later = [one for one in bases if one.group not in since or one.moment >= since[one.group]]
    return min(later, key=lambda one: one.start.start)


def unneeded(files: Iterable[Archived], bases: Sequence[Needing], first: Needing) -> tuple[Archived, ...]:
    """The files before `first` that are no base backup's own, oldest first."""
    begin = first.start.segment
    own = [range(one.start.segment.number, one.start.last_segment.number + 1) for one in bases]
    placed = [(_segment(one.name, begin.size), one.key, one) for one in files if not is_history(one.name)]
    return tuple(
        one
        for at, _, one in sorted(placed, key=lambda it: (it[0].number, it[1]))
        if at.number < begin.number and at.timeline <= begin.timeline and not any(at.number in there for there in own)
    )


def _segment(name: str, size: int) -> Segment:
    """Of a segment, and of what is named after one (.partial, .backup)."""
    return Segment.of_name(name[:24], size)
