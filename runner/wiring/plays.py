"""Which repositories a play sees: those of its hosts' inventory, and its own, which win by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from runner.engine.state import RunState
from runner.engine.variables import PlayVariables
from runner.frozen import frozen
from runner.inventory import LOCALHOST
from runner.modules.contract import RunInfo
from runner.plan import Plan, PlannedPlay
from runner.repositories.contract import Repositories
from runner.secret import Redactor
from runner.template import Templar
from runner.wiring.hosts import InventoryHosts
from runner.wiring.repositories import DefinedRepositories


@frozen
class PlayRepositories:
    """Hands each play its repositories; `close` closes those of all plays."""

    plan: Plan
    run: RunInfo
    hosts: InventoryHosts
    templar: Templar
    redactor: Redactor
    _of: dict[str, DefinedRepositories] = field(default_factory=dict)

    def of(self, planned: PlannedPlay) -> Repositories:
        """The repositories of a play. Their templates see what the play's first host sees before any task."""
        return self._of.setdefault(
            planned.play.path,
            DefinedRepositories(
                lambda: self._variables(planned),
                planned.play.repositories,
                templar=self.templar,
                hosts=self.hosts,
                redactor=self.redactor,
            ),
        )

    def close(self) -> None:
        for repositories in self._of.values():
            repositories.close()

    def _variables(self, planned: PlannedPlay) -> Mapping[str, object]:
        every = PlayVariables(
            self.plan,
            planned,
            state=RunState(),
            templar=self.templar,
            run=self.run,
            inventory=lambda: planned.inventory,
            standing=lambda: (planned.hosts, planned.hosts),
        )
        return every.of(planned.hosts[0] if planned.hosts else LOCALHOST)
