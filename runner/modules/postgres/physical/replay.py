"""Recovery on the side: WAL is replayed up to the target, the result looked at, and made a primary of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from time import monotonic
from typing import Final, Protocol

from runner.backup.wal.names import Lsn, Segment, history_name, is_segment
from runner.backup.wal.reach import Reach, Start
from runner.errors import TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.modules.contract import Acting
from runner.modules.postgres.database import AUTOCOMMIT, CannotConnect, Database
from runner.modules.postgres.physical.side import Side, fatal, is_up, log
from runner.modules.postgres.physical.target import Target

_PAUSE: Final = 0.2
_SHARE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
# A standby that has asked for what comes after the end and got no further for so many seconds has replayed it all.
_STILL: Final = 3.0
_STATE: Final = """
SELECT pg_is_in_recovery() AS recovering, pg_last_wal_replay_lsn()::text AS lsn,
       pg_last_xact_replay_timestamp()::text AS at,
       CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS paused
"""
_PROMOTE: Final = "SELECT pg_promote(true, 600)"
_RESUME: Final = "SELECT pg_wal_replay_resume()"
_END: Final = """
SELECT timeline_id AS timeline, (SELECT system_identifier::text FROM pg_control_system()) AS system
FROM pg_control_checkpoint()
"""


class Course(Protocol):
    """From a backup to a target, proved to be reachable; `where` is the repository, for people."""

    @property
    def id(self) -> str: ...

    @property
    def start(self) -> Start: ...

    @property
    def reach(self) -> Reach: ...

    @property
    def target(self) -> Target: ...

    @property
    def where(self) -> str: ...


class Feed(Protocol):
    """Who brings WAL to a recovering server. `taken` are the files it took, `asked` what it looked for in vain.

    `error` is why nothing more will come, if so.
    """

    error: BaseException | None

    @property
    def restore_command(self) -> str: ...

    @property
    def taken(self) -> Sequence[str]: ...

    @property
    def asked(self) -> Collection[str]: ...

    def going_on(self) -> AbstractContextManager[None]:
        """Files come while the context is open."""
        ...


@frozen
class Reached:
    """Where recovery stopped: the last position replayed, and when the last transaction in it was committed (as
    PostgreSQL writes it; "" if there was none)."""

    lsn: str
    last_commit: str


@frozen
class Promoted:
    """What came of it."""

    timeline: int
    system_identifier: str


def settings(target: Target, choice: Course, feeding: Feed) -> Mapping[str, str]:
    """What a server needs to recover to the target and stop there."""
    return {
        **target.settings(),
        "recovery_target_timeline": str(choice.reach.timeline),
        "restore_command": feeding.restore_command,
    }


def signal_file(target: Target) -> str:
    """The file that makes a server recover. Without a target it must not end recovery by itself."""
    return "standby.signal" if target.kind == "latest" else "recovery.signal"


def until_target(at: Acting, side: Side, target: Target, choice: Course, feeding: Feed) -> Reached:
    """Wait until the target is reached; VerificationFailed if the log ends before it or cannot be replayed."""
    ended = _at_end(feeding, choice) if target.kind == "latest" else None
    begun, since, taken = False, monotonic(), 0
    database: Database | None = None
    while True:
        if feeding.error is not None:
            raise feeding.error
        if len(names := feeding.taken) > taken:
            # It replays, and every question would slow it down: they are for when it takes no more.
            taken = len(names)
            at.progress("replaying WAL", *_progress(choice, _begun(choice, names)))
            at.sleep(_PAUSE)
            continue
        try:
            database = database or side.server.maintenance()
            state = database.rows(_STATE)[0]
        except CannotConnect:
            if begun and not is_up(side):
                # What could not be fetched is why, and it is known before the server learns of it.
                raise feeding.error or _stopped(side, target, choice) from None
        else:
            at.progress("replaying WAL", *_progress(choice, str(state["lsn"] or "")))
            if ended(state) if ended else state["paused"]:
                return Reached(str(state["lsn"]), str(state["at"] or ""))
            if not state["recovering"]:
                raise _promoted_early(side, target)
        begun = begun or is_up(side) or fatal(log(side)) != ""
        # Each look takes of what recovery needs: of a long one a small part.
        at.sleep(min(max(_PAUSE, (monotonic() - since) * _SHARE), _LONGEST_PAUSE))


def promote(at: Acting, side: Side, target: Target) -> Promoted:
    """End recovery: the cluster begins a timeline of its own, written down for good."""
    database = side.server.maintenance()
    database.run([_PROMOTE if target.kind == "latest" else _RESUME], AUTOCOMMIT)
    while database.scalar("SELECT pg_is_in_recovery()"):
        at.sleep(_PAUSE)
    database.run(["CHECKPOINT"], AUTOCOMMIT)
    row = database.rows(_END)[0]
    return Promoted(int(str(row["timeline"])), str(row["system"]))


def announce(side: Side, promoted: Promoted) -> None:
    """Let the live server archive the new timeline's history first of all: the side's server archives nothing, and
    without it no later recovery would find the way from the old timeline to the new one."""
    side.mark(f"pg_wal/archive_status/{history_name(promoted.timeline)}.ready")


def _at_end(feeding: Feed, choice: Course) -> Callable[[Mapping[str, object]], bool]:
    """Says whether a standby has replayed everything: it asks for what comes after the end, and gets no further."""
    base = choice.start
    seen: list[object] = [None, monotonic()]

    def ended(state: Mapping[str, object]) -> bool:
        if state["lsn"] != seen[0] or not choice.reach.is_passed(feeding.asked, feeding.taken, base):
            seen[:] = [state["lsn"], monotonic()]
            return False
        return monotonic() - float(str(seen[1])) > _STILL

    return ended


def _begun(choice: Course, taken: Sequence[str]) -> str:
    """Where the segment begins that was taken last; "" if none was."""
    last = next((name for name in reversed(taken) if is_segment(name)), None)
    return str(Segment.of_name(last, choice.start.segment_size).start) if last else ""


def _progress(choice: Course, lsn: str) -> tuple[int, int]:
    start = choice.start.start.position
    done = Lsn.of(lsn).position - start if lsn else 0
    return max(done, 0), max(choice.reach.end.position - start, 1)


def _stopped(side: Side, target: Target, choice: Course) -> TaskFailed:
    said = fatal(log(side))
    if "recovery ended before configured recovery target was reached" in said:
        return VerificationFailed(
            f"the target, {target.describe()}, is not in the WAL",
            where=choice.where,
            why=f"recovery came to the end of the log ({choice.reach.end}, timeline {choice.reach.timeline}) before it",
            hint="check the target; the live cluster was not touched",
        )
    return VerificationFailed(
        f"recovery stopped: {said or 'the server ended without a word'}",
        where=side.files.name,
        why="the backup's files were proved, so a WAL file, the programs or the machine are to blame",
        hint="the live cluster was not touched; try another backup, target or host",
        data={"log": log(side)},
    )


def _promoted_early(side: Side, target: Target) -> TaskFailed:
    return VerificationFailed(
        f"the server ended recovery by itself before {target.describe()}",
        where=side.files.name,
        why="what it holds now is not what was asked for",
        hint="the live cluster was not touched; see the log in `data`",
        data={"log": log(side)},
    )
