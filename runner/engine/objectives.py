"""What a play promised (`objectives: {rto, rpo}`) against what was reached.

- rto: from the run's first start, the time before any resume included, to the play's end.
- rpo: how old the data is that came back: from the oldest restored point a task of the play reports
  (`restored_point`, ISO 8601) to the failure, which is the variable `failure_at` or else the run's start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from runner.engine.state import RunState
from runner.errors import TaskFailed
from runner.events import ObjectiveMeasured, Status
from runner.playbook import Play


def measured(play: Play, state: RunState, now: float, failure_at: object = None) -> list[ObjectiveMeasured]:
    """The play's objectives that are not recorded yet. One that nothing proves to be met counts as missed."""
    started = now if state.started_at is None else state.started_at
    found: list[ObjectiveMeasured] = []
    if play.objectives.rto is not None:
        found.append(_event(play, "rto", play.objectives.rto, now - started, now))
    if play.objectives.rpo is not None:
        point = min(_restored_points(play, state), default=None)
        failure = started if failure_at is None else moment(failure_at)
        found.append(
            _event(play, "rpo", play.objectives.rpo, None if point is None else max(0.0, failure - point), now)
        )
    return [event for event in found if (event.path, event.objective) not in state.objectives]


def moment(value: object) -> float:
    """Seconds since the epoch of an ISO 8601 time (UTC if it names no zone) or of such a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise TaskFailed(f"{value!r} is not a time", hint="write it like 2026-11-23T02:58:22Z") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _event(play: Play, name: str, target: float, reached: float | None, now: float) -> ObjectiveMeasured:
    return ObjectiveMeasured(play.path, name, target, reached, reached is not None and reached <= target, at=now)


def _restored_points(play: Play, state: RunState) -> Iterator[float]:
    for (path, _), end in state.ends.items():
        if path.startswith(f"{play.path}.") and end.status in (Status.OK, Status.CHANGED):
            yield from _points(end.result)


def _points(result: Mapping[str, Any]) -> Iterator[float]:
    if result.get("restored_point"):
        yield moment(result["restored_point"])
    for one in result.get("results", ()):
        if isinstance(one, Mapping):
            yield from _points(one)
