"""Names of hosts as inventories write them: with ranges, and with a port behind."""

from __future__ import annotations

import re
from typing import Final

from runner.errors import Location, Problem
from runner.frozen import frozen
from runner.inventory.ranges import expanded
from runner.rules import Rule
from runner.schema import name_problem

_BRACKETED: Final = re.compile(r"\[(?P<name>[^\[\]]+)\]:(?P<port>\d+)")
_WITH_PORT: Final = re.compile(r"(?P<name>(?:[^:\[\]]|\[[^\]]*\])+):(?P<port>\d+)")
HIGHEST_PORT: Final = 65535


@frozen
class HostNames:
    """The hosts a name stands for, and the port that stands behind it."""

    names: tuple[str, ...]
    port: int | None = None


def examined_host(written: str, place: Location) -> tuple[HostNames, list[Problem]]:
    """The hosts that a name at `place` stands for, and what is wrong with it."""
    try:
        found = host_names(written)
    except ValueError as error:
        return HostNames(()), [Problem(f"the host name '{written}': {error}", place, rule=Rule.BAD_NAME)]
    problem = name_problem(found.names[0], "host", place)
    return found, [problem] if problem else []


def host_names(written: str) -> HostNames:
    """What `web[01:10]:2222` or `[fd00::1]:22` means; ValueError says what is wrong with it."""
    if bracketed := _BRACKETED.fullmatch(written):
        return HostNames((bracketed["name"],), _port(bracketed["port"]))
    if with_port := _WITH_PORT.fullmatch(written):
        return HostNames(tuple(expanded(with_port["name"])), _port(with_port["port"]))
    if written.endswith(":") and not written.endswith("::"):
        raise ValueError("a port must follow the ':' at its end")
    return HostNames(tuple(expanded(written)))


def _port(digits: str) -> int:
    port = int(digits)
    if not 1 <= port <= HIGHEST_PORT:
        raise ValueError(f"{digits} is no port: those are 1 to {HIGHEST_PORT}")
    return port
