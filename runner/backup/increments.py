"""Which backup of files the next one builds on, and the snapshots that say what was in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from runner.backup.catalogue import ids, read
from runner.backup.chaining import Ground, ground
from runner.backup.encryption import readable
from runner.backup.manifest import BackupObject, Manifest
from runner.errors import SentraPlayError, TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Pipeline, Reader, Script
from runner.repositories.contract import Repository

KIND: Final = "files"
INCREMENTAL: Final = "incremental"
HOST_CLOCK: Final = "host_clock"
_SNAPSHOT_ROLE: Final = "snapshot of "
_INTO: Final = 'umask 077; exec cat >"$1"'


@frozen
class Wish:
    """What the next backup will be of, and how long a chain may get; `full_every` is in seconds.

    `clock` is what time the host thinks it is, in epoch seconds: it decides there what is newer.
    """

    host: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    clock: float
    full_every: float
    max_chain: int


def base(repository: Repository, service: str, wish: Wish, now: datetime) -> Ground:
    """The newest backup that an increment can build on. Whatever is in doubt makes the next backup a whole one."""
    for backup_id in reversed(ids(repository, service, KIND)):
        try:
            found = read(repository, service, backup_id)
        except SentraPlayError as error:
            return Ground(None, f"the newest backup is damaged: {error}", odd=True)
        if _is_alike(found, wish):
            return _usable(repository, found, wish, now)
    return Ground(None, "there is none of these paths and exclusions to build on")


def _is_alike(found: Manifest, wish: Wish) -> bool:
    told = found.contents
    same = told["paths"] == list(wish.paths) and told["exclude"] == list(wish.exclude)
    return bool(same and told.get(INCREMENTAL) and found.source.host == wish.host)


def _usable(repository: Repository, found: Manifest, wish: Wish, now: datetime) -> Ground:
    chosen = ground(repository, found, wish.full_every, wish.max_chain, now)
    if chosen.manifest is not None and float(found.contents[HOST_CLOCK]) > wish.clock:
        return Ground(None, f"backup {found.id} is from the future: a clock was set back", odd=True)
    return chosen


def snapshot_role(path: str) -> str:
    """The role of the object that says what was in the archive of `path`."""
    return f"{_SNAPSHOT_ROLE}{path}"


def is_snapshot(one: BackupObject) -> bool:
    return one.role.startswith(_SNAPSHOT_ROLE)


def archives(manifest: Manifest) -> Sequence[BackupObject]:
    """The objects that hold files."""
    return [one for one in manifest.objects if not is_snapshot(one)]


def bring_snapshot(repository: Repository, manifest: Manifest, path: str, host: Host, file: str) -> None:
    """Write the snapshot of `path` in a backup to `file` on the host; TaskFailed if it cannot be read."""
    one = manifest.object(snapshot_role(path))
    with readable(repository, manifest, one, host) as opening:
        host.run(Pipeline((*opening.members, Script(_INTO, (file,)))), stdin=opening.stdin)


def clock_of(reader: Reader) -> float:
    """What time the host thinks it is, in epoch seconds."""
    said = reader.query(Script("date +%s")).stdout.strip()
    try:
        return float(said)
    except ValueError as error:
        raise TaskFailed(f"the time cannot be told: {said!r}", where=reader.name) from error
