"""Incremental base backups: what the next one builds on, and chains of PostgreSQL 17 and newer put together again."""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from runner.backup.catalogue import ids, read
from runner.backup.chaining import Ground, ground
from runner.backup.checking import check_opens
from runner.backup.encryption import readable
from runner.backup.manifest import Manifest
from runner.backup.wal.base import KIND, MANIFEST_ROLE, base_of
from runner.errors import SentraPlayError, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Pipeline, Script
from runner.modules.postgres.physical.recording import follows
from runner.modules.postgres.physical.side import Side
from runner.modules.postgres.session import Postgres
from runner.repositories.contract import Repository

FIRST_MAJOR: Final = 17
_WRITE: Final = 'umask 077; exec cat >"$1"'
_SUMMARIES: Final = "SELECT current_setting('summarize_wal', true)"


@frozen
class Wish:
    """What the next backup will be of, and how long a chain may get; `full_every` is in seconds."""

    system_identifier: str
    has_tablespaces: bool
    full_every: float
    max_chain: int


def find_ground(repository: Repository, service: str, server: Postgres, wish: Wish, now: datetime) -> Ground:
    """The newest base backup an increment can build on. Whatever is in doubt makes the next backup a whole one."""
    if (why := _cannot(server, wish)) is not None:
        return why
    for backup_id in reversed(ids(repository, service, KIND)):
        try:
            found = read(repository, service, backup_id)
            of = base_of(found)
        except SentraPlayError as error:
            return Ground(None, f"the newest backup is damaged: {error}", odd=True)
        if of.system_identifier != wish.system_identifier or of.own_wal:
            continue
        built = ground(repository, found, wish.full_every, wish.max_chain, now)
        if only_wal(server):
            return follows(server, built)
        if not of.tablespaces:
            return _readable(repository, built)
    return Ground(None, "there is none of this cluster to build on")


def only_wal(server: Postgres) -> bool:
    """Whether the server's increments can be nothing but its WAL."""
    return server.version.major < FIRST_MAJOR


def _cannot(server: Postgres, wish: Wish) -> Ground | None:
    if only_wal(server):
        return None
    if wish.has_tablespaces:
        return Ground(None, "the cluster has tablespaces, which are backed up whole")
    if server.maintenance().scalar(_SUMMARIES) != "on":
        return Ground(None, "summarize_wal is off on the server (pg_wal_archive: summarize_wal)", odd=True)
    return None


def _readable(repository: Repository, found: Ground) -> Ground:
    """Its list of files must be read to build on it."""
    manifest = found.manifest
    if manifest is None:
        return found
    try:
        manifest.object(MANIFEST_ROLE)
        if manifest.encryption is None or check_opens(repository, manifest):
            return found
    except TaskFailed as error:
        return Ground(None, str(error), odd=True)
    return Ground(None, f"no identity at hand opens the list of files of {manifest.id}", odd=True)


@contextmanager
def file_list(repository: Repository, manifest: Manifest, host: Host, server: Postgres) -> Iterator[str]:
    """The server's list of files in a backup, as a file where pg_basebackup runs."""
    with host.private_directory() as directory:
        prefix, path = server.programs.prefix, f"{directory}/{MANIFEST_ROLE}"
        if prefix:
            path = f"/tmp/sentraplay-{secrets.token_hex(16)}"
        try:
            write = Command((*prefix, "sh", "-c", _WRITE, "sh", path), cwd=server.programs.cwd)
            with readable(repository, manifest, manifest.object(MANIFEST_ROLE), host) as opening:
                host.run(Pipeline((*opening.members, write)), stdin=opening.stdin)
            yield path
        finally:
            if prefix:
                host.run(Command((*prefix, "rm", "-f", "--", path), cwd=server.programs.cwd), check=False)


def combine(side: Side, parts: Sequence[str], manifest: Manifest) -> None:
    """Make `side.data` of a whole backup and its increments, unpacked in `parts`, and remove those.

    VerificationFailed if they do not fit together.
    """
    side.files.run(Script('rm -rf -- "$1"', (side.data,)))
    call = side.programs.command("pg_combinebackup", "-o", side.data, *parts)
    said = side.host.run(call, check=False)
    if not said.ok:
        raise VerificationFailed(
            f"base backup {manifest.id} and those it builds on do not fit together: {said.stderr.strip()[-300:]}",
            where=side.files.name,
            hint="restore from another backup; nothing was replaced",
        )
    side.files.run(Script('exec rm -rf -- "$@"', tuple(parts)))


def part_of(side: Side, number: int) -> str:
    """Where one backup of a chain is unpacked: on the file system of the data, whose owner may write there."""
    return f"{posixpath.dirname(side.data)}/part{number}"
