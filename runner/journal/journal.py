"""The journal as the engine, resume and `sentraplay runs` see it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from runner.errors import Refused
from runner.events import Event, OutputLine, Progress, RunFinished, RunStarted
from runner.frozen import frozen
from runner.journal.claims import Claims
from runner.journal.codec import decode, encode
from runner.journal.database import Database, Row
from runner.journal.grouping import GroupCommit

NOT_KEPT: Final = (OutputLine, Progress)


@frozen
class RunRecord:
    """One run. Times are seconds since the epoch, UTC; `exit_code` is None until it has ended.

    `alive` tells whether a process has the run right now.
    """

    run: str
    playbook: str
    fingerprint: str
    options: Mapping[str, object] = field(hash=False)
    started_at: float
    finished_at: float | None
    exit_code: int | None
    alive: bool

    @property
    def resumable(self) -> bool:
        """Whether there is something left to do: it died, was interrupted, or hosts failed."""
        return not self.alive and self.exit_code != 0


def default_path(environment: Mapping[str, str] | None = None) -> Path:
    """The database of this user: $XDG_STATE_HOME/sentraplay/journal.sqlite3, by default under ~/.local/state."""
    given = (os.environ if environment is None else environment).get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "sentraplay" / "journal.sqlite3"


class Journal:
    """Records one run at a time and reads all of them. Thread-safe but for `close`."""

    def __init__(self, path: Path) -> None:
        """Open or make the database at `path`. SentraPlayError if that is not possible."""
        self._database = Database(path)
        self._claims = Claims(path.with_name(path.name + ".claims"))
        self._group: GroupCommit[Row] = GroupCommit(self._database.append)
        self._run = ""

    def claim(self, run: str) -> None:
        """Become the one controller of `run` until `close` or this process's end. Refused if there is one."""
        self._claims.take(run)
        self._run = run

    def begin(self, started: RunStarted) -> None:
        """Claim the run and record its start (or, resumed, its new start)."""
        self.claim(started.run)
        self._group.add([(self._run, *encode(started))])

    def publish(self, *events: Event) -> None:
        """Record `events` of the run that was begun; all are durable, or none is and SentraPlayError is raised."""
        for event in events:
            if isinstance(event, RunStarted):
                self.claim(event.run)
        kept = [event for event in events if not isinstance(event, NOT_KEPT)]
        if kept and not self._run:
            raise Refused("nothing can be recorded before a run was begun")
        if kept:
            self._group.add([(self._run, *encode(event)) for event in kept])

    def events(self, run: str) -> tuple[Event, ...]:
        """Everything recorded of a run, in order; Refused if there is no such run."""
        rows = self._database.select("run = ?", run)
        if not rows:
            raise Refused(f"the journal has no run {run}", hint="`sentraplay runs list` shows those it has")
        return tuple(decode(kind, body) for _, kind, body in rows)

    def runs(self) -> tuple[RunRecord, ...]:
        """Every run, the latest first."""
        starts: dict[str, RunStarted] = {}
        ends: dict[str, RunFinished | None] = {}
        for run, kind, body in self._database.select("kind IN (?, ?)", RunStarted.__name__, RunFinished.__name__):
            event = decode(kind, body)
            if isinstance(event, RunStarted):
                starts.setdefault(run, event)
                ends[run] = None
            elif isinstance(event, RunFinished):
                ends[run] = event
        return tuple(self._record(started, ends[run]) for run, started in reversed(starts.items()))

    def latest_unfinished(self) -> RunRecord | None:
        """The latest run with something left to do, unless its playbook was run again since."""
        seen: set[str] = set()
        for record in self.runs():
            if record.resumable and record.playbook not in seen:
                return record
            seen.add(record.playbook)
        return None

    def close(self) -> None:
        """Give back the run and close the database. Idempotent."""
        self._claims.release()
        self._database.close()

    def _record(self, started: RunStarted, finished: RunFinished | None) -> RunRecord:
        return RunRecord(
            run=started.run,
            playbook=started.playbook,
            fingerprint=started.fingerprint,
            options=started.options,
            started_at=started.at,
            finished_at=finished.at if finished else None,
            exit_code=finished.exit_code if finished else None,
            alive=self._claims.is_taken(started.run),
        )
