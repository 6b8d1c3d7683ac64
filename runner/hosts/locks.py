"""Locks on a host: a file that names its holder, made by one atomic link and removed by nobody else.

They lie in /tmp, where every user may make one and a restart of the host forgets them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from runner.frozen import frozen
from runner.hosts.contract import Host, Script

# `ln` makes the lock with its content or not at all. What was there instead is told.
_TAKE: Final = """
umask 022
lock=/tmp/.sentraplay-lock-$1 own=/tmp/.sentraplay-lock-$1.$2
trap 'rm -f -- "$own"' EXIT
(set -C; cat >"$own") || exit 1
if ln -- "$own" "$lock" 2>/dev/null; then exit 0; fi
cat -- "$lock"
exit 10
"""
_HELD: Final = 10

# Moved away first: of two that want it, one finds that it has moved another's lock and puts it back.
_BREAK: Final = """
lock=/tmp/.sentraplay-lock-$1 old=/tmp/.sentraplay-lock-$1.$2
mv -- "$lock" "$old" || exit 1
if [ "$(cat -- "$old")" = "$(cat)" ]; then rm -f -- "$old"; exit 0; fi
ln -- "$old" "$lock" && rm -f -- "$old"
exit 1
"""

_RELEASE: Final = """
lock=/tmp/.sentraplay-lock-$1
[ "$(cat -- "$lock" 2>/dev/null)" != "$(cat)" ] || rm -f -- "$lock"
"""


@frozen
class Holder:
    """Who holds a lock: a run, and the process on a controller (its host, that host's boot, pid and start)."""

    run: str
    playbook: str
    controller: str
    boot: str
    pid: int
    process_started: int
    since: str

    def text(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)


def holder_from(text: str) -> Holder | None:
    """The holder a lock names; None if the text is no holder's."""
    try:
        found = json.loads(text)
        return Holder(**found) if isinstance(found, Mapping) else None
    except (ValueError, TypeError):
        return None


def take(host: Host, name: str, holder: Holder) -> str:
    """Take the lock `name`; empty text if it is ours now, else the text of who has it."""
    result = host.run(Script(_TAKE, (name, holder.run)), stdin=holder.text().encode(), check=False)
    if result.exit_code == _HELD:
        return result.stdout or "?"
    return "" if result.ok else f"it cannot be made: {result.stderr.strip()}"


def break_open(host: Host, name: str, holder: Holder, text: str) -> bool:
    """Remove the lock if it still says `text`; whether it is gone."""
    return host.run(Script(_BREAK, (name, holder.run)), stdin=text.rstrip("\n").encode(), check=False).ok


def release(host: Host, name: str, holder: Holder) -> None:
    """Let go of the lock; one that is another's by now is left alone."""
    host.run(Script(_RELEASE, (name,)), stdin=holder.text().encode(), check=False)
