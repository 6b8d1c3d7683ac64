"""What is in an archive of the controller, read here."""

from __future__ import annotations

import calendar
import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, Final

from runner.errors import TaskFailed
from runner.modules.archives import formats
from runner.modules.archives.formats import Format
from runner.modules.archives.members import Kind, Member, tidied

UTF_8: Final = 0x800  # a zip entry's flag
BLOCK: Final = 1024 * 1024
KINDS: Final[dict[bytes, Kind]] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hard",
}


def format_of(source: BinaryIO) -> Format:
    """The format of an opened archive."""
    head = source.read(formats.HEAD)
    source.seek(0)
    return formats.of(head)


def members(source: BinaryIO, one: Format, path: Path) -> list[Member] | None:
    """What is in it; None for a format Python cannot read, TaskFailed for a broken archive."""
    try:
        if one.is_zip:
            with zipfile.ZipFile(source) as archive:
                return zip_members(archive)
        if one.name == "zst":
            return None
        with tarfile.open(fileobj=source, mode="r:*") as archive:
            return list(_of_tar(archive))
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
        raise TaskFailed(f"{path} is no archive that can be read: {error}") from error


def _of_tar(archive: tarfile.TarFile) -> Iterator[Member]:
    digests: dict[str, str] = {}
    for one in archive:
        name, target = tidied(one.name), one.linkname
        kind = KINDS.get(one.type, "other")
        if kind == "file":
            digests[name] = _sha256(archive.extractfile(one))
        if kind == "hard":
            target = tidied(target)
            digests[name] = digests.get(target, "")
        if name:
            yield Member(name, kind, one.mode & 0o7777, one.size, one.mtime, target, digests.get(name, ""))


def zip_members(archive: zipfile.ZipFile) -> list[Member]:
    """What is in an opened zip archive; the digest is its CRC-32."""
    return [_of_zip(archive, one) for one in archive.infolist() if tidied(one.filename)]


def _name(one: zipfile.ZipInfo) -> str:
    """The name as unzip writes it: UTF-8 where it is marked so, else the very bytes."""
    if one.flag_bits & UTF_8:
        return one.filename
    return one.filename.encode("cp437").decode("utf-8", "surrogateescape")


def _of_zip(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> Member:
    mode = one.external_attr >> 16
    kind: Kind = "directory" if one.is_dir() else "file"
    target = ""
    if stat.S_ISLNK(mode):
        kind, target = "link", archive.read(one).decode("utf-8", "surrogateescape")
    elif mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "other"
    moment = calendar.timegm(one.date_time)  # without a zone: the best there is
    return Member(
        tidied(_name(one)), kind, None, one.file_size, moment, target, f"{one.CRC:08x}" if kind == "file" else ""
    )


def _sha256(source: IO[bytes] | BinaryIO | None) -> str:
    taken = hashlib.sha256()
    while source is not None and (block := source.read(BLOCK)):
        taken.update(block)
    return taken.hexdigest()
