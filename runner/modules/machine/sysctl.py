"""sysctl: a setting of the kernel, in a file for the next start and in force now."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Script
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.editing import Edited, Editing, encoded
from runner.modules.system.placing import Placing

CURRENT: Final = 'LC_ALL=C sysctl -n "$1" 2>/dev/null'
SET: Final = 'LC_ALL=C sysctl ${2:+-e} -w "$1"'
RELOAD: Final = 'LC_ALL=C sysctl ${2:+-e} -p "$1"'
# Some that say so end with 0 all the same.
REFUSED: Final = re.compile(
    r'^sysctl: (?:setting key "[^"]+".*: (?:Invalid argument|Read-only file system)|error: .* is an unknown key)', re.M
)
TRUE: Final = frozenset({"true", "yes", "on", "y", "t"})
FALSE: Final = frozenset({"false", "no", "off", "n", "f"})


@frozen
class SysctlArgs:
    name: str
    value: str | int | bool | None = None
    state: Literal["present", "absent"] = "present"
    sysctl_file: str = "/etc/sysctl.conf"
    sysctl_set: bool = False
    reload: bool = True
    ignoreerrors: bool = False
    mode: str | None = None
    owner: str | None = None
    group: str | None = None

    @property
    def wanted(self) -> str:
        """The value as the kernel writes it: true is 1."""
        if isinstance(self.value, bool):
            return str(int(self.value))
        text = str(self.value).strip()
        return "1" if text.lower() in TRUE else "0" if text.lower() in FALSE else text


class Sysctl:
    name: ClassVar = "sysctl"
    Args = SysctlArgs

    def preview(self, at: Reading, args: SysctlArgs) -> Change:
        _check(args)
        written = _editing(args).preview(at)
        if written.needed is None:
            return written
        current = _current(at.host, args)
        if written.needed or not _differs_now(args, current):
            return written
        return Change(True, f"{args.name}: {current or 'unknown'} -> {args.wanted}", _diff(args, current))

    def apply(self, at: Acting, args: SysctlArgs) -> Outcome:
        _check(args)
        current = _current(at.host, args)
        now = _differs_now(args, current)
        if args.sysctl_set and now:
            _run(at.host, args, SET, f"{args.name}={args.wanted}")
        written = _editing(args).apply(at)
        if args.reload and (written.changed or now):
            _run(at.host, args, RELOAD, args.sysctl_file)
        return Outcome(
            written.changed or now, written.data, diff=written.diff or (_diff(args, current) if now else None)
        )


def _check(args: SysctlArgs) -> None:
    if not re.fullmatch(r"[\w.*/:@-]+", args.name) or args.name.startswith("-") or "\n" in str(args.value):
        raise TaskFailed(f"{args.name!r} is not the name of a setting", hint="write it as in vm.swappiness")


def _current(reader: Reader, args: SysctlArgs) -> str | None:
    """The value now; None if the kernel has no such setting, or does not tell."""
    result = reader.query(Script(CURRENT, (args.name,)), check=False)
    return result.stdout.strip() if result.ok and result.stdout.strip() else None


def _differs_now(args: SysctlArgs, current: str | None) -> bool:
    if args.state == "absent" or not (args.reload or args.sysctl_set):
        return False
    if current is None and args.ignoreerrors:
        return False
    return current is None or current.split() != args.wanted.split()


def _editing(args: SysctlArgs) -> Editing:
    placing = Placing(dest=args.sysctl_file, attributes=Attributes(args.mode, args.owner, args.group))
    return Editing(placing, lambda _, before: _edited(args, before))


def _edited(args: SysctlArgs, before: bytes | None) -> Edited:
    if before is None and args.state == "absent":
        return Edited(None)
    lines = (before or b"").decode("utf-8", "surrogateescape").splitlines()
    ours = [place for place, line in enumerate(lines) if _key(line) == args.name]
    # The last one is in force.
    if args.state == "present" and ours and lines[ours[-1]].partition("=")[2].split() == args.wanted.split():
        return Edited(None if before is not None else b"")
    if args.state == "absent" and not ours:
        return Edited(None)
    kept = [line for place, line in enumerate(lines) if place not in ours[(args.state == "present") :]]
    line = f"{args.name}={args.wanted}"
    if args.state == "present" and ours:
        kept[ours[0]] = line
    elif args.state == "present":
        kept.append(line)
    return Edited(encoded("".join(f"{one}\n" for one in kept)), f"{args.name} {args.state}")


def _key(line: str) -> str:
    """The setting of a line; a minus before it lets errors pass and is no part of it."""
    name, equals, _ = line.partition("=")
    return "" if not equals or line.lstrip().startswith(("#", ";")) else name.strip().removeprefix("-")


def _run(host: Host, args: SysctlArgs, script: str, what: str) -> None:
    result = host.run(Script(script, (what, "yes" if args.ignoreerrors else "")), check=False)
    if result.ok and not REFUSED.search(result.stderr):
        return
    said = (result.stderr.strip() or result.stdout.strip()).splitlines()
    words = said[-1] if said else f"status {result.exit_code}"
    denied = "permission denied" in words.lower() or "read-only" in words.lower()
    raise TaskFailed(
        f"cannot put {what} in force: {words}",
        hint="settings are made by root, and in a container only some: add `become: true`"
        if denied
        else "if the kernel lacks the setting until a module is loaded, say `ignoreerrors: true`",
        data={"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr},
    )


def _diff(args: SysctlArgs, current: str | None) -> Diff:
    before = "" if current is None else f"{args.name} = {current}\n"
    return Diff(f"{args.name} now", before, f"{args.name} = {args.wanted}\n")
