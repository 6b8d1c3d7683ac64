"""Mode, owner and group: comparing what is wanted with what is, and making it so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import FileStat, Host
from runner.modules.system.paths import act

CLAUSE: Final = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
ACTION: Final = re.compile(r"([-+=])([ugo](?![rwxXst])|[rwxXst]*)")
SHIFT: Final[Mapping[str, int]] = {"u": 6, "g": 3, "o": 0}
BITS: Final[Mapping[str, int]] = {"r": 4, "w": 2, "x": 1}

# chown comes first: it may clear the set-user-ID bit that chmod is to set.
APPLY: Final = """
path=$1 owner=$2 group=$3 mode=$4
if [ -n "$owner$group" ]; then chown -h "$owner${group:+:$group}" "$path" || exit 1; fi
if [ -n "$mode" ]; then chmod "$mode" "$path" || exit 1; fi
"""


@frozen
class Attributes:
    """What is wanted; None leaves a thing as it is. Owners and groups are names or numbers."""

    mode: str | None = None
    owner: str | None = None
    group: str | None = None

    def mode_of(self, current: int, is_directory: bool) -> int | None:
        return None if self.mode is None else resolve_mode(self.mode, current, is_directory)

    def differences(self, found: FileStat) -> dict[str, tuple[str, str]]:
        """What is not as wanted: name -> (before, after)."""
        wrong: dict[str, tuple[str, str]] = {}
        mode = None if found.kind == "link" else self.mode_of(found.mode, found.kind == "directory")
        if mode is not None and mode != found.mode:
            wrong["mode"] = (octal(found.mode), octal(mode))
        if self.owner is not None and self.owner not in (found.owner, str(found.uid)):
            wrong["owner"] = (found.owner, self.owner)
        if self.group is not None and self.group not in (found.group, str(found.gid)):
            wrong["group"] = (found.group, self.group)
        return wrong

    def apply(self, host: Host, path: str, found: FileStat) -> bool:
        """Put right what differs; returns whether anything did."""
        wrong = self.differences(found)
        if wrong:
            owner, group, mode = (wrong[name][1] if name in wrong else "" for name in ("owner", "group", "mode"))
            # Five digits: with four, GNU chmod keeps the set-group-ID bit of a directory.
            act(
                host,
                APPLY,
                path,
                owner,
                group,
                mode.zfill(5) if mode else "",
                doing=f"set {', '.join(wrong)} of {path}",
            )
        return bool(wrong)


def octal(mode: int) -> str:
    """A mode as Ansible shows it: 0644."""
    return f"{mode:04o}"


def resolve_mode(wanted: str, current: int, is_directory: bool) -> int:
    """The bits of a mode written as octal digits or symbolically, over the current ones."""
    digits = wanted.removeprefix("0o")
    if re.fullmatch(r"[0-7]{1,5}", digits):
        return int(digits, 8) & 0o7777
    mode = current
    for clause in wanted.split(","):
        match = CLAUSE.fullmatch(clause)
        if match is None:
            raise TaskFailed(f"{wanted!r} is not a file mode", hint='write "0644" or "u=rw,g=r,o="')
        who = "ugo" if not match[1] or "a" in match[1] else match[1]
        for operator, permissions in ACTION.findall(match[2]):
            mode = _applied(mode, who, operator, permissions, is_directory)
    return mode


def _applied(mode: int, who: str, operator: str, permissions: str, is_directory: bool) -> int:
    bits, affected = 0, 0
    for one in set(who):
        bits |= _bits(mode, permissions, is_directory) << SHIFT[one]
        affected |= 0o7 << SHIFT[one]
    if "s" in permissions:
        bits |= (0o4000 if "u" in who else 0) | (0o2000 if "g" in who else 0)
    if "t" in permissions:
        bits |= 0o1000
    if operator == "+":
        return mode | bits
    return mode & ~bits if operator == "-" else (mode & ~affected) | bits


def _bits(mode: int, permissions: str, is_directory: bool) -> int:
    if permissions in SHIFT:
        return mode >> SHIFT[permissions] & 0o7
    bits = 0
    for letter in permissions:
        if letter == "X":
            bits |= 1 if is_directory or mode & 0o111 else 0
        else:
            bits |= BITS.get(letter, 0)
    return bits
