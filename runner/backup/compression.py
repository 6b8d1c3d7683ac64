"""How a stream is made smaller on a host, by the programs it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader, Script, command

Wanted = Literal["auto", "zstd", "lz4", "gzip", "none"]


@frozen
class Compression:
    """`members` go into a pipeline after the producer (there may be none); `suffix` ends the object's name.

    `level` is the program's own.
    """

    name: str
    suffix: str
    level: int
    members: tuple[Command, ...]
    reverse: tuple[Command, ...]

    @property
    def done(self) -> Compression:
        """For what somebody else has compressed that way already."""
        return replace(self, members=())


FASTEST: Final = 1
"""The level of zstd that was the fastest with all cores, where producer and compressor share the machine."""
SMALLER: Final = 3
"""zstd's own: fewer bytes of a cluster's files, for more time (tests/benchmarks/recovery.py)."""

SUFFIXES: Final[Mapping[str, str]] = {"zstd": ".zst", "lz4": ".lz4", "gzip": ".gz", "none": ""}
"""How the names of objects end, by what compressed them."""


def _compression(name: str, level: int = FASTEST) -> Compression:
    match name:
        case "zstd":
            smaller, back = command("zstd", "-q", "-c", "-T0", f"-{level}"), command("zstd", "-q", "-d", "-c")
        case "lz4":
            level = 1
            smaller, back = command("lz4", "-q", "-c", "-1"), command("lz4", "-q", "-d", "-c")
        case "gzip":
            level = 6
            smaller, back = command("gzip", "-c", "-6"), command("gzip", "-d", "-c")
        case _:
            return Compression("none", "", 0, (), ())
    return Compression(name, SUFFIXES[name], level, (smaller,), (back,))


def choose(reader: Reader, wanted: Wanted, level: int = FASTEST) -> Compression:
    """The compression to use on that host; `auto` is zstd where it is installed, else gzip. TaskFailed if missing.

    `level` is for zstd.
    """
    if wanted == "none":
        return _compression("none")
    for name in ("zstd", "gzip") if wanted == "auto" else (wanted,):
        if _has(reader, name):
            return _compression(name, level)
    raise _missing(reader, "zstd" if wanted == "auto" else wanted)


def undo(reader: Reader, name: str) -> tuple[Command, ...]:
    """Members that decompress on that host what `name` compressed; TaskFailed if the program is missing there."""
    if name not in SUFFIXES:
        raise TaskFailed(
            message=f"compression {name!r} is not known", hint="use the version of SentraPlay that made the backup"
        )
    known = _compression(name)
    if known.reverse and not _has(reader, name):
        raise _missing(reader, name)
    return known.reverse


def _has(reader: Reader, program: str) -> bool:
    return reader.query(Script('command -v "$1" >/dev/null', (program,)), check=False).ok


def _missing(reader: Reader, program: str) -> TaskFailed:
    return TaskFailed(
        message=f"{program} is not installed",
        where=reader.name,
        hint=f"install {program} on {reader.name} and run again",
    )
