"""Backups encrypted with age: on the host before a byte leaves it, and opened where they are read.

A host with the program `age` encrypts and decrypts by itself; for one without, the controller does as
it relays. Recipients are public and stand in an argument list; a private key goes to a host by standard
input alone, the one that opens the object and no other. The manifest is not encrypted: it shows names,
sizes, times, hosts and row counts, and nothing of the content.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

from runner.backup.catalogue import stored
from runner.backup.compression import undo
from runner.backup.manifest import BackupObject, Encryption, Manifest
from runner.backup.transfer import at_hand, nobody
from runner.backup.watching import Moved
from runner.errors import SentraPlayError, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Reader, Script, command
from runner.repositories.contract import EncryptionKeys, Repository, StoredObject
from runner.repositories.receiving import fill
from runner.repositories.streams import Tap, buffered
from runner.secret import Secret

METHOD: Final = "age"
SUFFIX: Final = ".age"

# age's header is a line per recipient, and of an SSH key of RSA ten: this holds hundreds.
_HEAD: Final = 64 * 1024

_HAS_AGE: Final = Script("command -v age >/dev/null")
_CAT: Final = 'exec cat <"$1"'


@frozen
class Sealing:
    """How one object is encrypted: by a member of the host's pipeline, or in the controller by `through`."""

    members: tuple[Command, ...]
    through: Callable[[BinaryIO], BinaryIO] | None
    reason: str


@frozen
class Opening:
    """The first members of a pipeline that reads an object's plain content, and what the first gets as stdin.

    The stdin may be a private key.
    """

    members: tuple[Command | Script, ...]
    stdin: bytes


def described(keys: EncryptionKeys) -> Encryption | None:
    """What a manifest says of backups encrypted so; None if they are not."""
    return Encryption(METHOD, keys.recipients) if keys.recipients else None


def sealing(reader: Reader, keys: EncryptionKeys) -> Sealing | None:
    """How an object of that host is encrypted; None if it is not."""
    if not keys.recipients:
        return None
    if _has_age(reader):
        wanted = [word for recipient in keys.recipients for word in ("-r", recipient)]
        return Sealing((command("age", "-e", *wanted),), None, "")

    def through(source: BinaryIO) -> BinaryIO:
        from runner.vault.agestream import seal_stream

        return buffered(seal_stream(source, keys.recipients))

    return Sealing((), through, f"age is not installed on {reader.name}: the controller encrypts")


@contextmanager
def readable(
    repository: Repository,
    manifest: Manifest,
    one: BackupObject,
    host: Host,
    *,
    directory: str | None = None,
    progress: Moved = nobody,
) -> Iterator[Opening]:
    """A proved copy of an object on `host`, to be read decrypted and decompressed while the context is open.

    Raises like `transfer.at_hand`; TaskFailed if it is encrypted and no identity at hand opens it.
    """
    expected, decompress = stored(manifest, one), undo(host, one.compression)
    if manifest.encryption is None:
        with at_hand(repository, expected, host, directory=directory, progress=progress) as path:
            yield Opening((Script(_CAT, (path,)), *decompress), b"")
        return
    identity = fitting(repository, manifest, one)
    if _has_age(host):
        with at_hand(repository, expected, host, directory=directory, progress=progress) as path:
            key = f"{identity.reveal().rstrip()}\n".encode()
            yield Opening((command("age", "-d", "-i", "-", path), *decompress), key)
        return
    with _opened_here(repository, expected, host, identity, directory, progress) as path:
        yield Opening((Script(_CAT, (path,)), *decompress), b"")


def fitting(repository: Repository, manifest: Manifest, one: BackupObject) -> Secret:
    """The identity at hand that opens an object, proved on its head; TaskFailed if none does."""
    from runner.vault.agestream import opens

    identities = repository.encryption.identities()
    key = stored(manifest, one).key
    with repository.get(key, length=_HEAD) as source:
        head = source.read(_HEAD)
    for identity in identities:
        if opens(head, identity):
            return identity
    recipients = ", ".join(manifest.encryption.recipients) if manifest.encryption else ""
    have = "none of the identities at hand opens it" if identities else "no identity is at hand"
    raise TaskFailed(
        f"backup {manifest.id} is encrypted, and {have}",
        where=f"{key} in {repository.describe()}",
        why=f"it was encrypted for {recipients}",
        hint="give the private key of one of these: --identity FILE, or identity_files in the repository's definition",
    )


def opened(repository: Repository, manifest: Manifest, one: BackupObject, source: BinaryIO) -> BinaryIO:
    """The bytes of an object that pass through this process, decrypted if they are encrypted."""
    if manifest.encryption is None:
        return source
    from runner.vault.agestream import open_stream

    return buffered(open_stream(source, fitting(repository, manifest, one)))


@contextmanager
def _opened_here(
    repository: Repository, expected: StoredObject, host: Host, identity: Secret, directory: str | None, progress: Moved
) -> Iterator[str]:
    """Relayed and decrypted on the way, into a private file that is gone when the context closes."""
    from runner.vault.agestream import open_stream

    if directory is None:
        with (
            host.private_directory() as private,
            _opened_here(repository, expected, host, identity, private, progress) as path,
        ):
            yield path
        return
    path = f"{directory}/{expected.key.rpartition('/')[2].removesuffix(SUFFIX)}"
    try:
        with repository.get(expected.key) as source:
            tap = Tap(source, moved=lambda size: progress(size, expected.size))
            _write(host, path, buffered(open_stream(buffered(tap), identity)))
        if (tap.size, tap.sha256) != (expected.size, expected.sha256):
            raise VerificationFailed(
                f"{expected.key} is damaged",
                where=repository.describe(),
                why="its bytes have another sha256 than its manifest says",
                hint="restore from another backup, or from a copy of this one in another repository",
            )
        yield path
    finally:
        with suppress(SentraPlayError):
            host.run(command("rm", "-f", "--", path))


def _write(host: Host, path: str, source: io.BufferedReader) -> None:
    with host.stream(Script('umask 077; exec cat >"$1"', (path,))) as stream:
        fill(stream, source)
        stream.stdout.read()
        stream.finish()


def _has_age(reader: Reader) -> bool:
    return reader.query(_HAS_AGE, check=False).ok
