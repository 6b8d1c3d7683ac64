"""What the host's account files hold. The hash of a password is compared on the host and never leaves it."""

from __future__ import annotations

from dataclasses import field
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader, Script
from runner.modules.system.paths import ask
from runner.secret import Secret

# Last the entry of /etc/shadow, its hash replaced by what there is to know of it; the wanted hash comes by stdin.
LOOK: Final = """
name=$1 wanted_home=$2
IFS= read -r wanted
entry() { getent "$1" "$name" 2>/dev/null || grep "^$name:" "/etc/$1"; }
for program in useradd adduser; do
  if command -v "$program" >/dev/null; then echo "$program"; break; fi
done
echo ==
(getent group 2>/dev/null || cat /etc/group) || exit 1
echo ==
line=$(grep "^$name:" /etc/passwd || entry passwd) || { echo absent; exit 0; }
echo "$line"
home=$(echo "$line" | cut -d: -f6)
for path in "$home" "${wanted_home:-$home}"; do
  if [ -d "$path" ]; then echo there; else echo missing; fi
done
if [ ! -r /etc/shadow ]; then echo hidden; exit 0; fi
shadow=$(entry shadow) || { echo hidden; exit 0; }
rest=${shadow#*:} hash=${shadow#*:}
hash=${hash%%:*} rest=${rest#*:}
bare=${hash#!} wanted_bare=${wanted#!}
case $hash in '' | '!' | '!!' | '!*') words='none';; *) words='some';; esac
case $hash in '!'*) words="$words locked";; *) words="$words open";; esac
if [ "$bare" = "$wanted_bare" ]; then words="$words same"; else words="$words differs"; fi
echo "$words:$rest"
"""
NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?"


@frozen
class Group:
    name: str
    gid: int
    members: tuple[str, ...] = ()


@frozen
class Shadow:
    """What /etc/shadow says, but for the hash. Days are text as they stand there; empty where nothing is set."""

    has_password: bool
    locked: bool
    as_wanted: bool
    days: tuple[str, ...] = ()

    def day(self, place: int) -> str:
        """0: last change, 1: least, 2: most, 3: warning, 4: disabled after, 5: expires."""
        return self.days[place] if place < len(self.days) else ""


@frozen
class Account:
    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    has_home: bool
    has_wanted_home: bool
    shadow: Shadow | None = None


@frozen
class Accounts:
    """The account that was asked for, all groups, and the program that makes accounts: useradd, adduser or none."""

    program: str
    account: Account | None
    groups: tuple[Group, ...] = field(default_factory=tuple)

    def group(self, name: str) -> Group | None:
        """The group of that name or number."""
        return next((one for one in self.groups if name in (one.name, str(one.gid))), None)

    def memberships(self, user: str) -> frozenset[str]:
        """The names of the groups the user was put into, beside the primary one."""
        return frozenset(one.name for one in self.groups if user in one.members)


def look(reader: Reader, name: str, home: str | None = None, password: Secret | None = None) -> Accounts:
    """What there is about the user `name`, and whether it has this home directory and a password of this hash."""
    wanted = (password.reveal() if password is not None else "").encode()
    result = reader.query(Script(LOOK, (name, home or "")), stdin=wanted + b"\n", check=False)
    if not result.ok:
        raise TaskFailed(f"cannot look up the user {name}: {result.stderr.strip()}")
    program, listed, told = result.stdout.split("==\n", 2)
    return Accounts(program.strip(), _account(told.splitlines()), groups_in(listed))


def groups(reader: Reader) -> tuple[Group, ...]:
    """All groups of the host."""
    listed = ask(reader, "getent group 2>/dev/null || cat /etc/group", doing="list the groups").stdout
    return groups_in(listed)


def groups_in(text: str) -> tuple[Group, ...]:
    lines = [line.split(":") for line in text.splitlines()]
    return tuple(
        Group(words[0], int(words[2]), tuple(filter(None, words[3].split(","))))
        for words in lines
        if len(words) == 4 and words[2].isdecimal()
    )


def _account(lines: list[str]) -> Account | None:
    if len(lines) < 4:
        return None
    name, _, uid, gid, comment, home, shell = (*lines[0].split(":"), *[""] * 7)[:7]
    here, there = (line == "there" for line in lines[1:3])
    return Account(name, int(uid), int(gid), comment, home, shell, here, there, _shadow(lines[3]))


def _shadow(line: str) -> Shadow | None:
    if line == "hidden":
        return None
    words, *days = line.split(":")
    return Shadow("some" in words, "locked" in words, "same" in words, tuple(days))
