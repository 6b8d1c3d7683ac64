"""mount: a file system at its place, now and after the next start."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.machine import fstab
from runner.modules.machine.fstab import Entry
from runner.modules.system.editing import Edited, Editing, encoded
from runner.modules.system.paths import absolute, act, ask, follow
from runner.modules.system.placing import Placing

State = Literal["mounted", "unmounted", "present", "absent", "absent_from_fstab", "remounted", "ephemeral"]

MOUNTS: Final = "cat /proc/self/mounts"
MAKE_PLACE: Final = 'umask 022; mkdir -p "$1"'
MOUNT: Final = """
src=$1 path=$2 fstype=$3 opts=$4
case $fstype in none | '') set --;; *) set -- -t "$fstype";; esac
mount "$@" -o "$opts" "$src" "$path"
"""
# With the source named too, mount takes no options out of fstab, which still says what is to be changed.
REMOUNT: Final = 'mount -o "remount${2:+,$2}" ${3:+"$3"} "$1"'
UNMOUNT: Final = 'umount "$1"'
REMOVE_PLACE: Final = 'rmdir "$1"'
SECRET: Final = re.compile(r"(?:^|,)(?:pass|password|passwd)=", re.IGNORECASE)


@frozen
class MountArgs:
    path: str
    state: State
    src: str | None = None
    fstype: str | None = None
    opts: str | None = None
    dump: str | int = "0"
    passno: str | int = "0"
    boot: bool = True
    fstab: str = "/etc/fstab"
    backup: bool = False

    @property
    def keeps(self) -> bool:
        """Whether the file says what is wanted afterwards."""
        return self.state in ("mounted", "present")

    def options(self) -> str:
        """What stands in the file; `boot: false` is `noauto` there."""
        opts = self.opts or "defaults"
        return opts if self.boot or "noauto" in opts.split(",") else f"{opts},noauto"


@frozen
class _Seen:
    """`mounted` is what is at the place now (the topmost), `kept` what the file says of it."""

    path: str
    mounted: Entry | None
    kept: Entry | None
    there: bool


class Mount:
    name: ClassVar = "mount"
    Args = MountArgs

    def preview(self, at: Reading, args: MountArgs) -> Change:
        seen = _look(at.host, args)
        doing = _ACTS[args.state](args, seen)
        written = _editing(args, seen).preview(at) if _touches_file(args) else None
        needed = bool(doing) or bool(written and written.needed)
        said = f"{' and '.join(doing) or 'notes'} {seen.path}" if needed else f"{seen.path} is as wanted"
        return Change(needed, said, (written.diff if written else None) or _diff(seen, doing), _told(args, seen))

    def apply(self, at: Acting, args: MountArgs) -> Outcome:
        seen = _look(at.host, args)
        doing = _ACTS[args.state](args, seen)
        for verb in doing:
            _VERBS[verb](at.host, args, seen)
        # The file comes last: cut off before, the rest is found done and goes on from here.
        written = _editing(args, seen).apply(at) if _touches_file(args) else None
        changed = bool(doing) or bool(written and written.changed)
        kept = {"backup_file": written.data["backup_file"]} if written and "backup_file" in written.data else {}
        diff = (written.diff if written else None) or _diff(seen, doing)
        return Outcome(changed, {**_told(args, seen), **kept}, diff=diff)


def _look(reader: Reader, args: MountArgs) -> _Seen:
    _check(args)
    path = args.path if args.path == "none" else follow(reader, absolute(reader, args.path))
    mounts = fstab.entries(ask(reader, MOUNTS, doing="list the mounts").stdout)
    mounted = next((one for one in reversed(mounts) if one.path == path), None)
    found = reader.stat(args.fstab)
    text = reader.read(args.fstab).decode("utf-8", "surrogateescape") if found is not None else ""
    kept = fstab.find(text, _entry(args, path) if args.src else path)
    return _Seen(path, mounted, kept, path != "none" and reader.stat(path) is not None)


def _check(args: MountArgs) -> None:
    if args.opts and SECRET.search(args.opts):
        raise TaskFailed(
            "there is a password in `opts`",
            why="all who can read fstab or list the mounts could see it",
            hint="put it into a file only root can read and name that: `credentials=/etc/share.credentials`",
        )


def _entry(args: MountArgs, path: str) -> Entry:
    return Entry(args.src or "", path, args.fstype or "auto", args.options(), str(args.dump), str(args.passno))


def _mounted(args: MountArgs, seen: _Seen) -> tuple[str, ...]:
    wanted = _entry(args, seen.path)
    place = () if seen.there else ("make",)
    if seen.mounted is None:
        return (*place, "mount")
    if seen.kept is None or seen.kept == wanted:
        return ()
    # Another source cannot be changed under a mount; other options can.
    if (seen.kept.src, seen.kept.fstype) != (wanted.src, wanted.fstype):
        return ("unmount", "mount")
    return ("remount",) if seen.kept.opts != wanted.opts else ()


def _absent(args: MountArgs, seen: _Seen) -> tuple[str, ...]:
    if seen.kept is None:
        return ()
    return (*(("unmount",) if seen.mounted else ()), *(("remove",) if seen.there else ()))


def _remounted(args: MountArgs, seen: _Seen) -> tuple[str, ...]:
    if seen.mounted is None:
        raise TaskFailed(f"nothing is mounted at {seen.path}", hint="mount it with `state: mounted`")
    return ("remount",)


def _ephemeral(args: MountArgs, seen: _Seen) -> tuple[str, ...]:
    if seen.mounted is None:
        return (*(() if seen.there else ("make",)), "mount")
    if seen.mounted.src != args.src:
        raise TaskFailed(
            f"{seen.mounted.src} is mounted at {seen.path}, not {args.src}",
            hint="unmount it first, with `state: unmounted`",
        )
    return ("remount",)


_ACTS: Final[Mapping[State, Callable[[MountArgs, _Seen], tuple[str, ...]]]] = {
    "mounted": _mounted,
    "unmounted": lambda _, seen: ("unmount",) if seen.mounted else (),
    "present": lambda _, __: (),
    "absent": _absent,
    "absent_from_fstab": lambda _, __: (),
    "remounted": _remounted,
    "ephemeral": _ephemeral,
}


def _mount(host: Host, args: MountArgs, seen: _Seen) -> None:
    what = (args.src or "", seen.path, args.fstype or "", args.opts or "defaults")
    try:
        act(host, MOUNT, *what, doing=f"mount {args.src} at {seen.path}")
    except TaskFailed as failed:
        # The reason comes first; what follows is advice to look into the kernel's log.
        said = str(failed.data.get("stderr", "")).strip().splitlines() or [failed.message]
        raise TaskFailed(
            f"cannot mount {args.src} at {seen.path}: {said[0]}", hint=failed.hint, data=failed.data
        ) from failed


def _remount(host: Host, args: MountArgs, seen: _Seen) -> None:
    words = (args.opts or "defaults", args.src or "") if args.state == "mounted" else (args.opts or "", "")
    act(host, REMOUNT, seen.path, *words, doing=f"remount {seen.path}")


_VERBS: Final[Mapping[str, Callable[[Host, MountArgs, _Seen], object]]] = {
    "make": lambda host, _, seen: act(host, MAKE_PLACE, seen.path, doing=f"make {seen.path}"),
    "mount": _mount,
    "remount": _remount,
    "unmount": lambda host, _, seen: act(host, UNMOUNT, seen.path, doing=f"unmount {seen.path}"),
    "remove": lambda host, _, seen: act(host, REMOVE_PLACE, seen.path, doing=f"remove {seen.path}"),
}


def _touches_file(args: MountArgs) -> bool:
    return args.keeps or args.state in ("absent", "absent_from_fstab")


def _editing(args: MountArgs, seen: _Seen) -> Editing:
    return Editing(Placing(dest=args.fstab, backup=args.backup), lambda _, before: _edited(args, seen, before))


def _edited(args: MountArgs, seen: _Seen, before: bytes | None) -> Edited:
    old = (before or b"").decode("utf-8", "surrogateescape")
    if args.keeps:
        new = fstab.with_entry(old, _entry(args, seen.path))
    elif seen.kept is None:
        return Edited(None)
    else:
        new = fstab.without(old, seen.path, args.src)
    return Edited(None if new == old else encoded(new), "" if new == old else f"{args.fstab} changed")


def _diff(seen: _Seen, doing: tuple[str, ...]) -> Diff | None:
    before = "" if seen.mounted is None else f"{seen.mounted.line()}\n"
    return Diff(seen.path, before, f"({' and '.join(doing)})\n") if doing else None


def _told(args: MountArgs, seen: _Seen) -> dict[str, object]:
    told: dict[str, object] = {"name": seen.path, "fstab": args.fstab, "opts": args.options(), "backup_file": ""}
    told["boot"] = "yes" if args.boot else "no"
    return {**told, "src": args.src, "fstype": args.fstype, "dump": str(args.dump), "passno": str(args.passno)}
