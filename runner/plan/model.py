"""What a plan consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

from runner.errors import Location, Problem
from runner.frozen import frozen
from runner.inventory import Inventory
from runner.playbook import Play, Playbook

if TYPE_CHECKING:
    from runner.plan.including import Includes

STEADY_MAGIC: Final = frozenset(
    {
        "inventory_hostname",
        "inventory_hostname_short",
        "group_names",
        "groups",
        "playbook_dir",
        "ansible_check_mode",
        "ansible_diff_mode",
        "ansible_forks",
        "ansible_play_name",
        "ansible_play_hosts_all",
        "ansible_run_tags",
        "ansible_skip_tags",
        "ansible_play_role_names",
        "ansible_dependent_role_names",
        "ansible_role_names",
        "role_names",
    }
)
"""Magic variables whose values are known before the run."""

MAGIC: Final = STEADY_MAGIC | {
    "hostvars",
    "ansible_play_hosts",
    "ansible_play_batch",
    "play_hosts",
    "run",
}
"""Variables every task sees without anybody defining them."""

RESCUE_MAGIC: Final = frozenset({"ansible_failed_task", "ansible_failed_result"})
"""Variables the tasks of a `rescue` or `always` section see besides."""


@frozen
class Options:
    """What the command line says about a run. `yes` answers every `confirm`; `break_lock` names
    locks to take from whoever has them; `settle` says what becomes of tasks
    that were cut off in the middle, by path: "again" or "done"."""

    limit: str | None = None
    limit_places: Mapping[str, Location] = field(default_factory=dict)
    """Where the parts of `limit` stand that were read from files."""
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    extra_vars: Mapping[str, object] = field(default_factory=dict)
    check: bool = False
    diff: bool = False
    forks: int = 10
    yes: bool = False
    break_lock: tuple[str, ...] = ()
    settle: Mapping[str, str] = field(default_factory=dict)

    @property
    def magic(self) -> dict[str, object]:
        """The magic variables that tell of it."""
        told: dict[str, object] = {
            "ansible_check_mode": self.check,
            "ansible_diff_mode": self.diff,
            "ansible_forks": self.forks,
            "ansible_run_tags": list(self.tags) or ["all"],
            "ansible_skip_tags": list(self.skip_tags),
        }
        return told if self.limit is None else {**told, "ansible_limit": self.limit}


@frozen
class PlannedPlay:
    """A play with the inventory as it sees it, its hosts, the batches in which `serial` works through them, and
    whether facts are gathered first."""

    play: Play
    inventory: Inventory
    hosts: tuple[str, ...]
    batches: tuple[tuple[str, ...], ...]
    gathers: bool = False


@frozen
class Plan:
    """What a run will do. `fingerprint` differs when anything that decides what is done differs.

    `grows`: tasks add hosts or groups to the inventory. `prompted` are the answers to `vars_prompt`, by the path of
    their play. `modules` are those that its tasks use, as far as they are known; `includes` reads what only the run
    can tell.
    """

    playbook: Playbook
    inventory: Inventory
    plays: tuple[PlannedPlay, ...]
    options: Options
    fingerprint: str
    includes: Includes = field(compare=False)
    warnings: tuple[Problem, ...] = ()
    grows: bool = False
    prompted: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
