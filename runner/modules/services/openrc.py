"""Services of OpenRC, as Alpine and Gentoo have it."""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import Reader, Script
from runner.modules.contract import Acting
from runner.modules.services.wishes import Seen, failed, not_found

LOOK: Final = """
name=$1 runlevel=$2
rc-service --exists "$name" || exit 9
rc-service "$name" status >/dev/null 2>&1; echo "$?"
rc-update show "$runlevel" | sed 's/|.*//; s/ //g' | grep -x -F "$name"
true
"""
UNKNOWN: Final = 9


def look(reader: Reader, name: str, runlevel: str) -> Seen:
    """How the service is; NotThereYet if there is none."""
    result = reader.query(Script(LOOK, (name, runlevel)), check=False)
    if result.exit_code == UNKNOWN:
        raise not_found(name)
    if not result.ok:
        raise failed("look at", name, result)
    status, *enabled = result.stdout.split()
    return Seen(running=status == "0", enabled=bool(enabled))


def act(at: Acting, name: str, verb: str, runlevel: str, arguments: tuple[str, ...]) -> None:
    """start, stop, restart, reload, enable or disable."""
    if verb in ("enable", "disable"):
        argv: tuple[str, ...] = ("rc-update", "add" if verb == "enable" else "del", name, runlevel)
    else:
        argv = ("rc-service", name, verb, *arguments)
    result = at.host.run(Script('"$@"', argv), check=False)
    if not result.ok:
        raise failed(verb, name, result)
