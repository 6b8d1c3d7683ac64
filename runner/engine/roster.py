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
    """Follows the run's state. `follow` is told every new inventory before anybody else sees it. Thread-safe."""

    def __init__(self, plan: Plan, state: RunState, templar: Templar, follow: Callable[[Inventory], None]) -> None:
        self._plan = plan
        self._state = state
        self._templar = templar
        self._follow = follow
        self._lock = threading.Lock()
        self._inventory = plan.inventory
        self._known = 0
        self._views: dict[str, tuple[Inventory, Inventory]] = {}

    @property
    def inventory(self) -> Inventory:
        """What it is at this moment; the same object as long as nothing was added."""
        if len(self._state.added) == self._known:
            return self._inventory
        with self._lock:
            added = tuple(self._state.added)
            if len(added) != self._known:
                inventory = grown(self._plan.inventory, added)
                self._follow(inventory)
                self._inventory, self._known = inventory, len(added)
            return self._inventory

    def seen_by(self, planned: PlannedPlay) -> Inventory:
        """What it is for a play, with the variables beside the playbook the play stands in."""
        current = self.inventory
        if planned.inventory is self._plan.inventory:
            return current
        if current is self._plan.inventory:
            return planned.inventory
        with self._lock:
            made_from, view = self._views.get(planned.play.path, (None, None))
            if made_from is not current or view is None:
                view = grown(planned.inventory, self._state.added[: self._known])
                self._views[planned.play.path] = (current, view)
            return view

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
