"""A backup in a second repository: every object read back there, the manifest last and byte for byte.

What a broken copy left is no backup; the next copy keeps the objects of it that are whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from runner.backup.catalogue import check_presence, raw, stored
from runner.backup.identity import manifest_key
from runner.backup.manifest import Manifest
from runner.backup.wal.names import is_history
from runner.backup.wal.own import own_wal
from runner.errors import AlreadyExists, ObjectNotFound, Refused, SentraPlayError, VerificationFailed
from runner.repositories.contract import Repository, StoredObject
from runner.repositories.streams import BLOCK, Tap, buffered

Moved = Callable[[str, int, int], None]


def nobody(key: str, done: int, total: int) -> None:
    """Watches nothing."""


def is_there(target: Repository, source: Repository, manifest: Manifest) -> bool:
    """Whether `target` holds this backup, all objects with their sizes.

    VerificationFailed if it holds another of the same name, or not all of it.
    """
    try:
        held = raw(target, manifest.service, manifest.id)
    except ObjectNotFound:
        return False
    if held != raw(source, manifest.service, manifest.id):
        raise VerificationFailed(
            f"{target.name} holds another manifest of {manifest.id} than {source.name}",
            where=target.describe(),
            why="one of the two is not what was written",
            hint="verify both (sentraplay backups verify); neither was changed",
        )
    check_presence(target, manifest)
    return True


def copy(source: Repository, target: Repository, manifest: Manifest, moved: Moved = nobody) -> bool:
    """Copy one backup of `source` to `target`; False if it is there already.

    `moved(key, done, total)` is told the bytes of each object. With a base backup goes the WAL it needs, and no more.
    What a backup builds on is not copied: see `lineage.lineage`. VerificationFailed if an object is damaged in
    `source` or did not arrive as it is; Refused if it is not encrypted and `target` wants it to be.
    """
    check_encryption(target, manifest.encryption is not None, f"backup {manifest.id}")
    _bring_wal(source, target, manifest, moved)
    if is_there(target, source, manifest):
        return False
    for one in manifest.objects:
        wanted = stored(manifest, one)
        if not _arrived(target, wanted):
            _send(source, target, wanted, moved)
    check_presence(target, manifest)
    with suppress(AlreadyExists):
        target.put_if_absent(manifest_key(manifest.service, manifest.id), raw(source, manifest.service, manifest.id))
    return is_there(target, source, manifest)


def copy_object(source: Repository, target: Repository, key: str, size: int) -> None:
    """Copy one object of that size (bytes); VerificationFailed unless it arrives as it is."""
    with source.get(key) as stream:
        tap = Tap(stream)
        target.put(key, buffered(tap))
    if tap.size != size or not _arrived(target, StoredObject(key, tap.size, tap.sha256)):
        with suppress(SentraPlayError):
            target.delete(key)
        raise _not_arrived(source, target, key)


def check_encryption(target: Repository, encrypted: bool, what: str) -> None:
    """Refused where `target` is for encrypted backups and `what` is none."""
    if target.encryption.recipients and not encrypted:
        raise Refused(
            f"{what} is not encrypted, and {target.name} is for encrypted backups alone",
            where=target.describe(),
            why="a copy is byte for byte what it was copied from",
            hint="take a backup into a repository with `encryption` and copy that",
        )


def _bring_wal(source: Repository, target: Repository, manifest: Manifest, moved: Moved) -> None:
    """What a base backup is nothing without: the WAL it needs, and the histories of its cluster's timelines."""
    archive, own = own_wal(source, manifest)
    histories = [one for name, found in archive.files().items() if is_history(name) for one in found] if own else []
    for one in (*own, *histories):
        with source.get(one.key) as stream:
            wanted = StoredObject(one.key, *_measured(stream))
        if not _arrived(target, wanted):
            _send(source, target, wanted, moved)


def _send(source: Repository, target: Repository, wanted: StoredObject, moved: Moved) -> None:
    with source.get(wanted.key) as stream:
        tap = Tap(stream, _proof(source, wanted, lambda: tap.sha256), lambda done: moved(wanted.key, done, wanted.size))
        target.put(wanted.key, buffered(tap))
    if _arrived(target, wanted):
        return
    # It is no backup without its manifest; what cannot be removed now is swept later.
    with suppress(SentraPlayError):
        target.delete(wanted.key)
    raise _not_arrived(source, target, wanted.key)


def _not_arrived(source: Repository, target: Repository, key: str) -> VerificationFailed:
    return VerificationFailed(
        f"{key} did not arrive in {target.name} as it is in {source.name}",
        where=target.describe(),
        why="read back it has another size or sha256",
        hint="copy it again; if it stays so, the store or the way there damages data",
    )


def _proof(source: Repository, wanted: StoredObject, sha256: Callable[[], str]) -> Callable[[int], None]:
    """Raises in place of the stream's end if it was not the object, so that nothing false is stored."""

    def prove(size: int) -> None:
        if (size, sha256()) != (wanted.size, wanted.sha256):
            raise VerificationFailed(
                f"{wanted.key} is damaged in {source.name}",
                where=source.describe(),
                why="its bytes have another sha256 than its manifest says",
                hint="restore from another backup; nothing of this one was copied",
            )

    return prove


def _arrived(target: Repository, wanted: StoredObject) -> bool:
    try:
        with target.get(wanted.key) as stream:
            return _measured(stream) == (wanted.size, wanted.sha256)
    except ObjectNotFound:
        return False


def _measured(stream: BinaryIO) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    while block := stream.read(BLOCK):
        size += len(block)
        digest.update(block)
    return size, digest.hexdigest()
