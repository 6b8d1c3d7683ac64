"""Hosts named on the command line: `-i web1,web2:2222,`."""

from __future__ import annotations

from pathlib import Path

from runner.errors import Location, Problem
from runner.inventory.hostnames import examined_host
from runner.inventory.written import UNGROUPED, Gathered, Origin
from runner.localfiles import exists


def is_host_list(source: str) -> bool:
    """Whether an inventory source is a list of hosts: it has a comma, and no file has that name."""
    return "," in source and not exists(Path(source))


def read_host_list(source: str, gathered: Gathered) -> list[Problem]:
    """Add the hosts of a list to `gathered`; returns everything that is wrong with it."""
    problems: list[Problem] = []
    column = 1
    for part in source.split(","):
        place = Location(f"-i {source}", 1, column + len(part) - len(part.lstrip()))
        column += len(part) + 1
        if part.strip():
            found, wrong = examined_host(part.strip(), place)
            problems += wrong
            gathered.add_hosts(UNGROUPED, found, {}, Origin(source), place)
    return problems
