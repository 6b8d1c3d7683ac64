"""What a base backup says of itself in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from runner.backup.manifest import Manifest
from runner.backup.wal.names import Lsn
from runner.backup.wal.reach import Start
from runner.errors import VerificationFailed
from runner.frozen import frozen

KIND: Final = "base"
BASE_ROLE: Final = "base"
MANIFEST_ROLE: Final = "backup_manifest"
"""The server's own list of files; inside the tar too where the host compressed what the server streamed."""
TABLESPACE_ROLE: Final = "tablespace "


@frozen
class Tablespace:
    """One beside the data directory; `path` is where it was, `size` in bytes on disk."""

    oid: int
    name: str
    path: str
    size: int

    @property
    def role(self) -> str:
        """The object of the backup that holds it."""
        return f"{TABLESPACE_ROLE}{self.oid}"


@frozen
class Base:
    """`size` is bytes on disk of the data directory, `own_wal` whether the WAL it needs is inside the backup.

    With a `point` it is an increment that is nothing but WAL: from the end of the backup before it to the restore point
    of that name, replayed on the whole backup its chain begins with.
    """

    system_identifier: str
    start: Start
    own_wal: bool
    size: int
    tablespaces: tuple[Tablespace, ...] = ()
    point: str = ""

    @property
    def all_bytes(self) -> int:
        """Bytes on disk of all of it."""
        return self.size + sum(one.size for one in self.tablespaces)

    def to_plain(self) -> Mapping[str, Any]:
        return {
            "system_identifier": self.system_identifier,
            "timeline": self.start.timeline,
            "start_lsn": str(self.start.start),
            "stop_lsn": str(self.start.stop),
            "wal_segment_size": self.start.segment_size,
            "own_wal": self.own_wal,
            "size": self.size,
            "tablespaces": [
                {"oid": one.oid, "name": one.name, "path": one.path, "size": one.size} for one in self.tablespaces
            ],
            **({"point": self.point} if self.point else {}),
        }


def base_of(manifest: Manifest) -> Base:
    """From a backup of kind `base`; VerificationFailed if it is another one."""
    plain = manifest.contents
    try:
        start = Start(
            plain["timeline"], Lsn.of(plain["start_lsn"]), Lsn.of(plain["stop_lsn"]), plain["wal_segment_size"]
        )
        spaces = tuple(Tablespace(**one) for one in plain["tablespaces"])
        return Base(plain["system_identifier"], start, plain["own_wal"], plain["size"], spaces, plain.get("point", ""))
    except (KeyError, TypeError) as error:
        raise VerificationFailed(
            f"backup {manifest.id} is no base backup",
            why=f"its kind is {manifest.kind}: a dump holds no WAL position, so nothing can be replayed on it",
            hint="name a backup made by pg_basebackup, or leave `backup` out",
        ) from error
