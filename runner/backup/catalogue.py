"""Which backups a repository holds, found by reading the repository and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from runner.backup.identity import MANIFEST, check_service, manifest_key, object_key, parse_id
from runner.backup.manifest import BackupObject, Manifest, from_json
from runner.errors import ObjectNotFound, RepositoryError, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.repositories.contract import ObjectInfo, Repository, StoredObject

LATEST: Final = "latest"
_LARGEST_MANIFEST: Final = 64 * 1024 * 1024

# Longer than any backup takes: what has no manifest and was not added to since is nobody's any more.
ABANDONED: Final = timedelta(hours=48)


@frozen
class Damaged:
    """A backup whose manifest cannot be trusted."""

    id: str
    error: VerificationFailed


@frozen
class Catalogue:
    """A service's backups, oldest first, and those whose manifests are damaged."""

    backups: tuple[Manifest, ...]
    damaged: tuple[Damaged, ...]


def catalogue(repository: Repository, service: str) -> Catalogue:
    """Everything the repository holds of a service; one damaged manifest hides no other backup."""
    good: list[Manifest] = []
    bad: list[Damaged] = []
    for backup_id in ids(repository, service):
        try:
            good.append(read(repository, service, backup_id))
        except VerificationFailed as error:
            bad.append(Damaged(backup_id, error))
    return Catalogue(tuple(good), tuple(bad))


def backups(repository: Repository, service: str) -> list[Manifest]:
    """A service's backups, oldest first; VerificationFailed if a manifest is damaged."""
    found = catalogue(repository, service)
    if found.damaged:
        raise found.damaged[0].error
    return list(found.backups)


def ids(repository: Repository, service: str, kind: str | None = None) -> list[str]:
    """The ids of a service's backups (those that have a manifest), oldest first."""
    found = []
    for backup_id, objects in _by_backup(repository, service).items():
        identity = parse_id(backup_id)
        if MANIFEST in objects and identity is not None and kind in (None, identity.kind):
            found.append((identity.started_at, backup_id))
    return [backup_id for _, backup_id in sorted(found)]


def services(repository: Repository) -> list[str]:
    """The services the repository holds backups of, in alphabetical order."""
    return sorted({info.key.split("/", 1)[0] for info in repository.list("") if info.key.endswith(f"/{MANIFEST}")})


def find(repository: Repository, service: str, wanted: str = LATEST, kind: str | None = None) -> Manifest:
    """The backup of that id, or the newest of that kind for "latest".

    ObjectNotFound if there is none; VerificationFailed if its manifest is damaged: an older backup is
    never taken silently in the place of the newest.
    """
    known = ids(repository, service, kind)
    if wanted == LATEST and known:
        return read(repository, service, known[-1])
    if wanted in known:
        return read(repository, service, wanted)
    raise ObjectNotFound(
        message=_missing(service, wanted, kind), where=repository.describe(), hint=_hint(repository, service, known)
    )


def raw(repository: Repository, service: str, backup_id: str) -> bytes:
    """A backup's manifest as it is stored, unread; ObjectNotFound if there is none."""
    with repository.get(manifest_key(service, backup_id)) as source:
        return source.read(_LARGEST_MANIFEST)


def read(repository: Repository, service: str, backup_id: str) -> Manifest:
    """The manifest of a backup; ObjectNotFound, or VerificationFailed if it is damaged or another backup's."""
    where = f"{manifest_key(service, backup_id)} in {repository.describe()}"
    manifest = from_json(raw(repository, service, backup_id), where)
    if (manifest.service, manifest.id) != (service, backup_id):
        raise VerificationFailed(
            message=f"the manifest there is that of backup {manifest.id} of {manifest.service}",
            where=where,
            hint="somebody moved or copied it by hand; restore from another backup",
        )
    return manifest


def stored(manifest: Manifest, one: BackupObject) -> StoredObject:
    """An object of a backup as its repository knows it: what a fetch must prove."""
    return StoredObject(object_key(manifest.service, manifest.id, one.name), one.size, one.sha256)


def check_presence(repository: Repository, manifest: Manifest) -> None:
    """VerificationFailed unless every object of the backup is there with its size."""
    found = _by_backup(repository, manifest.service, manifest.id).get(manifest.id, {})
    for one in manifest.objects:
        info = found.get(one.name)
        if info is None or info.size != one.size:
            size = "missing" if info is None else f"{info.size} bytes long"
            raise VerificationFailed(
                message=f"{one.name} of backup {manifest.id} is {size}; its manifest says {one.size} bytes",
                where=repository.describe(),
                hint="restore from another backup, or from a copy of this one in another repository",
            )


def sweep(repository: Repository, service: str, older_than: timedelta = ABANDONED) -> list[str]:
    """Delete what backups that never came to a manifest left behind; gives the keys.

    Also takes unfinished uploads of the whole repository. Whoever still works on such a backup after
    `older_than` without adding to it fails at its commit, which looks for its objects.
    """
    repository.sweep(older_than)
    limit = datetime.now(UTC) - older_than
    deleted = []
    for backup_id, objects in _by_backup(repository, service).items():
        identity = parse_id(backup_id)
        if identity is None or MANIFEST in objects or identity.started_at > limit:
            continue
        if all(info.modified < limit for info in objects.values()):
            for info in objects.values():
                # What is locked for longer, or not to be deleted with these keys, waits for a later sweep.
                with suppress(RepositoryError):
                    repository.delete(info.key)
                    deleted.append(info.key)
    return deleted


def traces(repository: Repository, service: str) -> frozenset[ObjectInfo]:
    """All that lies in a service's backups, results and holds among it: another set means that something happened."""
    return frozenset(info for objects in _by_backup(repository, service).values() for info in objects.values())


def is_of(info: ObjectInfo, manifest: Manifest) -> bool:
    """Whether an object lies in that backup."""
    return info.key.startswith(object_key(manifest.service, manifest.id, ""))


def _by_backup(repository: Repository, service: str, backup_id: str = "") -> Mapping[str, Mapping[str, ObjectInfo]]:
    # Ids begin with their year: the WAL archive, which lies beside them, is not listed with them.
    prefix = f"{check_service(service)}/{backup_id or '2'}"
    found: dict[str, dict[str, ObjectInfo]] = {}
    for info in repository.list(f"{prefix}/" if backup_id else prefix):
        names = info.key.split("/", 2)
        if len(names) == 3:
            found.setdefault(names[1], {})[names[2]] = info
    return found


def _missing(service: str, wanted: str, kind: str | None) -> str:
    what = "backup" if kind is None else f"{kind} backup"
    return f"there is no {what} of {service}" if wanted == LATEST else f"there is no {what} {wanted} of {service}"


def _hint(repository: Repository, service: str, known: list[str]) -> str:
    if known:
        return f"there are: {', '.join(known[-5:])}"
    others: list[str] = []
    with suppress(TaskFailed):
        others = [name for name in services(repository) if name != service]
    return f"the repository has backups of: {', '.join(others[:10])}" if others else "the repository has no backups"
