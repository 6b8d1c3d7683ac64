"""What comes before a play's first task: its hosts in their order, and the gathering of their facts."""

from __future__ import annotations

import random
from dataclasses import replace

from runner.engine.state import RunState
from runner.plan import PlannedPlay, batches
from runner.playbook import Keywords, Play, Task


def lined_up(planned: PlannedPlay, state: RunState) -> PlannedPlay:
    """The play with its hosts shuffled, if its `order` says so; a resumed run keeps the order it began with."""
    play = planned.play
    if play.order != "shuffle":
        return planned
    hosts = list(planned.hosts)
    before = state.orders.get(play.path)
    if before is None:
        random.shuffle(hosts)
    else:
        place = {host: number for number, host in enumerate(before)}
        hosts.sort(key=lambda host: place.get(host, len(place)))
    return replace(planned, hosts=tuple(hosts), batches=batches(hosts, play.serial))


def facts_task(play: Play) -> Task:
    """The task that gathers the facts of the play's hosts, as Ansible names and tags it."""
    return Task(
        path=f"{play.path}.facts",
        location=play.location,
        name="Gathering Facts",
        module="setup",
        args=play.gathering.args,
        keywords=Keywords(tags=("always",), timeout=play.gathering.timeout),
    )
