"""backup_copy: backups in further repositories, read back there, so that no single store holds the only one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from runner.backup.catalogue import LATEST, backups, find
from runner.backup.copying import is_there
from runner.backup.distributing import complete, distribute
from runner.backup.identity import parse_id
from runner.backup.manifest import Manifest
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.repositories.contract import Repository

ALL = "all"
Kind = Literal["database", "files", "images", "base", "project"]


@frozen
class BackupCopyArgs:
    service: str
    repository: str
    to: tuple[str, ...]
    backup: str = LATEST
    kind: Kind | None = None


class BackupCopy:
    name: ClassVar = "backup_copy"
    Args = BackupCopyArgs

    def preview(self, at: Reading, args: BackupCopyArgs) -> Change:
        source = at.repositories.get(args.repository)
        chosen = complete(source, _wanted(source, args))
        missing = [
            (name, manifest)
            for name in args.to
            for manifest in chosen
            if not is_there(at.repositories.get(name), source, manifest)
        ]
        if not missing:
            return Change(False, f"{', '.join(args.to)} has every backup asked for", data=_data([]))
        size = sum(manifest.size for _, manifest in missing)
        return Change(True, f"would copy {len(missing)} backups, {size} bytes", data=_data(missing))

    def apply(self, at: Acting, args: BackupCopyArgs) -> Outcome:
        source = at.repositories.get(args.repository)
        targets = [at.repositories.get(name) for name in args.to]
        made = distribute(source, targets, _wanted(source, args), at.progress)["copied"]
        return Outcome(bool(made), {"copied": made, "bytes": sum(one["bytes"] for one in made)})


def _wanted(source: Repository, args: BackupCopyArgs) -> list[Manifest]:
    if args.backup == ALL:
        return [one for one in backups(source, args.service) if args.kind in (None, one.kind)]
    identity = parse_id(args.backup)
    return [find(source, args.service, args.backup, identity.kind if identity else args.kind)]


def _data(copied: Sequence[tuple[str, Manifest]]) -> dict[str, object]:
    return {
        "copied": [{"backup_id": manifest.id, "to": name, "bytes": manifest.size} for name, manifest in copied],
        "bytes": sum(manifest.size for _, manifest in copied),
    }
