"""Which backup of files the next one builds on, and the snapshots that say what was in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from runner.backup.catalogue import ids, read
from runner.backup.checking import check_whole
from runner.backup.encryption import readable
from runner.backup.identity import parse_id
from runner.backup.lineage import lineage
from runner.backup.manifest import BackupObject, Chain, Manifest
from runner.backup.verifications import proof, verifications
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


@frozen
class Base:
    """What to build on, or why there is nothing: `why_not` is then said, as a warning if it is `odd`."""

    manifest: Manifest | None
    why_not: str = ""
    odd: bool = False

    @property
    def chain(self) -> Chain | None:
        if self.manifest is None:
            return None
        before = self.manifest.chain.parents if self.manifest.chain else ()
        return Chain((*before, self.manifest.id))


def base(repository: Repository, service: str, wish: Wish, now: datetime) -> Base:
    """The newest backup that an increment can build on. Whatever is in doubt makes the next backup a whole one."""
    for backup_id in reversed(ids(repository, service, KIND)):
        try:
            found = read(repository, service, backup_id)
        except SentraPlayError as error:
            return Base(None, f"the newest backup is damaged: {error}", odd=True)
        if _is_alike(found, wish):
            return _usable(repository, found, wish, now)
    return Base(None, "there is none of these paths and exclusions to build on")


def _is_alike(found: Manifest, wish: Wish) -> bool:
    told = found.contents
    same = told["paths"] == list(wish.paths) and told["exclude"] == list(wish.exclude)
    return bool(same and told.get(INCREMENTAL) and found.source.host == wish.host)


def _usable(repository: Repository, found: Manifest, wish: Wish, now: datetime) -> Base:
    length = len(found.chain.parents) + 1 if found.chain else 1
    begun = parse_id(found.chain.base if found.chain else found.id)
    if begun is None or now - begun.started_at >= timedelta(seconds=wish.full_every):
        return Base(None, "the last whole one is old enough (full_every)")
    if length >= wish.max_chain:
        return Base(None, f"the chain has {length} backups (max_chain)")
    if found.started_at > now or float(found.contents[HOST_CLOCK]) > wish.clock:
        return Base(None, f"backup {found.id} is from the future: a clock was set back", odd=True)
    try:
        for one in lineage(repository, found):
            check_whole(repository, one)
            failed = proof(verifications(repository, one.service, one.id)).failed
            if failed is not None:
                return Base(None, f"the verification of {one.id} failed", odd=True)
    except SentraPlayError as error:
        return Base(None, str(error), odd=True)
    return Base(found)


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
