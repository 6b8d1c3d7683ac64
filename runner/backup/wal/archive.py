"""Which write-ahead log a repository holds of a service, found by listing it.

Every file is an object of its own: `<service>/wal/<system identifier>/<timeline>/<file>-<sha256 of the
plain file><suffixes>`. The sha256 makes a name that two servers both wrote (a split brain, a restore
without a new timeline) two objects, and lets a copy be proved by whoever has only the object.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from os.path import commonprefix
from typing import Final

from runner.backup.compression import SUFFIXES
from runner.backup.encryption import SUFFIX
from runner.backup.identity import check_service
from runner.backup.wal.names import is_archived_name
from runner.errors import VerificationFailed
from runner.frozen import frozen
from runner.repositories.contract import Repository

DIRECTORY: Final = "wal"
_PARTIAL: Final = ".partial"
_COMPRESSIONS: Final[Mapping[str, str]] = {suffix: name for name, suffix in SUFFIXES.items()}
_SUFFIX: Final = "|".join(map(re.escape, _COMPRESSIONS))
_OBJECT: Final = re.compile(rf"(?P<name>[0-9A-Za-z.]+)-(?P<sha256>[0-9a-f]{{64}})(?P<suffix>{_SUFFIX})(?P<age>\.age)?")


@frozen
class Archived:
    """One WAL file in the repository: `sha256` (hex) is of the plain file, `size` (bytes) of what is stored.

    `modified` (UTC) is when it was stored, and so later than everything in it.
    """

    name: str
    sha256: str
    key: str
    size: int
    modified: datetime
    compression: str
    encrypted: bool

    @property
    def unfinished(self) -> bool:
        """Whether it is what a receiver had of a segment when its server was lost."""
        return f"{_PARTIAL}-" in self.key


class WalArchive:
    """The WAL of one cluster of a service. Lists anew each time it is asked."""

    def __init__(self, repository: Repository, service: str, system_identifier: str) -> None:
        self.repository = repository
        self.service = check_service(service)
        self.system_identifier = system_identifier

    def key(self, name: str, sha256: str, suffix: str) -> str:
        """Where a file of that name and content is; `suffix` is that of its compression, `.age` is added."""
        age = SUFFIX if self.repository.encryption.recipients else ""
        return f"{self._prefix}{name[:8]}/{name}-{sha256}{suffix}{age}"

    def files(self) -> Mapping[str, tuple[Archived, ...]]:
        """Every file by name; more than one where contents differ."""
        return self._files(self._prefix)

    def _files(self, prefix: str) -> Mapping[str, tuple[Archived, ...]]:
        return by_name(_listed(self.repository, prefix))

    def among(self, names: Collection[str]) -> Mapping[str, tuple[Archived, ...]]:
        """Of these names, the files that are there; lists only what begins as they all do."""
        found: dict[str, tuple[Archived, ...]] = {}
        for timeline in sorted({name[:8] for name in names}):
            wanted = [name for name in names if name.startswith(timeline)]
            there = self._files(f"{self._prefix}{timeline}/{commonprefix(wanted)}")
            found |= {name: there[name] for name in wanted if name in there}
        return found

    def describe(self) -> str:
        """Where it is, for people."""
        return f"{self.repository.describe()}, {self._prefix.rstrip('/')}"

    @property
    def _prefix(self) -> str:
        return f"{self.service}/{DIRECTORY}/{self.system_identifier}/"


def only(found: Sequence[Archived], where: str) -> Archived:
    """The one file; VerificationFailed if several of the name hold different things."""
    if len(found) == 1:
        return found[0]
    raise VerificationFailed(
        f"there are {len(found)} different WAL files called {found[0].name}",
        where=where,
        why="two servers wrote the same part of the log, so which of them belongs to the backup is not known",
        hint="find out which server was the right one, and remove the other's file from the repository",
    )


def by_name(ones: Iterable[Archived]) -> Mapping[str, tuple[Archived, ...]]:
    """The files of one cluster by name; more than one where contents differ."""
    found: dict[str, list[Archived]] = {}
    for one in ones:
        found.setdefault(one.name, []).append(one)
    return {name: _distinct(same) for name, same in sorted(found.items())}


def archived(repository: Repository, service: str) -> Mapping[str, tuple[Archived, ...]]:
    """Every object of every cluster's WAL, by the cluster's system identifier."""
    found: dict[str, list[Archived]] = {}
    prefix = f"{check_service(service)}/{DIRECTORY}/"
    for one in _listed(repository, prefix):
        found.setdefault(one.key.removeprefix(prefix).partition("/")[0], []).append(one)
    return {system: tuple(ones) for system, ones in sorted(found.items())}


def _listed(repository: Repository, prefix: str) -> Iterator[Archived]:
    for info in repository.list(prefix):
        match = _OBJECT.fullmatch(info.key.rpartition("/")[2])
        if match is not None and is_archived_name(match["name"]):
            compression, encrypted = _COMPRESSIONS[match["suffix"]], match["age"] is not None
            yield Archived(match["name"], match["sha256"], info.key, info.size, info.modified, compression, encrypted)


def _distinct(ones: Sequence[Archived]) -> tuple[Archived, ...]:
    """One of each content: it may be stored twice when compression or recipients were changed."""
    return tuple({one.sha256: one for one in ones}.values())
