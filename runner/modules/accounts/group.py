"""group: a group of the host, there or gone."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.accounts import tools
from runner.modules.accounts.database import NAME, Group, groups
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class GroupArgs:
    name: str
    state: Literal["present", "absent"] = "present"
    gid: int | None = None
    system: bool = False
    non_unique: bool = False
    force: bool = False
    gid_min: int | None = None
    gid_max: int | None = None


class GroupModule:
    name: ClassVar = "group"
    Args = GroupArgs

    def preview(self, at: Reading, args: GroupArgs) -> Change:
        found = _look(at.host, args)
        verb = _verb(args, found)
        return Change(
            bool(verb), f"{verb} {args.name}" if verb else f"{args.name} is as wanted", data=_told(args, found)
        )

    def apply(self, at: Acting, args: GroupArgs) -> Outcome:
        found = _look(at.host, args)
        verb = _verb(args, found)
        if verb:
            tools.run(at.host, _argv(tools.kind(at.host), args, verb), f"{verb} the group {args.name}")
            found = _look(at.host, args)
        return Outcome(bool(verb), _told(args, found))


def _look(reader: Reader, args: GroupArgs) -> Group | None:
    if not re.fullmatch(NAME, args.name):
        raise TaskFailed(
            f"{args.name!r} cannot be the name of a group", hint="letters, digits, _, - and . may be in it"
        )
    every = groups(reader)
    taken = next((one for one in every if one.gid == args.gid and one.name != args.name), None)
    if taken is not None and args.state == "present" and not args.non_unique:
        raise TaskFailed(
            f"the number {args.gid} belongs to the group {taken.name} already",
            hint="choose another `gid`, or say `non_unique: true`",
            data={"name": args.name},
        )
    return next((one for one in every if one.name == args.name), None)


def _verb(args: GroupArgs, found: Group | None) -> str:
    if args.state == "absent":
        return "remove" if found else ""
    if found is None:
        return "add"
    return "" if args.gid in (None, found.gid) else "change"


def _argv(kind: tools.Kind, args: GroupArgs, verb: str) -> tuple[str, ...]:
    number = () if args.gid is None else ("-g", str(args.gid))
    if kind == "busybox":
        if verb == "change" or args.non_unique or args.gid_min is not None or args.gid_max is not None:
            raise tools.too_small(f"change the group {args.name}" if verb == "change" else f"add {args.name} like that")
        return (
            ("delgroup", args.name) if verb == "remove" else ("addgroup", *number, *(["-S"] * args.system), args.name)
        )
    if verb == "remove":
        return ("groupdel", *(["-f"] * args.force), args.name)
    shared = (*number, *(["-o"] * (args.non_unique and args.gid is not None)))
    if verb == "change":
        return ("groupmod", *shared, args.name)
    limits = {"GID_MIN": args.gid_min, "GID_MAX": args.gid_max}
    bounds = [word for key, value in limits.items() if value is not None for word in ("-K", f"{key}={value}")]
    return ("groupadd", *shared, *(["-r"] * args.system), *bounds, args.name)


def _told(args: GroupArgs, found: Group | None) -> dict[str, object]:
    told: dict[str, object] = {"name": args.name, "state": args.state}
    if args.state == "absent":
        return told
    return {**told, "system": args.system, **({} if found is None else {"gid": found.gid})}
