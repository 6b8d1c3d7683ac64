"""The programs that change accounts: those of the shadow suite, or the few that busybox has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from runner.errors import TaskFailed
from runner.hosts.contract import Command, Host, Reader
from runner.modules.system.paths import ask

Kind = Literal["shadow", "busybox"]

FIND: Final = """
if command -v useradd >/dev/null; then echo shadow
elif command -v adduser >/dev/null; then echo busybox
else echo none; fi
"""


def kind(reader: Reader) -> Kind:
    """Which programs the host has; TaskFailed if it has none."""
    found = ask(reader, FIND, doing="look for useradd").stdout.strip()
    if found == "shadow":
        return "shadow"
    if found == "busybox":
        return "busybox"
    raise TaskFailed(
        f"{reader.name} has neither useradd nor adduser",
        hint="install the package `passwd` (Debian), `shadow-utils` (RHEL) or `shadow` (Alpine)",
    )


def too_small(what: str) -> TaskFailed:
    """busybox can add and remove accounts, but not change them."""
    return TaskFailed(f"the host's busybox cannot {what}", hint="install the package `shadow`, which has usermod")


def run(host: Host, argv: Sequence[str], doing: str, stdin: bytes = b"") -> None:
    """Run one of them; TaskFailed with what it said."""
    result = host.run(Command(tuple(argv)), stdin=stdin, check=False)
    if result.ok:
        return
    said = (result.stderr.strip() or result.stdout.strip()).splitlines()
    words = said[-1] if said else f"status {result.exit_code}"
    denied = "permission denied" in words.lower() or "cannot lock" in words.lower()
    raise TaskFailed(
        f"cannot {doing}: {words}",
        hint="accounts are changed by root, one program at a time: add `become: true`" if denied else "",
        data={"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr},
    )
