"""What pgBackRest says of its backups and its archive (`info --output=json`, `repo-ls --output=json`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from runner.backup.wal.archive import Archived
from runner.backup.wal.names import DEFAULT_SEGMENT_SIZE, MEBIBYTE, Lsn, is_history, is_segment
from runner.backup.wal.reach import Start
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.postgres.pgbackrest.configuration import Stanza
from runner.modules.postgres.pgbackrest.program import read

_SEGMENT: Final = re.compile(r"(?P<name>[0-9A-F]{24}(?:\.partial)?)-(?P<sha1>[0-9a-f]{40})(?:\.(?P<suffix>[a-z0-9]+))?")
# What initdb's --wal-segsize takes.
_SIZES: Final = tuple(MEBIBYTE << shift for shift in range(11))
# Its status of a stanza: whole, or without a backup so far.
_THERE: Final = (0, 2)


@frozen
class Backup:
    """One backup; times are in UTC, sizes in bytes. `parents` are those it builds on."""

    id: str
    kind: str
    begun: datetime
    ended: datetime
    start: Start
    size: int
    stored: int
    archive: str
    major: int
    parents: tuple[str, ...]
    architecture: str
    libc: str
    damaged: bool

    def to_plain(self) -> Mapping[str, Any]:
        """For a task's result."""
        return {
            "backup_id": self.id,
            "kind": self.kind,
            "restored_point": self.ended.isoformat(),
            "timeline": self.start.timeline,
            "start_lsn": str(self.start.start),
            "stop_lsn": str(self.start.stop),
            "size": self.stored,
            "parents": list(self.parents),
        }


@frozen
class Info:
    """`there` says whether the stanza was created; backups are in order of time."""

    there: bool
    backups: tuple[Backup, ...]


def info(reader: Reader, stanza: Stanza) -> Info:
    """TaskFailed if pgBackRest cannot say."""
    (found,) = json.loads(read(reader, stanza, "--output=json", "info"))
    databases = {one["id"]: one for one in found["db"]}
    begun: dict[int, list[tuple[str, Lsn]]] = {}
    for one in found["backup"]:
        begun.setdefault(one["database"]["id"], []).append((one["archive"]["start"], Lsn.of(one["lsn"]["start"])))
    sizes = {number: segment_size(starts) for number, starts in begun.items()}
    backups = tuple(_backup(one, databases, sizes) for one in found["backup"])
    return Info(found["status"]["code"] in _THERE, backups)


def segment_size(starts: Iterable[tuple[str, Lsn]]) -> int:
    """How many bytes a segment of the cluster has, which pgBackRest does not say, by segments and positions in them.

    Only of the first segment in every 4 GiB does a position not tell; where there are no others it is the usual size.
    """
    for name, at in starts:
        fitting = [size for size in _SIZES if (at.position & 0xFFFFFFFF) // size == int(name[16:24], 16)]
        if len(fitting) == 1:
            return fitting[0]
    return DEFAULT_SEGMENT_SIZE


def tablespaces(reader: Reader, stanza: Stanza, backup: str) -> Mapping[int, str]:
    """Where a backup's tablespaces were, by their oid."""
    (found,) = json.loads(read(reader, stanza, f"--set={backup}", "--output=json", "info"))
    return {one["oid"]: one["destination"] for one in found["backup"][0].get("tablespace") or ()}


def _backup(one: Mapping[str, Any], databases: Mapping[int, Mapping[str, Any]], sizes: Mapping[int, int]) -> Backup:
    database = databases[one["database"]["id"]]
    version, notes = str(database["version"]), one.get("annotation") or {}
    timeline = int(one["archive"]["start"][:8], 16)
    return Backup(
        one["label"],
        one["type"],
        datetime.fromtimestamp(one["timestamp"]["start"], UTC),
        datetime.fromtimestamp(one["timestamp"]["stop"], UTC),
        Start(timeline, Lsn.of(one["lsn"]["start"]), Lsn.of(one["lsn"]["stop"]), sizes[database["id"]]),
        one["info"]["size"],
        one["info"]["repository"]["delta"],
        f"{version}-{database['id']}",
        int(version.partition(".")[0]),
        tuple(one["reference"] or ()),
        notes.get("architecture", ""),
        notes.get("libc", ""),
        bool(one["error"]),
    )


class BackrestArchive:
    """The WAL of one cluster in pgBackRest's repository, as the proofs of a recovery want to see it."""

    def __init__(self, reader: Reader, stanza: Stanza, archive: str) -> None:
        self._reader = reader
        self._stanza = stanza
        self._path = f"archive/{stanza.name}/{archive}"

    def files(self) -> Mapping[str, tuple[Archived, ...]]:
        """Every file by name; more than one where contents differ."""
        found: dict[str, list[Archived]] = {}
        listed = json.loads(read(self._reader, self._stanza, "--recurse", "--output=json", "repo-ls", self._path))
        for path, what in sorted(listed.items()):
            if what["type"] == "file" and (one := self._archived(path, what)) is not None:
                found.setdefault(one.name, []).append(one)
        return {name: tuple(ones) for name, ones in found.items()}

    def text(self, one: Archived) -> str:
        """A history file's."""
        return read(self._reader, self._stanza, "repo-get", f"{self._path}/{one.key}")

    def describe(self) -> str:
        """Where it is, for people."""
        return self._stanza.where

    def _archived(self, path: str, what: Mapping[str, Any]) -> Archived | None:
        name = path.rpartition("/")[2]
        modified = datetime.fromtimestamp(what["time"], UTC)
        if is_history(name):
            return Archived(name, "", path, what["size"], modified, "", False)
        match = _SEGMENT.fullmatch(name)
        if match is None or not is_segment(match["name"]):
            return None
        # A SHA-1, which here only tells one content from another.
        return Archived(match["name"], match["sha1"], path, what["size"], modified, match["suffix"] or "", False)
