"""archive: files of a host packed into an archive there."""

from __future__ import annotations

import posixpath
from typing import ClassVar, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import FileStat, Host, Reader
from runner.modules.archives import formats, packing
from runner.modules.archives.collecting import Collection, collect, expanded
from runner.modules.archives.formats import Format
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes, octal
from runner.modules.system.describing import described
from runner.modules.system.file import NEVER_REMOVED
from runner.modules.system.paths import absolute, is_directory
from runner.modules.system.placing import Placing, plan_placing
from runner.modules.system.planning import NotThereYet, unknown
from runner.modules.system.sources import OnTheHost


@frozen
class ArchiveArgs:
    path: tuple[str, ...]
    dest: str | None = None
    format: Literal["bz2", "gz", "tar", "xz", "zip", "zst"] = "gz"
    exclude_path: tuple[str, ...] = ()
    exclusion_patterns: tuple[str, ...] = ()
    force_archive: bool = False
    remove: bool = False
    mode: str | None = None
    owner: str | None = None
    group: str | None = None

    @property
    def attributes(self) -> Attributes:
        return Attributes(self.mode, self.owner, self.group)


@frozen
class _Plan:
    """`right`: the archive at `dest` holds what it is to hold. `single`: one file is compressed, not packed."""

    dest: str
    format: Format
    what: Collection
    found: FileStat | None
    right: bool
    single: bool
    removes: bool
    wrong: tuple[str, ...]

    @property
    def writes(self) -> bool:
        return bool(self.what.members) and not self.right

    @property
    def needed(self) -> bool:
        return self.writes or self.removes or bool(self.wrong)

    @property
    def state(self) -> str:
        """`dest_state` of the result."""
        if not self.what.members and self.found is None:
            return "absent"
        if self.single:
            return "compress"
        return "incomplete" if self.what.missing and self.what.members else "archive"


class Archive:
    name: ClassVar = "archive"
    Args = ArchiveArgs

    def preview(self, at: Reading, args: ArchiveArgs) -> Change:
        try:
            plan = _plan(at.host, args)
        except NotThereYet as missing:
            return unknown(missing)
        verb = f"packs {len(plan.what.members)} entries into" if plan.writes else "keeps"
        removed = f" and removes {len(plan.what.removable)} entries" if plan.removes else ""
        return Change(plan.needed, f"{verb} {plan.dest}{removed}", data=_result(at.host, plan))

    def apply(self, at: Acting, args: ArchiveArgs) -> Outcome:
        plan = _plan(at.host, args)
        if plan.what.left_out and plan.needed:
            at.warn(f"not archived: {', '.join(plan.what.left_out)}", "pipes, sockets and devices are left out")
        if plan.writes:
            if plan.what.missing:
                at.warn(f"{plan.dest} is incomplete: {', '.join(plan.what.missing)} is not there")
            _write(at, args, plan)
        found = at.host.stat(plan.dest)
        if found is not None:
            args.attributes.apply(at.host, plan.dest, found)
        if plan.removes:
            _remove(at, args, plan)
        return Outcome(plan.needed, _result(at.host, plan))


def _plan(reader: Reader, args: ArchiveArgs) -> _Plan:
    if args.remove:
        _refuse_vital(reader, args)
    one = formats.named(args.format)
    dest = absolute(reader, args.dest) if args.dest is not None else None
    what = collect(reader, args.path, args.exclude_path, args.exclusion_patterns, dest, crc=one.is_zip)
    single = what.single is not None and not args.force_archive and args.format not in ("zip", "tar")
    dest = dest or _beside(what, args)
    found = _looked_at(reader, dest)
    if not what.members and found is None:
        raise NotThereYet(
            f"Error, no source paths were found: {', '.join(args.path)}",
            hint="check `path`; an archive that is not made is no backup",
            data={"missing": list(what.missing), "dest": dest, "dest_state": "absent"},
        )
    right = found is not None and _is_right(reader, args, one, what, dest, single)
    if args.remove and what.members and found is not None and not right:
        raise _only_copy(dest)
    wrong = tuple(args.attributes.differences(found)) if found is not None else ()
    return _Plan(dest, one, what, found, right, single, args.remove and bool(what.removable), wrong)


def _beside(what: Collection, args: ArchiveArgs) -> str:
    """Where a single file goes if nothing is said."""
    if len(what.paths) == 1 and (what.single is not None or not what.members):
        return f"{what.paths[0]}.{args.format}"
    raise TaskFailed(
        'Error, must specify "dest" when archiving multiple files or trees', hint="say in `dest` where the archive goes"
    )


