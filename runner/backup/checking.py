"""Is a backup what its manifest says? By looking (whole), and by reading every byte (sound)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from runner.backup.catalogue import check_presence, stored
from runner.backup.compression import undo
from runner.backup.identity import MANIFEST, is_beside, object_key
from runner.backup.manifest import BackupObject, Manifest
from runner.errors import VerificationFailed
from runner.hosts.contract import CommandFailed, Host, Pipeline, Script
from runner.repositories.contract import Repository, StoredObject
from runner.repositories.receiving import fill
from runner.repositories.streams import Tap, buffered

Moved = Callable[[str, int, int], None]

# One line per entry, whatever its name holds; tar reads the archive to its last byte.
LIST: Final = Script("exec tar --list --file=- --quoting-style=escape", env={"LC_ALL": "C"})
COUNT: Final = Script("exec wc -l")
_DRAIN: Final = Script("exec cat >/dev/null")


def check_whole(repository: Repository, manifest: Manifest) -> None:
    """VerificationFailed unless exactly the objects the manifest names are there, with their sizes."""
    check_presence(repository, manifest)
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
    """Read every object through this process and decode it; VerificationFailed if one is not as it was stored.

    `moved(name, done, total)` is told the bytes. Nothing is written anywhere. A dump is decompressed, not
    restored: that is for backup_verify, which has a server.
    """
    for one in manifest.objects:
        expected = stored(manifest, one)
        with repository.get(expected.key) as source:
            tap = Tap(source, moved=lambda done, part=one: moved(part.name, done, part.size))  # type: ignore[misc]
            entries = _decoded(controller, one, tap, manifest)
        _compare(tap, expected, repository)
        if one.format == "tar":
            check_entries(manifest, one, entries, repository.describe())


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


def _decoded(controller: Host, one: BackupObject, tap: Tap, manifest: Manifest) -> int:
    """How many entries a tar holds (0 for anything else), all of `tap` read whatever the decoder says."""
    sink = (LIST, COUNT) if one.format == "tar" else (_DRAIN,)
    source = buffered(tap)
    try:
        with controller.stream(Pipeline((*undo(controller, one.compression), *sink))) as stream:
            fill(stream, source)
            said = stream.stdout.read()
            stream.finish()
    except CommandFailed as failed:
        while source.read(1 << 20):
            continue
        if tap.sha256 == one.sha256:
            raise undecodable(manifest, one, failed, controller.name) from failed
        return 0
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
