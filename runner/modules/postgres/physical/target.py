"""Where a recovery is to stop, as PostgreSQL's recovery_target settings say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from runner.backup.wal.names import Lsn
from runner.errors import TaskFailed
from runner.frozen import frozen

Kind = Literal["latest", "immediate", "time", "lsn", "xid", "name"]

_XID: Final = re.compile(r"\d+")


@frozen
class Target:
    """`value` is what the kind needs: a moment in UTC, a position, a transaction's id, a restore point's name.

    `inclusive`: what happened exactly there is still part of it. `timeline` is None for the latest.
    """

    kind: Kind
    value: str
    inclusive: bool
    timeline: int | None

    @property
    def moment(self) -> datetime | None:
        return datetime.fromisoformat(self.value) if self.kind == "time" else None

    @property
    def lsn(self) -> Lsn | None:
        return Lsn.of(self.value) if self.kind == "lsn" else None

    def describe(self) -> str:
        """For people: `time 2026-11-26T03:00:00+00:00`."""
        return f"{self.kind} {self.value}".strip() + ("" if self.inclusive else " (exclusive)")

    def settings(self) -> Mapping[str, str]:
        """For the recovering server; of `latest` there is none, it goes on until somebody promotes it."""
        if self.kind == "latest":
            return {}
        if self.kind == "immediate":
            return {"recovery_target": "immediate", "recovery_target_action": "pause"}
        return {
            f"recovery_target_{self.kind}": self.value,
            "recovery_target_inclusive": "on" if self.inclusive else "off",
            "recovery_target_action": "pause",
        }


def target_of(
    given: Mapping[str, str | None], plain: Literal["latest", "immediate"], inclusive: bool, timeline: int | None
) -> Target:
    """The one that is given by its kind, else `plain`; TaskFailed if several are, or one cannot be understood."""
    named = [(kind, value) for kind, value in given.items() if value is not None]
    if not named:
        return Target(plain, "", True, timeline)
    if len(named) > 1:
        kinds = " and ".join(f"target_{kind}" for kind, _ in named)
        raise TaskFailed(f"{kinds} are both given", hint="a recovery stops at one place: give one of them")
    (kind, value) = named[0]
    if kind == "time":
        return Target("time", _moment(value), inclusive, timeline)
    if kind == "lsn":
        return Target("lsn", str(Lsn.of(value)), inclusive, timeline)
    if kind == "xid":
        if not _XID.fullmatch(value):
            raise TaskFailed(f"target_xid: {value!r} is not a transaction's id", hint="it is a number")
        return Target("xid", value, inclusive, timeline)
    return Target("name", value, True, timeline)


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise TaskFailed(f"target_time: {text!r} is not a time", hint="write 2026-11-26T03:00:00+01:00") from None
    if found.tzinfo is None:
        raise TaskFailed(
            f"target_time: {text!r} has no offset from UTC",
            why="without it the same text is another moment in another place",
            hint="write 2026-11-26T03:00:00+01:00, or end with Z for UTC",
        )
    if found > datetime.now(UTC):
        raise TaskFailed(f"target_time: {text} is in the future", hint="for the newest state leave it out")
    return found.astimezone(UTC).isoformat()
