"""group_by: a group that a host turns out to be in."""

from __future__ import annotations

from typing import ClassVar

from runner.events import AddedHost
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.control.growing import is_new, split


@frozen
class GroupByArgs:
    key: str
    parents: tuple[str, ...] = ("all",)


class GroupBy:
    name: ClassVar = "group_by"
    Args = GroupByArgs

    def preview(self, at: Reading, args: GroupByArgs) -> Change:
        outcome = _outcome(at, args)
        return Change(outcome.changed, f"puts the host into {args.key}", data=outcome.data, added=outcome.added)

    def apply(self, at: Acting, args: GroupByArgs) -> Outcome:
        return _outcome(at, args)


def _outcome(at: Reading, args: GroupByArgs) -> Outcome:
    group = args.key.replace(" ", "-")
    parents = tuple(parent.replace(" ", "-") for parent in split(args.parents))
    added = AddedHost(str(at.variables["inventory_hostname"]), (group,), parents)
    return Outcome(is_new(at, added), {"add_group": group, "parent_groups": list(parents)}, added=added)
