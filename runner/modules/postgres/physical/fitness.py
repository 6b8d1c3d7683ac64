"""Whether a machine can carry the files of another: architecture and C library, whose order of text indexes follow."""

from __future__ import annotations

from runner.backup.manifest import Manifest
from runner.backup.writer import describe
from runner.errors import Refused
from runner.hosts.contract import Command
from runner.modules.postgres.physical.side import Side
from runner.modules.postgres.versions import LIBC


def check(side: Side, manifest: Manifest, other_libc: bool) -> None:
    """Refused if the files cannot be used here, or (unless `other_libc`) only with indexes rebuilt."""
    source, libc = describe(side.files)
    there, here = manifest.source.system.rpartition(" ")[2], source.system.rpartition(" ")[2]
    if there != here:
        raise Refused(
            f"backup {manifest.id} is of a machine of another architecture: {there}, this is {here}",
            where=side.files.name,
            hint="restore a dump instead (pg_restore), or take a machine of the same kind",
        )
    if side.programs.in_container:
        call = Command((*side.programs.prefix, "sh", "-c", LIBC))
        libc = side.host.query(call, check=False).stdout.strip()
    was = str(manifest.versions.get("libc", "")).strip()
    if was != libc and not other_libc:
        raise Refused(
            f"backup {manifest.id} was made with another C library: {was}, this is {libc}",
            where=side.files.name,
            why="text may sort differently, and indexes on it would be silently wrong",
            hint="use the same release of the system, or `other_libc: true` and REINDEX every database after it",
        )
