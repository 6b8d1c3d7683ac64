"""From the journal's events back to where a broken run stood.

What resume relies on: a task with a recorded end is not done again; one without is done again whole,
a loop from its first item, because every module's `apply` may be repeated after being cut off anywhere.
A host that failed, or could not be reached, starts again at the task it failed on; what it did after
that (an `always` section, say) is done again too. A value that held a secret is not in the journal:
a task that needs it fails and says so. In check mode nothing was done, so nothing is resumed.
"""

from __future__ import annotations

from collections.abc import Iterable

from runner.engine.state import RunState, fold
from runner.errors import Refused
from runner.events import Event

Done = RunState


def recollect(events: Iterable[Event]) -> Done:
    """The state a run with these recorded events was in."""
    return fold(events)


def refuse_changed_plan(done: Done, fingerprint: str) -> None:
    """Refused if the plan now is not the one that was being carried out."""
    if done.fingerprint and done.fingerprint != fingerprint:
        raise Refused(
            "the playbook, its inventory or the options are not those the run was started with",
            why="steps that were done could mean something else now",
            hint="undo the changes and resume, or start a new run",
        )
