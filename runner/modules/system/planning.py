"""What one step would change on a host, and how: preview shows it, apply carries it out.

Both come from the same plan, so a preview can't promise what apply doesn't do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host
from runner.modules.contract import Change, Diff

Differences = Mapping[str, tuple[str, str]]
"""What differs: name -> (before, after)."""


class NotThereYet(TaskFailed):
    """Something is missing that an earlier task may bring: a failure, but unknown in check mode."""


def unknown(missing: NotThereYet) -> Change:
    """What a preview says then: in check mode the earlier task has not acted."""
    return Change(None, f"cannot be told before it is there: {missing.message}")


def nothing(host: Host) -> None:
    """The act of a plan that changes nothing."""


@frozen
class FilePlan:
    """`act` does all of `differences`; with none of them it is not called. `path` is what was looked at."""

    path: str
    differences: Differences = field(default_factory=dict)
    act: Callable[[Host], object] = nothing

    @property
    def needed(self) -> bool:
        return bool(self.differences)

    @property
    def diff(self) -> Diff | None:
        if not self.differences:
            return None
        before = "".join(f"{name}: {pair[0]}\n" for name, pair in self.differences.items())
        after = "".join(f"{name}: {pair[1]}\n" for name, pair in self.differences.items())
        return Diff(self.path, before, after)

    @property
    def summary(self) -> str:
        if not self.differences:
            return f"{self.path} is as wanted"
        changes = (f"{name} {before} -> {after}" for name, (before, after) in self.differences.items())
        return f"{self.path}: {', '.join(changes)}"
