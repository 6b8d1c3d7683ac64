"""add_host: a host that the inventory does not have yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from runner.events import AddedHost
from runner.frozen import frozen
from runner.modules.arguments import REST
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.control.growing import is_new, split


@frozen
class AddHostArgs:
    name: str
    groups: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict, metadata=REST)


class AddHost:
    name: ClassVar = "add_host"
    Args = AddHostArgs

    def preview(self, at: Reading, args: AddHostArgs) -> Change:
        outcome = _outcome(at, args)
        return Change(outcome.changed, f"adds the host {args.name}", data=outcome.data, added=outcome.added)

    def apply(self, at: Acting, args: AddHostArgs) -> Outcome:
        return _outcome(at, args)


def _outcome(at: Reading, args: AddHostArgs) -> Outcome:
    added = AddedHost(args.name, split(args.groups), variables=dict(args.variables))
    told = {"host_name": args.name, "groups": list(added.groups), "host_vars": dict(args.variables)}
    return Outcome(is_new(at, added), {"add_host": told}, added=added)
