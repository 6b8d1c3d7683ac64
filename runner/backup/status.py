"""How a service stands: per kind the newest backup, the newest proved one, and what is wrong; and its WAL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from runner.backup.catalogue import Damaged, catalogue
from runner.backup.identity import MANIFEST, parse_id
from runner.backup.manifest import Manifest
from runner.backup.reported import reported
from runner.backup.reports import BACKREST
from runner.backup.standing import Standing, standing
from runner.backup.wal.archive import DIRECTORY, Archived, WalArchive, archived, by_name
from runner.backup.wal.base import KIND as BASE
from runner.backup.wal.base import base_of
from runner.backup.wal.gaps import check_timelines, may_be_cut
from runner.backup.wal.names import is_segment
from runner.errors import VerificationFailed
from runner.frozen import frozen
from runner.repositories.contract import Repository
from runner.units import human_seconds

WAL: Final = "wal"
NO_BASE: Final = "there is no base backup of its cluster, and WAL alone recovers nothing"


class Line(Protocol):
    """One line of the status: of which kind of backups, and how they are."""

    @property
    def kind(self) -> str: ...

    @property
    def service(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def amount(self) -> str:
        """How many there are, for people."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes of all of them, if known."""
        ...

    @property
    def moment(self) -> datetime | None:
        """How new the data are that the newest brings back (UTC)."""
        ...

    @property
    def proof(self) -> tuple[str, str]:
        """The newest that was proved, and how; empty where nothing is ever proved."""
        ...

    def troubles(self, now: datetime, rpo: float | None, proved_within: float | None) -> list[str]:
        """What is wrong, in words; `rpo` and `proved_within` are seconds, None for no limit."""
        ...

    def plain(self, now: datetime) -> Mapping[str, object]:
        """Plain data for programs; ages are in seconds."""
        ...


@frozen
class WalStatus:
    """The WAL of the cluster that was last backed up whole: how new the data are that can be recovered. Or of one that
    never was, if that archives now: then it leads on from nothing.

    `newest` is the segment that arrived last (what is in it was written before), `gap` why not all of it can be
    replayed, "" if it can as far as a list of the files tells; `size` is bytes.
    """

    service: str
    files: int
    size: int
    newest: Archived
    gap: str
    leads_on: bool = True

    @property
    def kind(self) -> str:
        return WAL

    @property
    def name(self) -> str:
        return f"{self.service} {self.kind}"

    @property
    def amount(self) -> str:
        return f"{self.files} files"

    @property
    def moment(self) -> datetime:
        return self.newest.modified

    @property
    def proof(self) -> tuple[str, str]:
        return ("", "")

    def troubles(self, now: datetime, rpo: float | None, proved_within: float | None) -> list[str]:
        """See Line; a list proves nothing, so `proved_within` is for backups alone."""
        age = (now - self.newest.modified).total_seconds()
        late = rpo is not None and age > rpo
        return ([self.gap] if self.gap else []) + ([f"the newest WAL came {human_seconds(age)} ago"] if late else [])

    def plain(self, now: datetime) -> Mapping[str, object]:
        """See Line."""
        age = round((now - self.newest.modified).total_seconds())
        own = {"files": self.files, "size": self.size, "newest": self.newest.name, "age": age}
        return {"service": self.service, "kind": self.kind, **own}


