"""file: what a path is (file, directory, link, nothing) and whose it is."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.describing import described
from runner.modules.system.directories import plan_directory
from runner.modules.system.links import plan_link
from runner.modules.system.paths import absolute, act, follow
from runner.modules.system.planning import FilePlan, NotThereYet, unknown

State = Literal["file", "directory", "link", "hard", "touch", "absent"]
Time = Literal["now", "preserve"]

# The loss of any of these is the loss of the machine; a template that rendered too short must not cause it.
NEVER_REMOVED: Final = frozenset(
    f"/{name}"
    for name in (
        *("", "bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run"),
        *("sbin", "srv", "sys", "tmp", "usr", "var", "var/lib"),
    )
)
CREATE: Final = 'umask 022; : >> "$1"'
REMOVE: Final = 'rm -rf "$1"'
TOUCH: Final = """
if [ "$2" = now ]; then touch -a "$1" || exit 1; fi
if [ "$3" = now ]; then touch -m "$1" || exit 1; fi
"""


@frozen
class FileArgs:
    path: str
    state: State = "file"
    src: str | None = None
    mode: str | None = None
    owner: str | None = None
    group: str | None = None
    recurse: bool = False
    follow: bool = True
    force: bool = False
    access_time: Time = "now"
    modification_time: Time = "now"

    @property
    def attributes(self) -> Attributes:
        return Attributes(self.mode, self.owner, self.group)


class File:
    name: ClassVar = "file"
    Args = FileArgs

    def preview(self, at: Reading, args: FileArgs) -> Change:
        try:
            plan = plan_file(at.host, args)
        except NotThereYet as missing:
            return unknown(missing)
        return Change(plan.needed, plan.summary, plan.diff, _result(args, plan, at.host))

    def apply(self, at: Acting, args: FileArgs) -> Outcome:
        plan = plan_file(at.host, args)
        if plan.needed:
            plan.act(at.host)
        return Outcome(plan.needed, _result(args, plan, at.host), diff=plan.diff)


def plan_file(reader: Reader, args: FileArgs) -> FilePlan:
    """What has to be done for `args` to be true."""
    path = absolute(reader, args.path)
    if args.follow and args.state in ("file", "directory", "touch"):
        found = reader.stat(path)
        path = follow(reader, path) if found is not None and found.kind == "link" else path
    return PLANNERS[args.state](reader, args, path)


def _plan_existing(reader: Reader, args: FileArgs, path: str) -> FilePlan:
    found = reader.stat(path)
    if found is None:
        raise NotThereYet(
            f"file ({path}) is absent, cannot continue",
            why="`state: file` only sets the attributes of a file that exists",
            hint="create it with `copy`, `template` or `state: touch`",
            data={"path": path, "state": "absent"},
        )
    if found.kind == "directory":
        raise TaskFailed(f"{path} is a directory, not a file", hint="say `state: directory`", data={"path": path})
    wrong = args.attributes.differences(found)
    return FilePlan(path, wrong, lambda host: args.attributes.apply(host, path, found))


def _plan_directory(reader: Reader, args: FileArgs, path: str) -> FilePlan:
    return plan_directory(reader, path, args.attributes, recurse=args.recurse)


def _plan_absent(reader: Reader, args: FileArgs, path: str) -> FilePlan:
    if posixpath.normpath(f"/{path.lstrip('/')}") in NEVER_REMOVED:
        raise TaskFailed(
            f"{path} is never removed",
            why="without it the machine is lost; a path that came out too short is the usual reason",
            hint="check the variables `path` is made of, or name the directories below it",
            data={"path": path},
        )
    found = reader.stat(path)
    if found is None:
        return FilePlan(path)
    return FilePlan(
        path, {"state": (found.kind, "absent")}, lambda host: act(host, REMOVE, path, doing=f"remove {path}")
    )


def _plan_touch(reader: Reader, args: FileArgs, path: str) -> FilePlan:
    found = reader.stat(path)
    if found is None:
        return FilePlan(path, {"state": ("absent", "touch")}, lambda host: _touch(host, args, path, create=True))
    wrong = args.attributes.differences(found)
    for name, wanted in (("atime", args.access_time), ("mtime", args.modification_time)):
        if wanted == "now":
            wrong[name] = ("earlier", "now")
    return FilePlan(path, wrong, lambda host: _touch(host, args, path, create=False))


def _touch(host: Host, args: FileArgs, path: str, *, create: bool) -> None:
    if create:
        act(host, CREATE, path, doing=f"create {path}")
    act(host, TOUCH, path, args.access_time, args.modification_time, doing=f"touch {path}")
    found = host.stat(path)
    if found is not None:
        args.attributes.apply(host, path, found)


def _plan_link(reader: Reader, args: FileArgs, path: str) -> FilePlan:
    if args.src is None:
        raise TaskFailed(f"`state: {args.state}` needs `src`", hint="say in `src` what the link leads to")
    return plan_link(reader, path, args.src, args.attributes, hard=args.state == "hard", force=args.force)


PLANNERS: Mapping[State, Callable[[Reader, FileArgs, str], FilePlan]] = {
    "file": _plan_existing,
    "directory": _plan_directory,
    "absent": _plan_absent,
    "touch": _plan_touch,
    "link": _plan_link,
    "hard": _plan_link,
}


def _result(args: FileArgs, plan: FilePlan, reader: Reader) -> dict[str, object]:
    is_link = args.state in ("link", "hard")
    names: dict[str, object] = {"dest": plan.path, "src": args.src} if is_link else {"path": plan.path}
    before = {name: pair[0] for name, pair in plan.differences.items()}
    after = {name: pair[1] for name, pair in plan.differences.items()}
    return {**names, **described(reader.stat(plan.path)), "diff": {"before": before, "after": after}}
