"""How a stream is made smaller on a host, by the programs it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader, Script, command

Wanted = Literal["auto", "zstd", "gzip", "none"]


@frozen
class Compression:
    """`members` go into a pipeline after the producer (there may be none); `suffix` ends the object's name."""

    name: str
    suffix: str
    members: tuple[Command, ...]
    reverse: tuple[Command, ...]


# Level 1 with all cores was the fastest whole (producer and compressor share the machine).
_KNOWN: Final[Mapping[str, Compression]] = {
    "zstd": Compression(
        "zstd", ".zst", (command("zstd", "-q", "-c", "-T0", "-1"),), (command("zstd", "-q", "-d", "-c"),)
    ),
    "gzip": Compression("gzip", ".gz", (command("gzip", "-c", "-6"),), (command("gzip", "-d", "-c"),)),
    "none": Compression("none", "", (), ()),
}


def choose(reader: Reader, wanted: Wanted) -> Compression:
    """The compression to use on that host; `auto` is zstd where it is installed, else gzip. TaskFailed if missing."""
    if wanted == "none":
        return _KNOWN["none"]
    for name in ("zstd", "gzip") if wanted == "auto" else (wanted,):
        if _has(reader, name):
            return _KNOWN[name]
    raise _missing(reader, "zstd" if wanted == "auto" else wanted)


def undo(reader: Reader, name: str) -> tuple[Command, ...]:
    """Members that decompress on that host what `name` compressed; TaskFailed if the program is missing there."""
    known = _KNOWN.get(name)
    if known is None:
        raise TaskFailed(
            message=f"compression {name!r} is not known", hint="use the version of SentraPlay that made the backup"
        )
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