@frozen
class Status:
    """A service's backups of one kind, oldest first, and those whose manifests are damaged.

    `goes_on`: WAL leads on from the newest, and how old the data are is for that to say.
    """

    service: str
    kind: str
    backups: tuple[Standing, ...]
    damaged: tuple[Damaged, ...]
    goes_on: bool = False

    @property
    def name(self) -> str:
        return f"{self.service} {self.kind}"

    @property
    def amount(self) -> str:
        return str(len(self.backups))

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(one.manifest.size for one in self.backups)

    @property
    def newest(self) -> Manifest | None:
        return self.backups[-1].manifest if self.backups else None

    @property
    def moment(self) -> datetime | None:
        return self.newest.restored_point if self.newest else None

    @property
    def proof(self) -> tuple[str, str]:
        return (self.proved.manifest.id, str(self.proved.proof.level)) if self.proved else ("none", "")

    @property
    def proved(self) -> Standing | None:
        """The newest that was read to its last byte, or restored, and found good."""
        return next((one for one in reversed(self.backups) if one.proof.level in ("full", "restore")), None)

    def troubles(self, now: datetime, rpo: float | None, proved_within: float | None) -> list[str]:
        """See Line."""
        said = [f"the manifest of {one.id} is damaged" for one in self.damaged]
        said += [
            f"verification ({one.proof.failed.level}) of {one.manifest.id} failed: {one.proof.failed.error}"
            for one in self.backups
            if one.proof.failed is not None
        ]
        newest, proved = self.newest, self.proved
        age = (now - newest.restored_point).total_seconds() if newest else None
        if rpo is not None and not self.goes_on and (age is None or age > rpo):
            said.append(f"the newest backup is {human_seconds(age)} old" if age is not None else "there is no backup")
        proved_age = (now - proved.manifest.restored_point).total_seconds() if proved else None
        if proved_within is not None and (proved_age is None or proved_age > proved_within):
            old = f"the newest that was proved is {human_seconds(proved_age)} old" if proved_age is not None else ""
            said.append(old or "no backup was ever proved")
        return said

    def plain(self, now: datetime) -> Mapping[str, object]:
        """See Line."""
        newest, proved = self.newest, self.proved
        return {
            "service": self.service,
            "kind": self.kind,
            "backups": len(self.backups),
            "size": self.size,
            "newest": newest.id if newest else None,
            "age": round((now - newest.restored_point).total_seconds()) if newest else None,
            "proved": proved.manifest.id if proved else None,
            "proved_level": proved.proof.level if proved else None,
            "held": [one.manifest.id for one in self.backups if one.hold],
            "damaged": [one.id for one in self.damaged],
        }


def known_services(repository: Repository) -> list[str]:
    """The services there is a line of, in alphabetical order."""
    keys = (info.key.split("/", 2) for info in repository.list(""))
    found = (parts for parts in keys if len(parts) == 3)
    return sorted({one for one, part, name in found if part in (DIRECTORY, BACKREST) or name == MANIFEST})


def statuses(repository: Repository, service: str, retention: Mapping[str, object]) -> list[Line]:
    """One for each kind of backup the service has, in alphabetical order, one for the WAL that leads on from its
    base backups, and those of what pgBackRest keeps; `retention` is the repository's, which tells what gaps may be."""
    return [*_statuses(repository, service, retention), *reported(repository, service)]


def _statuses(repository: Repository, service: str, retention: Mapping[str, object]) -> list[Status | WalStatus]:
    known = catalogue(repository, service)
    bases = [one for one in known.backups if one.kind == BASE]
    log = _wal(repository, service, bases, retention)
    good = [standing(repository, manifest) for manifest in known.backups]
    kinds = {one.manifest.kind for one in good} | {_kind(one) for one in known.damaged}
    return [
        Status(
            service,
            kind,
            tuple(one for one in good if one.manifest.kind == kind),
            tuple(one for one in known.damaged if _kind(one) == kind),
            kind == BASE and log is not None and log.leads_on,
        )
        for kind in sorted(kinds)
    ] + ([log] if log else [])


def _wal(
    repository: Repository, service: str, bases: Sequence[Manifest], retention: Mapping[str, object]
) -> WalStatus | None:
    """Of the newest base backup's cluster, or of another without any if WAL came from that later; None where there
    is none (a base backup may have what it needs within)."""
    clusters = archived(repository, service)
    last = {system: one for system, ones in clusters.items() if (one := _last(ones)) is not None}
    if not last:
        return None
    known = [base_of(one) for one in bases]
    based = {one.system_identifier for one in known}
    # Of two that came in the same second the one to worry about.
    newest = max(last, key=lambda system: (last[system].modified, system not in based))
    if newest not in based:
        return _line(service, clusters[newest], last[newest], NO_BASE, leads_on=False)
    current = known[-1].system_identifier
    if current not in last:
        return None
    starts = [one.start for one in known if one.system_identifier == current]
    where = WalArchive(repository, service, current).describe()
    try:
        check_timelines(by_name(clusters[current]), where, starts, pruned=may_be_cut(retention))
        gap = ""
    except VerificationFailed as wrong:
        gap = wrong.message
    return _line(service, clusters[current], last[current], gap)


def _last(ones: Sequence[Archived]) -> Archived | None:
    segments = (one for one in ones if is_segment(one.name))
    return max(segments, key=lambda one: (one.modified, one.name), default=None)


def _line(service: str, ones: Sequence[Archived], last: Archived, gap: str, *, leads_on: bool = True) -> WalStatus:
    kept = [one for same in by_name(ones).values() for one in same]
    return WalStatus(service, len(kept), sum(one.size for one in kept), last, gap, leads_on)


def _kind(one: Damaged) -> str:
    identity = parse_id(one.id)
    return identity.kind if identity else ""
