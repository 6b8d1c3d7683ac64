"""A WAL file of a repository read on a host: decrypted, decompressed and proved on the way."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Final

from runner.backup.compression import undo
from runner.backup.wal.archive import Archived, WalArchive
from runner.errors import TaskFailed, VerificationFailed
from runner.hosts.contract import Command, CommandFailed, Host, Pipeline, Reader, Script, command
from runner.hosts.hashing import sha256_of_input
from runner.repositories.contract import Repository
from runner.repositories.receiving import fill
from runner.repositories.streams import buffered

_HEAD: Final = 64 * 1024
_LANES: Final = 3


def prove(archive: WalArchive, one: Archived, host: Host) -> None:
    """Read a file whole, decompressed on the host, and write it nowhere; VerificationFailed if it is not what was
    archived."""
    try:
        said = _through(archive, one, host, (*undo(host, one.compression), sha256_of_input()))
    except CommandFailed as failed:
        raise damaged(archive, one, failed.result.stderr.strip()) from failed
    except VerificationFailed as failed:  # of the encryption, which does not know whose bytes they are
        raise damaged(archive, one, failed.message) from failed
    if said[:64] != one.sha256:
        raise damaged(archive, one, "its sha256 is another")


def prove_all(archive: WalArchive, files: Sequence[Archived], host: Host) -> None:
    """As `prove`, of each; every one is read before VerificationFailed names all that are damaged."""

    def problem(one: Archived) -> VerificationFailed | None:
        try:
            prove(archive, one, host)
        except VerificationFailed as error:
            return error
        return None

    with ThreadPoolExecutor(_LANES) as pool:
        found = [error for error in pool.map(problem, files) if error is not None]
    if not found:
        return
    first = found[0]
    others = "".join(f"\n{one.message}: {one.why}; {one.where}" for one in found[1:])
    raise VerificationFailed(f"{first.message}{others}", where=first.where, why=first.why, hint=first.hint)


def _through(archive: WalArchive, one: Archived, host: Host, members: tuple[Command | Script, ...]) -> str:
    with archive.repository.get(one.key) as stored, host.stream(Pipeline(members)) as stream:
        fill(stream, plain(archive.repository, one, stored))
        said = stream.stdout.read()
        stream.finish()
    return said.decode()


def read(archive: WalArchive, one: Archived, reader: Reader) -> str:
    """The text of a small file (a timeline's history), decompressed on the host."""
    with archive.repository.get(one.key) as stored:
        data = plain(archive.repository, one, stored).read()
    members = (*undo(reader, one.compression), command("cat"))
    return reader.query(Pipeline(members), stdin=data).stdout


def plain(repository: Repository, one: Archived, stored: BinaryIO) -> BinaryIO:
    """What `stored` gives, decrypted if it is encrypted; TaskFailed if no identity at hand opens it."""
    if not one.encrypted:
        return stored
    from runner.vault.agestream import open_stream, opens

    with repository.get(one.key, length=_HEAD) as source:
        head = source.read(_HEAD)
    for identity in repository.encryption.identities():
        if opens(head, identity):
            return buffered(open_stream(stored, identity))
    raise TaskFailed(
        f"WAL file {one.name} is encrypted, and no identity at hand opens it",
        where=repository.describe(),
        hint="give the private key: --identity FILE, or identity_files in the repository's definition",
    )


def damaged(archive: WalArchive, one: Archived, why: str) -> VerificationFailed:
    """The error for a file that is not what was archived."""
    return VerificationFailed(
        f"WAL file {one.name} is damaged",
        where=f"{one.key} in {archive.repository.describe()}",
        why=why,
        hint="take it from a copy of the repository, or recover to a moment before it",
    )
