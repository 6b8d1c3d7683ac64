"""Whether there is room for what a restore will write, asked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Result, Runnable
from runner.units import human_bytes

# WAL, temporary files of index builds, and what is written meanwhile.
MARGIN: Final = 1.25

Asking = Callable[..., Result]
"""`Reader.query`, or the like."""


@frozen
class Need:
    """So many bytes in the file system of an existing path."""

    path: str
    size: int


@frozen
class _FileSystem:
    mount: str
    free: int


def check(ask: Asking, df: Callable[[str], Runnable], needs: Sequence[Need], where: str) -> None:
    """TaskFailed unless every file system has room for all that goes into it; `df` makes the call for a path."""
    wanted: dict[str, int] = {}
    found: dict[str, _FileSystem] = {}
    for need in needs:
        system = _file_system(ask(df(need.path), check=False), need.path, where)
        found[system.mount] = system
        wanted[system.mount] = wanted.get(system.mount, 0) + int(need.size * MARGIN)
    for mount, size in wanted.items():
        if found[mount].free < size:
            raise _no_room(found, mount, size, where)


def _file_system(result: Result, path: str, where: str) -> _FileSystem:
    lines = result.stdout.splitlines()
    # With -P one line per file system: device, KiB in all, used, available, capacity, mount point.
    columns = lines[-1].split(None, 5) if result.ok and lines else []
    if len(columns) != 6 or not columns[3].lstrip("-").isdigit():
        raise TaskFailed(f"cannot tell how much room there is at {path}: {result.stderr.strip()}", where=where)
    return _FileSystem(columns[5], int(columns[3]) * 1024)


def _no_room(found: Mapping[str, _FileSystem], mount: str, size: int, where: str) -> TaskFailed:
    return TaskFailed(
        f"the restore needs about {human_bytes(size)} at {mount}, and {human_bytes(found[mount].free)} are free",
        where=where,
        why="the live database stays beside the restored one until the swap, and for keep_previous after it",
        hint="make room, or drop databases kept by earlier restores; nothing was changed",
    )
