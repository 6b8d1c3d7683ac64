"""Is a backup what its manifest says? By looking (whole), and by reading every byte (sound)."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

from runner.backup.catalogue import check_presence, stored
from runner.backup.compression import undo
from runner.backup.encryption import fitting, opened
from runner.backup.identity import MANIFEST, is_beside, object_key
from runner.backup.manifest import BackupObject, Manifest
from runner.backup.wal.fetching import prove
from runner.backup.wal.own import own_wal
from runner.errors import TaskFailed, VerificationFailed
from runner.hosts.contract import CommandFailed, Host, Pipeline, Script
from runner.repositories.contract import Repository, StoredObject
from runner.repositories.receiving import fill
from runner.repositories.streams import BLOCK, Tap, buffered

Moved = Callable[[str, int, int], None]

# One line per entry, whatever its name holds; tar reads the archive to its last byte.
LIST: Final = Script("exec tar --list --file=- --quoting-style=escape", env={"LC_ALL": "C"})
COUNT: Final = Script("exec wc -l")
_DRAIN: Final = Script("exec cat >/dev/null")


def check_whole(repository: Repository, manifest: Manifest) -> None:
    """VerificationFailed unless exactly the objects the manifest names are there, with their sizes, and of a base
    backup the WAL it needs."""
    check_presence(repository, manifest)
    own_wal(repository, manifest)
    known = {one.name for one in manifest.objects} | {MANIFEST}
    prefix = object_key(manifest.service, manifest.id, "")
    names = [info.key.removeprefix(prefix) for info in repository.list(prefix)]
    foreign = [f"{prefix}{name}" for name in names if name not in known and not is_beside(name)]
    if foreign:
        raise VerificationFailed(
            f"backup {manifest.id} has objects its manifest does not name: {', '.join(foreign[:5])}",
            where=repository.describe(),
            why="somebody or something else writes there",
            hint="find out who, and move them away",
        )


def check_sound(repository: Repository, manifest: Manifest, controller: Host, moved: Moved) -> None:
    """Read every object through this process and decode it, and the WAL a base backup needs; VerificationFailed if
    anything is not as it was stored.

    `moved(name, done, total)` is told the bytes. Nothing is written anywhere. A dump is decompressed, not
    restored: that is for backup_verify, which has a server.
    """
    for one in manifest.objects:
        expected = stored(manifest, one)
        with repository.get(expected.key) as source:
            tap = Tap(source, moved=lambda done, part=one: moved(part.name, done, part.size))  # type: ignore[misc]
            through = buffered(tap)
            try:
                entries = _decoded(controller, manifest, one, opened(repository, manifest, one, through))
            except VerificationFailed:
                # What was damaged later is told as that, not by what a decoder made of it.
                while through.read(BLOCK):
                    continue
                _compare(tap, expected, repository)
                raise
        _compare(tap, expected, repository)
        if one.format == "tar":
            check_entries(manifest, one, entries, repository.describe())
    archive, files = own_wal(repository, manifest)
    for wal in files:
        prove(archive, wal, controller)


def check_opens(repository: Repository, manifest: Manifest) -> bool | None:
    """Whether an identity at hand opens every object; None if none is at hand, or nothing is encrypted.

    VerificationFailed if there are identities and none of them opens it.
    """
    if manifest.encryption is None or not repository.encryption.identities():
        return None
    for one in manifest.objects:
        try:
            fitting(repository, manifest, one)
        except TaskFailed as error:
            raise VerificationFailed(error.message, where=error.where, why=error.why, hint=error.hint) from error
    return True


def check_entries(manifest: Manifest, one: BackupObject, entries: int, where: str) -> None:
    """VerificationFailed unless an archive holds as many entries as were counted when it was made."""
    recorded = one.details.get("entries", entries)
    if entries != recorded:
        raise VerificationFailed(
            f"{one.name} of backup {manifest.id} holds {entries} entries instead of {recorded}",
            where=where,
            why="the backup does not hold what was there when it was made",
            hint="restore from another backup",
        )


def undecodable(manifest: Manifest, one: BackupObject, failed: CommandFailed, where: str) -> VerificationFailed:
    """The error for an object that no program can read."""
    return VerificationFailed(
        f"{one.name} of backup {manifest.id} cannot be decoded: {failed.result.stderr.strip()[-300:]}",
        where=where,
        hint="restore from another backup",
    )


def _decoded(controller: Host, manifest: Manifest, one: BackupObject, source: BinaryIO) -> int:
    """How many entries a tar holds (0 for anything else); VerificationFailed if it cannot be decoded."""
    sink = (LIST, COUNT) if one.format == "tar" else (_DRAIN,)
    try:
        with controller.stream(Pipeline((*undo(controller, one.compression), *sink))) as stream:
            fill(stream, source)
            said = stream.stdout.read()
            stream.finish()
    except CommandFailed as failed:
        raise undecodable(manifest, one, failed, controller.name) from failed
    # A decoder may end before its input does; what was damaged behind that must be seen too.
    while source.read(BLOCK):
        continue
    return int(said or b"0")


def _compare(tap: Tap, expected: StoredObject, repository: Repository) -> None:
    if (tap.size, tap.sha256) == (expected.size, expected.sha256):
        return
    size = tap.size != expected.size
    raise VerificationFailed(
        f"{expected.key} is damaged",
        where=repository.describe(),
        why=f"it has {tap.size} bytes, {expected.size} were stored" if size else "its sha256 is another",
        hint="restore from another backup, or from a copy of this one in another repository",
    )
