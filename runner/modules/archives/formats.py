"""The kinds of archives, told by their first bytes, and the programs they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader, Script, command

HEAD: Final = 8
TRY: Final = ': | "$@" >/dev/null 2>&1'


@frozen
class Format:
    """`handler` is Ansible's name for what unpacks it. `unpack` reads the compressed bytes on its standard input."""

    name: str
    handler: str
    magic: tuple[bytes, ...]
    unpack: tuple[str, ...] = ()
    pack: tuple[str, ...] = ()

    @property
    def is_zip(self) -> bool:
        return self.name == "zip"


TAR: Final = Format("tar", "TarArchive", ())
FORMATS: Final = (
    Format("gz", "TgzArchive", (b"\x1f\x8b",), ("gzip", "-d", "-c"), ("gzip", "-n", "-c")),
    Format("bz2", "TarArchive", (b"BZh",), ("bzip2", "-d", "-c"), ("bzip2", "-c")),
    Format("xz", "TarArchive", (b"\xfd7zXZ\x00",), ("xz", "-d", "-c"), ("xz", "-c")),
    Format("zst", "TarArchive", (b"\x28\xb5\x2f\xfd",), ("zstd", "-q", "-d", "-c"), ("zstd", "-q", "-c", "-T0")),
    Format("zip", "ZipArchive", (b"PK\x03\x04", b"PK\x05\x06"), ("unzip",), ("zip",)),
    TAR,
)


def of(head: bytes) -> Format:
    """The format of an archive that begins like this; what is none of the others is taken for a plain tar."""
    return next((one for one in FORMATS if head.startswith(one.magic)), TAR)


def named(name: str) -> Format:
    """The format of that name."""
    return next(one for one in FORMATS if one.name == name)


def require(reader: Reader, programs: Sequence[str], purpose: str) -> None:
    """TaskFailed unless the host has the program these words begin with."""
    if not programs:
        return
    if not reader.query(Script('command -v "$1" >/dev/null', (programs[0],)), check=False).ok:
        raise TaskFailed(
            f"{programs[0]} is not installed on {reader.name}",
            why=f"it is needed to {purpose}",
            hint=f"install it with `package`, such as {programs[0]}",
        )


def require_packing(reader: Reader, one: Format) -> None:
    """TaskFailed unless the host can write the format: busybox has an xz and a bzip2 that may only read."""
    require(reader, one.pack, f"write {one.name}")
    if one.pack and not one.is_zip and not reader.query(Script(TRY, one.pack), check=False).ok:
        raise TaskFailed(
            f"the {one.pack[0]} of {reader.name} cannot compress",
            hint=f"install the whole {one.pack[0]} there, or choose another `format`",
        )


def unpacking(one: Format, path: str) -> tuple[Command, ...]:
    """Members of a pipeline that write what was compressed."""
    opened = command("cat", "--", path)
    return (opened, Command(one.unpack)) if one.unpack else (opened,)


def has_gnu_tar(reader: Reader) -> bool:
    return "GNU tar" in reader.query(command("tar", "--version", env={"LC_ALL": "C"}), check=False).stdout
