"""How far the WAL of a repository carries a base backup, known before anything is touched.

A segment is looked for as a recovering server does: on the newest timeline of its history that had
begun by then, else on the ones before (PostgreSQL documentation, "Timelines").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from runner.backup.wal.archive import Archived, only
from runner.backup.wal.names import Lsn, Segment, Switch, history_name, is_history, is_segment, read_history
from runner.errors import VerificationFailed
from runner.frozen import frozen


@frozen
class Start:
    """Where a base backup begins and ends in the log: recovery needs all from `start`, and is consistent at `stop`."""

    timeline: int
    start: Lsn
    stop: Lsn
    segment_size: int

    @property
    def segment(self) -> Segment:
        return Segment.holding(self.start, self.timeline, self.segment_size)

    @property
    def last_segment(self) -> Segment:
        """The one that makes it consistent."""
        return Segment.holding(Lsn(self.stop.position - 1), self.timeline, self.segment_size)


@frozen
class Reach:
    """What recovery will read: `segments` in order without a gap, `histories` of the timelines passed.

    `end` is the first position that is not there (nothing is known of what an unfinished last segment holds);
    `missing` names the segment that would hold it if later ones exist (a gap), else "".
    """

    timeline: int
    segments: tuple[Archived, ...]
    histories: tuple[Archived, ...]
    end: Lsn
    missing: str

    def is_passed(self, asked: Collection[str], taken: Collection[str], base: Start) -> bool:
        """Whether a server that took these files, and asked for those in vain, has come to the last there is.

        It asks for a segment only when it has come to the end of the one before; for histories it asks at once.
        In an unfinished segment it stays, and takes it again and again.
        """
        if self.segments and self.segments[-1].unfinished:
            return self.segments[-1].name in taken
        # A backup may bring WAL of its own, which is not in the archive.
        last = max(self.end, base.last_segment.end)
        return any(is_segment(name) and Segment.of_name(name, base.segment_size).start >= last for name in asked)


class Files(Protocol):
    """The WAL of one cluster, wherever it is kept."""

    def files(self) -> Mapping[str, tuple[Archived, ...]]:
        """Every file by name; more than one where contents differ."""
        ...

    def describe(self) -> str: ...


def reach(archive: Files, base: Start, timeline: int | None, text: Callable[[Archived], str]) -> Reach:
    """From `base` as far as the WAL goes on `timeline`, or on the latest that descends from the base's.

    `text` reads a history file. VerificationFailed if the timeline is not there or does not descend from the
    base, or if a segment is there twice with different content.
    """
    files = archive.files()
    chosen = _chosen(files, base, timeline, text, archive.describe())
    history = _history(files, chosen, text, archive.describe())
    segments = tuple(_walk(files, base, chosen, history, archive.describe()))
    end = base.segment.start if not segments else Segment.of_name(segments[-1].name, base.segment_size).end
    missing = _gap(files, chosen, history, end, base.segment_size)
    if segments and not missing and (last := _unfinished(files, Segment.holding(end, chosen, base.segment_size))):
        segments, end = (*segments, last), Segment.of_name(last.name, base.segment_size).end
    passed = {switch.timeline for switch in history if switch.timeline >= base.timeline} | {chosen}
    histories = tuple(
        only(files[history_name(one)], archive.describe()) for one in sorted(passed) if history_name(one) in files
    )
    return Reach(chosen, segments, histories, end, missing)


def _chosen(
    files: Mapping[str, Sequence[Archived]],
    base: Start,
    timeline: int | None,
    text: Callable[[Archived], str],
    where: str,
) -> int:
    if timeline is not None:
        if not _descends(_history(files, timeline, text, where), timeline, base):
            raise VerificationFailed(
                f"timeline {timeline} does not descend from the backup's timeline {base.timeline} after its end",
                where=where,
                hint="take a backup made earlier or on that timeline, or another timeline",
            )
        return timeline
    known = sorted((int(name[:8], 16) for name in files if is_history(name)), reverse=True)
    for one in known:
        if one > base.timeline and _descends(_history(files, one, text, where), one, base):
            return one
    return base.timeline


def _history(
    files: Mapping[str, Sequence[Archived]], timeline: int, text: Callable[[Archived], str], where: str
) -> tuple[Switch, ...]:
    name = history_name(timeline)
    if name in files:
        return read_history(text(only(files[name], where)))
    if timeline == 1 or any(is_segment(file) and int(file[:8], 16) == timeline for file in files):
        return ()
    raise VerificationFailed(
        f"there is no timeline {timeline} in the archive",
        where=where,
        why=f"it has no {name}",
        hint="leave timeline out for the latest, or look with pg_wal_archive, state: check",
    )


def _descends(history: Sequence[Switch], timeline: int, base: Start) -> bool:
    if timeline == base.timeline:
        return True
    left = next((switch for switch in history if switch.timeline == base.timeline), None)
    return left is not None and left.at >= base.stop


def _walk(
    files: Mapping[str, Sequence[Archived]], base: Start, timeline: int, history: Sequence[Switch], where: str
) -> Iterator[Archived]:
    segment = base.segment
    while found := _found(files, segment, timeline, history):
        yield only(found, where)
        segment = segment.next()


def _unfinished(files: Mapping[str, Sequence[Archived]], segment: Segment) -> Archived | None:
    """What a receiver had of the segment when its server was lost; of several the last holds what the others do."""
    found = files.get(f"{segment.name}.partial")
    return replace(max(found, key=lambda one: one.modified), name=segment.name) if found else None


def _found(
    files: Mapping[str, Sequence[Archived]], segment: Segment, timeline: int, history: Sequence[Switch]
) -> Sequence[Archived]:
    """The file a recovering server would take for these positions."""
    begun = [(timeline, history[-1].at if history else Lsn(0))]
    for before, switch in zip((*reversed(history[:-1]), None), reversed(history), strict=False):
        begun.append((switch.timeline, before.at if before else Lsn(0)))
    for one, since in begun:
        if since < segment.end and (found := files.get(segment.on(one).name)):
            return found
    return ()


def _gap(files: Mapping[str, Sequence[Archived]], timeline: int, history: Sequence[Switch], end: Lsn, size: int) -> str:
    missing = Segment.holding(end, timeline, size)
    later = [name for name in files if is_segment(name) and int(name[:8], 16) == timeline]
    if any(Segment.of_name(name, size).number > missing.number for name in later):
        return missing.name
    return ""
