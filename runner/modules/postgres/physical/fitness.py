"""Whether a machine can carry the files of another: architecture and C library, whose order of text indexes follow."""

from __future__ import annotations

from runner.backup.manifest import Manifest
from runner.backup.writer import describe
from runner.errors import Refused
from runner.frozen import frozen
from runner.hosts.contract import Command
from runner.modules.postgres.physical.side import Side
from runner.modules.postgres.versions import LIBC


@frozen
class Origin:
    """The machine a backup is of; "" where that is not known."""

    backup: str
    architecture: str
    libc: str


def origin_of(manifest: Manifest) -> Origin:
    source = manifest.source.system.rpartition(" ")[2]
    return Origin(manifest.id, source, str(manifest.versions.get("libc", "")).strip())


def check(side: Side, origin: Origin, other_libc: bool) -> None:
    """Refused if the files cannot be used here, or (unless `other_libc`) only with indexes rebuilt."""
    source, libc = describe(side.files)
    there, here = origin.architecture, source.system.rpartition(" ")[2]
    if there and there != here:
        raise Refused(
            f"backup {origin.backup} is of a machine of another architecture: {there}, this is {here}",
            where=side.files.name,
            hint="restore a dump instead (pg_restore), or take a machine of the same kind",
        )
    if side.programs.in_container:
        call = Command((*side.programs.prefix, "sh", "-c", LIBC))
        libc = side.host.query(call, check=False).stdout.strip()
    was = origin.libc
    if was != libc and not other_libc:
        raise Refused(
            f"backup {origin.backup} was made with {_another(was)}, this is {libc}",
            where=side.files.name,
            why="text may sort differently, and indexes on it would be silently wrong",
            hint="use the same release of the system, or `other_libc: true` and REINDEX every database after it",
        )


def _another(libc: str) -> str:
    return f"another C library: {libc}" if libc else "a C library nobody wrote down"
