"""A base backup onto a host: unpacked into an empty directory and compared with the server's own list of files."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from runner.backup.encryption import readable
from runner.backup.lineage import lineage
from runner.backup.manifest import BackupObject, Manifest
from runner.backup.wal.base import BASE_ROLE, MANIFEST_ROLE, Base, Tablespace, base_of
from runner.errors import TaskFailed, VerificationFailed
from runner.hosts.contract import CommandFailed, Pipeline, Script, command
from runner.modules.contract import Acting
from runner.modules.postgres import space
from runner.modules.postgres.physical import increments
from runner.modules.postgres.physical.side import Side
from runner.repositories.contract import Repository

_MAKE: Final = Script('umask 077; rm -rf -- "$1" && mkdir -p -- "$1"')
_EXTRACT: Final = 'umask 077; exec tar -x -f - -C "$1" -p --no-same-owner'
_WRITE: Final = 'umask 077; exec cat >"$1"'
_LINK: Final = Script('ln -sfn -- "$3" "$1/pg_tblspc/$2"')
_SYNC: Final = Script('sync -f "$1" 2>/dev/null || sync')


def unpack(at: Acting, repository: Repository, manifest: Manifest, base: Base, side: Side) -> None:
    """Every file of the backup in `side.data`, proved by pg_verifybackup; of an increment, with all it builds on.

    Tablespaces go beside their old places, into new directories. VerificationFailed if anything is not as the
    server sent it; TaskFailed if there is no room.
    """
    chain = lineage(repository, manifest)
    needed = base.all_bytes
    if len(chain) > 1:  # what a chain is combined from lies beside what becomes of it
        needed += base.all_bytes + sum(one.size for one in chain[1:])
    space.check(
        side.files.query,
        lambda path: command("df", "-P", "-k", "--", path),
        [space.Need(posixpath.dirname(side.room), needed)],
        side.files.name,
    )
    if len(chain) > 1:
        _chain(at, repository, chain, side)
    else:
        _whole(at, repository, manifest, side, side.data)
    for one in base.tablespaces:
        where = moved(one, manifest)
        _into(at, repository, manifest, manifest.object(one.role), side, where)
        side.files.run(Script(_LINK.text, (side.data, str(one.oid), where)))
    if side.chown:
        side.files.run(command("chown", "-R", "--", side.chown, side.room))
    with _flushed(side):
        verify(side, side.data, manifest, base)
    if base.tablespaces:
        # The server makes the links anew from this list, which named the old places.
        lines = "".join(f"{one.oid} {moved(one, manifest)}\n" for one in base.tablespaces)
        side.files.put(io.BytesIO(lines.encode()), f"{side.data}/tablespace_map")


@contextmanager
def _flushed(side: Side) -> Iterator[None]:
    """What is in `side.data` is on the disk at the end of the context, which may read it meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(side.files.run, Script(_SYNC.text, (side.data,)))
        yield
        written.result()


def moved(one: Tablespace, manifest: Manifest) -> str:
    """Where a tablespace is restored to: never over what is there."""
    return f"{one.path.rstrip('/')}.{manifest.id}"


def _chain(at: Acting, repository: Repository, chain: Sequence[Manifest], side: Side) -> None:
    parts = [increments.part_of(side, number) for number in range(len(chain))]
    for one, part in zip(chain, parts, strict=True):
        _whole(at, repository, one, side, part)
    if side.chown:
        side.files.run(command("chown", "-R", "--", side.chown, side.room))
    for one, part in zip(chain, parts, strict=True):
        verify(side, part, one, base_of(one))
    increments.combine(side, parts, chain[-1])


def verify(side: Side, directory: str, manifest: Manifest, base: Base) -> None:
    """VerificationFailed unless `directory` holds every file as the server sent it, by size and checksum."""
    options = () if base.own_wal else ("-n",)
    call = side.programs.command("pg_verifybackup", *options, directory)
    found = side.host.query(call, check=False)
    if not found.ok:
        said = " / ".join(line for line in found.stderr.splitlines() if line.strip())
        raise VerificationFailed(
            f"base backup {manifest.id} is not as the server sent it: {said[-600:]}",
            where=side.files.name,
            hint="restore from another backup; nothing was replaced",
        )


def _whole(at: Acting, repository: Repository, manifest: Manifest, side: Side, directory: str) -> None:
    """The data directory with the server's list of its files, which is inside only where the host compressed."""
    _into(at, repository, manifest, manifest.object(BASE_ROLE), side, directory)
    if any(one.role == MANIFEST_ROLE for one in manifest.objects):
        _file(at, repository, manifest, manifest.object(MANIFEST_ROLE), side, f"{directory}/backup_manifest")


def _into(
    at: Acting, repository: Repository, manifest: Manifest, one: BackupObject, side: Side, directory: str
) -> None:
    side.files.run(Script(_MAKE.text, (directory,)))
    _read(at, repository, manifest, one, side, Script(_EXTRACT, (directory,)))


def _file(at: Acting, repository: Repository, manifest: Manifest, one: BackupObject, side: Side, path: str) -> None:
    _read(at, repository, manifest, one, side, Script(_WRITE, (path,)))


def _read(
    at: Acting, repository: Repository, manifest: Manifest, one: BackupObject, side: Side, consumer: Script
) -> None:
    label = f"restoring {one.name}"
    with readable(
        repository,
        manifest,
        one,
        side.files,
        directory=side.room,
        progress=lambda done, total: at.progress(label, done, total),
    ) as opening:
        try:
            side.files.run(Pipeline((*opening.members, consumer)), stdin=opening.stdin)
        except CommandFailed as failed:
            raise _not_unpacked(failed, one, manifest, side) from failed


def _not_unpacked(failed: CommandFailed, one: BackupObject, manifest: Manifest, side: Side) -> TaskFailed:
    said = failed.result.stderr.strip()
    if "No space left" in said or "quota" in said:
        return failed
    return VerificationFailed(
        f"{one.name} of backup {manifest.id} cannot be unpacked: {said[-300:]}",
        where=side.files.name,
        hint="restore from another backup; nothing was replaced",
    )