def _looked_at(reader: Reader, dest: str) -> FileStat | None:
    if not is_directory(reader, posixpath.dirname(dest)):
        raise NotThereYet(
            f"the directory of {dest} does not exist", hint="make it first with `file` and `state: directory`"
        )
    found = reader.stat(dest)
    if found is not None and found.kind != "file":
        raise TaskFailed(f"{dest} is a {found.kind} and is not replaced by an archive", data={"dest": dest})
    return found


def _is_right(reader: Reader, args: ArchiveArgs, one: Format, what: Collection, dest: str, single: bool) -> bool:
    if single:
        return packing.holds_file(reader, dest, one, what.members[0].digest)
    archived = packing.contents(reader, dest, one)
    if archived is None:
        return False
    # With `remove`, it is enough that nothing is missing in it: a removal may have been cut off.
    more = not args.remove and len(archived) != len(what.members)
    return not more and packing.covered(what.members, archived, modes=not args.remove)


def _refuse_vital(reader: Reader, args: ArchiveArgs) -> None:
    vital = [path for path in expanded(reader, args.path) if path in NEVER_REMOVED]
    if vital:
        raise TaskFailed(
            f"{vital[0]} is never removed",
            why="without it the machine is lost; a path that came out too short is the usual reason",
            hint="check the variables `path` is made of, or name what is below it",
        )


def _only_copy(dest: str) -> TaskFailed:
    return TaskFailed(
        f"{dest} is there and does not hold what is to be archived",
        why="with `remove`, it may be the only copy of what was archived before; nothing was touched",
        hint="give the new archive another name, such as one with the date, or remove the old one",
        data={"dest": dest},
    )


def _write(at: Acting, args: ArchiveArgs, plan: _Plan) -> None:
    with at.host.private_directory(posixpath.dirname(plan.dest)) as directory:
        path = f"{directory}/archive.{args.format}"
        if plan.single:
            packing.compress(at.host, f"{plan.what.root.rstrip('/')}/{plan.what.members[0].name}", plan.format, path)
        elif changed := packing.pack(at.host, plan.what, plan.format, path):
            at.warn(f"{plan.dest}: {changed}", "it holds them as they were at some moment; stop what writes them")
        if args.remove:
            _verify(at.host, plan, path)
        source = OnTheHost(at.host, path, posixpath.basename(plan.dest), moved=True)
        mode = args.mode if args.mode is not None or plan.found is not None else octal(plan.what.readable)
        attributes = Attributes(mode, args.owner, args.group)
        plan_placing(at.host, source, Placing(plan.dest, attributes)).carry_out(at.host)


def _verify(host: Host, plan: _Plan, path: str) -> None:
    """TaskFailed unless the archive, read back, holds all that is to be removed."""
    if plan.single:
        good = packing.holds_file(host, path, plan.format, plan.what.members[0].digest)
    else:
        archived = packing.contents(host, path, plan.format)
        good = archived is not None and packing.covered(plan.what.members, archived, modes=True)
    if not good:
        raise TaskFailed(
            "the archive, read back, does not hold what was to be archived",
            why="files changed while they were read, or the disk does not keep what is written; nothing was removed",
            hint="stop what writes the files and run again",
            data={"dest": plan.dest},
        )


def _remove(at: Acting, args: ArchiveArgs, plan: _Plan) -> None:
    again = collect(at.host, args.path, args.exclude_path, args.exclusion_patterns, plan.dest, crc=plan.format.is_zip)
    now = {member.name: member for member in again.members}
    if not packing.covered([one for one in plan.what.members if one.kind != "directory"], now, modes=False):
        raise TaskFailed(
            "files changed after they were archived, so nothing was removed",
            hint=f"stop what writes them, remove {plan.dest} if it is of no use, and run again",
            data={"dest": plan.dest},
        )
    left = packing.remove(at.host, plan.what.root, plan.what.removable)
    if left:
        at.warn(f"not removed: {', '.join(left)}", "something is in there that came after the archive was made")


def _result(reader: Reader, plan: _Plan) -> dict[str, object]:
    root = plan.what.root.rstrip("/")
    return {
        "dest": plan.dest,
        "dest_state": plan.state,
        "arcroot": f"{root}/",
        "archived": [f"{root}/{member.name}" for member in plan.what.members],
        "missing": list(plan.what.missing),
        "expanded_paths": list(plan.what.paths),
        "expanded_exclude_paths": list(plan.what.excluded),
        **described(reader.stat(plan.dest)),
    }
