"""Bytes arriving on a host."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import BinaryIO, Final

from runner.errors import RepositoryError
from runner.hosts.contract import CommandFailed, Stream
from runner.repositories.streams import BLOCK

PLAIN: Final = {"LC_ALL": "C"}
NOT_MOUNTED: Final = "nothing is mounted at"

_FULL: Final = re.compile(r"No space left on device|Disk quota exceeded")
_DENIED: Final = re.compile(r"Permission denied|Read-only file system|Operation not permitted")


def fill(stream: Stream, source: BinaryIO) -> None:
    """Write all of `source` into the stream and end its input.

    A reader that died is not reported here but by `finish`, which knows its status and what it said.
    An error of `source` goes on, and the unfinished stream then counts as failed.
    """
    while block := source.read(BLOCK):
        try:
            stream.stdin.write(block)
            stream.stdin.flush()
        except OSError:
            return
    with suppress(OSError):
        stream.stdin.close()


def explain(failed: CommandFailed, where: str, host_name: str) -> RepositoryError:
    """Why a file of a repository could not be written or read, by what the program said."""
    said = failed.result.stderr.strip()
    if _FULL.search(said):
        return RepositoryError(
            message="there is no space left for the repository",
            where=where,
            why=said,
            hint=f"free space on {host_name} or name another repository; nothing of the object was kept",
        )
    if NOT_MOUNTED in said:
        return RepositoryError(
            message=said,
            where=where,
            why="backups would fill the disk below it, and be hidden once it is mounted",
            hint=f"mount it on {host_name}",
        )
    hint = "let the user SentraPlay works as there read and write it" if _DENIED.search(said) else ""
    return RepositoryError(message=f"the repository failed: {said}", where=where, hint=hint)
