"""The inventory as it stands now: the plan's, and what tasks have added to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from runner.engine.state import RunState
from runner.inventory import Inventory, grown
from runner.plan import Plan, PlannedPlay, batches, hosts_now
from runner.template import Templar


class Roster:
    """Follows the run's state. Thread-safe.

    `follow` is told every new inventory, as the play sees it that is carried out, before anybody else sees it.
    """

    def __init__(self, plan: Plan, state: RunState, templar: Templar, follow: Callable[[Inventory], None]) -> None:
        self._plan = plan
        self._state = state
        self._templar = templar
        self._follow = follow
        self._lock = threading.RLock()
        self._inventory = plan.inventory
        self._known = 0
        self._playing: PlannedPlay | None = None
        self._view = plan.inventory

    @property
    def inventory(self) -> Inventory:
        """What it is at this moment; the same object as long as nothing was added."""
        self._keep_up()
        return self._inventory

    def _keep_up(self) -> None:
        if len(self._state.added) == self._known:
            return
        with self._lock:
            added = tuple(self._state.added)
            if len(added) != self._known:
                inventory = grown(self._plan.inventory, added)
                self._look(inventory, len(added))
                self._inventory, self._known = inventory, len(added)

    def enter(self, planned: PlannedPlay) -> None:
        """From now on this play is carried out."""
        with self._lock:
            self._playing = planned
            self._look(self.inventory, self._known)

    def seen(self) -> Inventory:
        """What the play sees that is carried out, with the variables beside the playbook it stands in.

        The same object as long as nothing was added.
        """
        self._keep_up()
        return self._view

    def _look(self, inventory: Inventory, known: int) -> None:
        """Take up a new inventory, in which so many additions are `known`, as the current play sees it."""
        own = self._playing.inventory if self._playing else self._plan.inventory
        if own is self._plan.inventory:
            own = inventory
        elif known:
            own = grown(own, self._state.added[:known])
        self._follow(own)
        self._view = own

    def planned(self, planned: PlannedPlay) -> PlannedPlay:
        """The play with the hosts it works on now. Planned are those of the inventory it was planned with.

        One that had begun before the run was resumed gets no hosts that were added since.
        """
        if not self._plan.grows:
            return planned
        begun = self._state.orders.get(planned.play.path)
        if begun is None:
            hosts = hosts_now(planned.play, self.inventory, self._plan.options, self._templar)
        else:
            hosts = (*begun, *(host for host in planned.hosts if host not in begun))
        return replace(planned, hosts=hosts, batches=batches(hosts, planned.play.serial))
