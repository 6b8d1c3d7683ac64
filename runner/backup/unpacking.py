"""An archive into a directory of the controller: nothing outside it, nothing overwritten, for its owner alone."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from runner.errors import Refused, VerificationFailed
from runner.frozen import frozen
from runner.repositories.streams import BLOCK


@frozen
class Unpacked:
    """How many files, directories and links were made, and the links that lead outside and were not."""

    entries: int
    left_out: tuple[str, ...]


def unpack(archive: BinaryIO, directory: Path) -> Unpacked:
    """Unpack a tar into the existing `directory`, without the one directory at the archive's top.

    VerificationFailed for an archive that cannot be read or has an entry that would leave the
    directory or is no file, directory or link; Refused if something is there already. Symbolic links
    come last, so that nothing is written through one. Of modes only what concerns the owner is kept.
    """
    links: list[tuple[Path, str]] = []
    entries = 0
    try:
        with tarfile.open(fileobj=archive, mode="r|") as opened:
            for member in opened:
                inside = _inside(member.name, directory)
                if not inside.parts:
                    continue
                entries += 1
                if member.issym():
                    links.append((directory / inside, member.linkname))
                else:
                    _make(opened, member, directory / inside, directory)
        left_out = [str(path.relative_to(directory)) for path, target in links if not _link(path, target, directory)]
    except (tarfile.TarError, EOFError) as error:
        raise VerificationFailed(
            f"the archive cannot be read: {error}", where=str(directory), hint="use another backup (--backup)"
        ) from error
    except FileExistsError as there:
        raise Refused(
            f"{there.filename} is there already", where=str(directory), hint="name an empty directory"
        ) from there
    return Unpacked(entries - len(left_out), tuple(left_out))


def _inside(name: str, directory: Path) -> PurePosixPath:
    """The path of an entry below the archive's top; VerificationFailed if it would leave it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise VerificationFailed(
            f"the archive has an entry {name!r}, which would leave {directory}",
            why="no archive of SentraPlay has such an entry: this one was made to do harm",
            hint="find out who can write to the repository; use an older backup (--backup)",
        )
    return PurePosixPath(*path.parts[1:])


def _make(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path, directory: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if member.isdir():
        path.mkdir(mode=0o700, exist_ok=True)
    elif member.islnk():
        os.link(directory / _inside(member.linkname, directory), path, follow_symlinks=False)
    elif member.isreg():
        _write(opened, member, path)
    else:
        raise VerificationFailed(
            f"the archive's entry {member.name!r} is no file, directory or link",
            where=str(directory),
            hint="use another backup (--backup)",
        )


def _write(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = opened.extractfile(member)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600 | (member.mode & 0o100))
    with os.fdopen(descriptor, "wb") as target:
        while source is not None and (block := source.read(BLOCK)):
            target.write(block)


def _link(path: Path, target: str, directory: Path) -> bool:
    """Make a symbolic link, unless it leads out of the directory."""
    parent = path.parent.relative_to(directory)
    if target.startswith("/") or os.path.normpath(parent / target).split("/")[0] == "..":
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.symlink_to(target)
    return True
