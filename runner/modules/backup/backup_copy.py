"""backup_copy: backups in further repositories, read back there, so that no single store holds the only one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from runner.backup.catalogue import LATEST, backups, find
from runner.backup.copying import copy, is_there
from runner.backup.identity import parse_id
from runner.backup.lineage import lineage
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
        chosen = _chosen(source, args)
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
        made = [
            (name, manifest)
            for manifest in _chosen(source, args)
            for name in args.to
            if copy(source, at.repositories.get(name), manifest, at.progress)
        ]
        return Outcome(bool(made), _data(made))


def _chosen(source: Repository, args: BackupCopyArgs) -> list[Manifest]:
    """The backups asked for and all they build on, each once, oldest first."""
    wanted: Sequence[Manifest]
    if args.backup == ALL:
        wanted = [one for one in backups(source, args.service) if args.kind in (None, one.kind)]
    else:
        identity = parse_id(args.backup)
        wanted = [find(source, args.service, args.backup, identity.kind if identity else args.kind)]
    found = {one.id: one for manifest in wanted for one in lineage(source, manifest)}
    return [found[key] for key in sorted(found, key=lambda key: found[key].started_at)]


def _data(copied: Sequence[tuple[str, Manifest]]) -> dict[str, object]:
    return {
        "copied": [{"backup_id": manifest.id, "to": name, "bytes": manifest.size} for name, manifest in copied],
        "bytes": sum(manifest.size for _, manifest in copied),
    }
