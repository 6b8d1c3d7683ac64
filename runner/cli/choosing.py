"""Backups named on the command line: found in a repository, or answered with what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.errors import UsageError, VerificationFailed

if TYPE_CHECKING:
    from runner.backup.manifest import Manifest
    from runner.repositories.contract import Repository


def places(repository: Repository, service: str | None) -> dict[str, list[str]]:
    """Every backup id of the repository, or of one service of it, with the services that have it; oldest first."""
    from runner.backup.catalogue import ids, services

    found: dict[str, list[str]] = {}
    for name in [service] if service else services(repository):
        for backup_id in ids(repository, name):
            found.setdefault(backup_id, []).append(name)
    return found


def chosen(repository: Repository, wanted: Sequence[str], service: str | None = None) -> list[tuple[str, str]]:
    """(service, id) of the backups named, or of all; UsageError if a name is none, or of several services."""
    known = places(repository, service)
    found = []
    for name in wanted or known:
        backup_id = name.rpartition("/")[2]
        owners = [one for one in known.get(backup_id, []) if name in (backup_id, f"{one}/{backup_id}")]
        if not owners or (len(owners) > 1 and wanted):
            raise UsageError(
                f"{repository.name} has no backup {name}" if not owners else f"{' and '.join(owners)} have a {name}",
                where=repository.describe(),
                hint=f"sentraplay backups list {repository.name} shows what it has; SERVICE/BACKUP is one of them",
            )
        found += [(owner, backup_id) for owner in owners]
    return found


def one_backup(repository: Repository, name: str) -> Manifest:
    """The manifest of the backup named; UsageError if there is none, VerificationFailed if it is damaged."""
    from runner.backup.catalogue import read

    ((service, backup_id),) = chosen(repository, [name])
    return read(repository, service, backup_id)


def nothing_there(repository: Repository, service: str | None) -> VerificationFailed:
    """The error for a repository without a backup (of `service`): whoever relies on one must not be told that all is
    well because a path or prefix was wrong."""
    return VerificationFailed(
        f"there are no backups of {service}" if service else "there are no backups",
        where=repository.describe(),
        why="a wrong path, prefix or service looks the same as backups that are gone",
        hint="compare with the inventory; `sentraplay backups list` shows what is there",
    )
