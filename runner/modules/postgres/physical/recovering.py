"""A cluster recovered on the side, made a primary there, asked whether it is right, and cleanly stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.frozen import frozen
from runner.modules.contract import Acting
from runner.modules.postgres import assertions
from runner.modules.postgres.physical import replay, side
from runner.modules.postgres.physical.replay import Course, Feed, Promoted, Reached
from runner.modules.postgres.physical.side import Side


@frozen
class Recovered:
    """Where it stopped, what it became, how many WAL files it took, and what the assertions gave."""

    reached: Reached
    promoted: Promoted
    segments: int
    held: Sequence[Mapping[str, object]]

    def to_plain(self) -> Mapping[str, Any]:
        """For a task's result."""
        return {
            "reached_lsn": self.reached.lsn,
            "last_commit": self.reached.last_commit,
            "segments": self.segments,
            "timeline": self.promoted.timeline,
            "assertions": list(self.held),
        }


def recover(
    at: Acting,
    aside: Side,
    choice: Course,
    feeding: Feed,
    settings: Mapping[str, str],
    database: str,
    asked: Sequence[Mapping[str, object]],
) -> Recovered:
    """The log replayed to the target, the cluster made a primary, the assertions `asked` held in `database`, the
    server cleanly stopped. `feeding` is ready; `settings` are the recovering server's."""
    target = choice.target
    aside.mark(replay.signal_file(target))
    with feeding.going_on(), side.running(aside, {**settings, **replay.settings(target, choice, feeding)}):
        reached = replay.until_target(at, aside, target, choice, feeding)
        promoted = replay.promote(at, aside, target)
        # Not while it is paused: what was under way at the target still holds its locks then (a DROP TABLE, for one).
        held = assertions.check(aside.server.database(database), asked)
        side.stop(aside, "fast")
    return Recovered(reached, promoted, len(feeding.taken), held)
