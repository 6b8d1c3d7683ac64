"""Recovery beside the live cluster that stops at its target and stays there, to look around and to go on from.

A server that is at one target and asked for a later one goes on from where it is; for an earlier one it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from runner.errors import SentraPlayError, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Script
from runner.modules.contract import Acting
from runner.modules.postgres.physical import replay, side
from runner.modules.postgres.physical.explored import Explored, Explorer
from runner.modules.postgres.physical.replay import Course, Feed
from runner.modules.postgres.physical.side import Side

_NO_FEED: Final = Script('rm -rf -- "$1"')
# What PostgreSQL says of a target that lies before what the files already hold (src/backend/access/transam).
_PASSED: Final = "before consistent recovery point"


@frozen
class Exploring:
    """How to recover: `major` is the cluster's version, `settings` are the recovering server's.

    `restored` puts the backup's files, proved, into an empty side; it and `fed` give what will bring the WAL.
    """

    course: Course
    major: int
    settings: Mapping[str, str]
    restored: Callable[[Side], Feed]
    fed: Callable[[Side], Feed]


def explore(at: Acting, explorer: Explorer, how: Exploring) -> tuple[Explored, bool]:
    """Bring the exploration to the target; what is there then, and whether anything had to be done.

    Raises what recovery raises; nothing of it stays then.
    """
    found = explorer.found()
    try:
        if found is not None and found.backup == how.course.id:
            aside = explorer.aside(how.major)
            if found.target == how.course.target.describe() and side.is_up(aside):
                return found, False
            try:
                return _moved(at, explorer, aside, how), True
            except VerificationFailed as failed:
                if _PASSED not in failed.message:
                    raise
        return _begun(at, explorer, how), True
    except BaseException:
        with suppress(SentraPlayError):
            explorer.remove()
        raise


def _begun(at: Acting, explorer: Explorer, how: Exploring) -> Explored:
    explorer.remove()
    explorer.make()
    aside = explorer.aside(how.major)
    feeding = how.restored(aside)
    aside.mark(replay.signal_file(how.course.target))
    return _to_target(at, explorer, aside, how, feeding)


def _moved(at: Acting, explorer: Explorer, aside: Side, how: Exploring) -> Explored:
    explorer.write(Explored(how.course.id, "", "", ""))  # no target's any more, until it has reached the next
    side.stop(aside, "fast")
    aside.files.run(Script(_NO_FEED.text, (aside.feed,)))
    return _to_target(at, explorer, aside, how, how.fed(aside))


def _to_target(at: Acting, explorer: Explorer, aside: Side, how: Exploring, feeding: Feed) -> Explored:
    course, target = how.course, how.course.target
    with feeding.going_on():
        side.launch(aside, {**how.settings, **replay.settings(target, course, feeding)})
        reached = replay.until_target(at, aside, target, course, feeding)
    state = Explored(course.id, target.describe(), reached.lsn, reached.last_commit)
    explorer.write(state)
    return state
