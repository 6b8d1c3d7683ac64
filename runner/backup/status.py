"""How a service stands: per kind the newest backup, the newest proved one, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runner.backup.catalogue import Damaged, catalogue
from runner.backup.identity import parse_id
from runner.backup.manifest import Manifest
from runner.backup.standing import Standing, standing
from runner.frozen import frozen
from runner.repositories.contract import Repository
from runner.units import human_seconds


@frozen
class Status:
    """A service's backups of one kind, oldest first, and those whose manifests are damaged."""

    service: str
    kind: str
    backups: tuple[Standing, ...]
    damaged: tuple[Damaged, ...]

    @property
    def name(self) -> str:
        return f"{self.service} {self.kind}"

    @property
    def count(self) -> int:
        return len(self.backups)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(one.manifest.size for one in self.backups)

    @property
    def newest(self) -> Manifest | None:
        return self.backups[-1].manifest if self.backups else None

    @property
    def proved(self) -> Standing | None:
        """The newest that was read to its last byte, or restored, and found good."""
        return next((one for one in reversed(self.backups) if one.proof.level in ("full", "restore")), None)

    def troubles(self, now: datetime, rpo: float | None, proved_within: float | None) -> list[str]:
        """What is wrong, in words; `rpo` and `proved_within` are seconds, None for no limit."""
        said = [f"the manifest of {one.id} is damaged" for one in self.damaged]
        said += [
            f"verification ({one.proof.failed.level}) of {one.manifest.id} failed: {one.proof.failed.error}"
            for one in self.backups
            if one.proof.failed is not None
        ]
        newest, proved = self.newest, self.proved
        age = (now - newest.restored_point).total_seconds() if newest else None
        if rpo is not None and (age is None or age > rpo):
            said.append(f"the newest backup is {human_seconds(age)} old" if age is not None else "there is no backup")
        proved_age = (now - proved.manifest.restored_point).total_seconds() if proved else None
        if proved_within is not None and (proved_age is None or proved_age > proved_within):
            old = f"the newest that was proved is {human_seconds(proved_age)} old" if proved_age is not None else ""
            said.append(old or "no backup was ever proved")
        return said

    def plain(self, now: datetime) -> Mapping[str, object]:
        """Plain data for programs; ages are in seconds."""
        newest, proved = self.newest, self.proved
        return {
            "service": self.service,
            "kind": self.kind,
            "backups": self.count,
            "size": self.size,
            "newest": newest.id if newest else None,
            "age": round((now - newest.restored_point).total_seconds()) if newest else None,
            "proved": proved.manifest.id if proved else None,
            "proved_level": proved.proof.level if proved else None,
            "held": [one.manifest.id for one in self.backups if one.hold],
            "damaged": [one.id for one in self.damaged],
        }


def statuses(repository: Repository, service: str) -> list[Status]:
    """One for each kind of backup the service has, in alphabetical order."""
    known = catalogue(repository, service)
    good = [standing(repository, manifest) for manifest in known.backups]
    kinds = {one.manifest.kind for one in good} | {_kind(one) for one in known.damaged}
    return [
        Status(
            service,
            kind,
            tuple(one for one in good if one.manifest.kind == kind),
            tuple(one for one in known.damaged if _kind(one) == kind),
        )
        for kind in sorted(kinds)
    ]


def _kind(one: Damaged) -> str:
    identity = parse_id(one.id)
    return identity.kind if identity else ""
