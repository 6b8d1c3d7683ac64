"""How bytes get from a pipeline on a host into a repository, and back to a file on a host.

Three ways, chosen by who can reach whom:
- directory: the repository is in a directory of that very host; the bytes never leave it;
- target: the host sends to (or fetches from) an object store by itself, by presigned addresses;
- relay: through this process, when neither can be.
In each, whatever goes wrong leaves nothing that looks like an object.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final, Literal

from runner.backup.curl import unreachable
from runner.backup.downloading import download
from runner.backup.fetching import NoRanges, fetch_in_ranges, is_worth_it
from runner.backup.sending import send
from runner.backup.watching import Moved, watching
from runner.errors import RepositoryError, SentraPlayError, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, CommandFailed, Host, Pipeline, Reader, Runnable, Script, command
from runner.hosts.hashing import sha256_of, sha256_of_input
from runner.hosts.splitting import split_into
from runner.repositories.contract import OnHost, Presigning, Repository, StoredObject, Transfer
from runner.repositories.receiving import PLAIN, explain, fill
from runner.repositories.streams import Tap, buffered

Way = Literal["directory", "target", "relay"]

Through = Callable[[BinaryIO], BinaryIO]
"""What is stored in place of a stream that passes this process."""

_CAN_WRITE: Final = Script('[ -w "$1" ]')
_CAN_READ: Final = Script('[ -r "$1" ]')
_COMMIT: Final = Script('sync "$1" && mv -f -- "$1" "$2" && sync "${2%/*}"')


@frozen
class Transferred:
    """An object that was stored, the way it went, and why the controller had to relay it if it did."""

    stored: StoredObject
    way: Way
    reason: str = ""


def _as_it_is(source: BinaryIO) -> BinaryIO:
    return source


def nobody(done: int, total: int | None) -> None:
    """For transfers nobody watches."""


def store(
    host: Host,
    producer: Runnable,
    repository: Repository,
    key: str,
    *,
    stdin: bytes = b"",
    progress: Moved = nobody,
    through: Through | None = None,
) -> Transferred:
    """Run `producer` on `host`, with `stdin` as its input, and store what it writes under `key`.

    With `through` the bytes pass this process, which stores what that makes of them. Raises
    CommandFailed if a member of it ends with a status other than 0, RepositoryError if the bytes cannot
    be stored; either way there is no object. `progress` is called with (bytes so far, None).
    """
    members = producer.members if isinstance(producer, Pipeline) else (producer,)
    if through is not None:
        _refuse_relay(host, repository)
        return Transferred(_relay(host, members, repository, key, stdin, progress, through), "relay")
    reason = "the repository is on another host"
    if isinstance(repository, OnHost) and repository.host_name == host.name:
        here = _store_here(host, members, repository, key, stdin, progress)
        if here is not None:
            return Transferred(here, "directory")
        reason = "the task's user may not write to the repository's directory"
    elif isinstance(repository, Presigning):
        reason = why_relay(host, repository, key)
        if not reason:
            return Transferred(send(host, members, repository, key, stdin=stdin, progress=progress), "target")
    return Transferred(_relay(host, members, repository, key, stdin, progress), "relay", reason)


def fetch(repository: Repository, expected: StoredObject, host: Host, path: str, *, progress: Moved = nobody) -> Way:
    """Bring an object to the file `path` on `host`, whose directory must exist.

    The file appears, durably and with mode 0600, only once its size and sha256 are proved; else
    VerificationFailed, and nothing stays. ObjectNotFound and RepositoryError come from the repository.
    """
    temporary = f"{path}.{expected.sha256[:12]}.partial"
    try:
        way = _bring(repository, expected, host, temporary, progress)
        prove(host, temporary, expected)
        host.run(Script(_COMMIT.text, (temporary, path)))
    except BaseException:
        with suppress(SentraPlayError):
            host.run(command("rm", "-f", "--", temporary))
        raise
    return way


@contextmanager
def at_hand(
    repository: Repository,
    expected: StoredObject,
    host: Host,
    *,
    directory: str | None = None,
    progress: Moved = nobody,
) -> Iterator[str]:
    """The path of a proved copy of an object on `host`, to be read while the context is open.

    It is the repository's own file where that is on the host (no copy is made), else one fetched into
    `directory` (on the host; a private one if None) and removed at the end.
    """
    if isinstance(repository, OnHost) and repository.host_name == host.name:
        path = repository.path_of(expected.key)
        if host.query(Script(_CAN_READ.text, (path,)), check=False).ok:
            prove(host, path, expected)
            yield path
            return
    if directory is None:
        with (
            host.private_directory() as private,
            at_hand(repository, expected, host, directory=private, progress=progress) as path,
        ):
            yield path
        return
    path = f"{directory}/{expected.key.rpartition('/')[2]}"
    fetch(repository, expected, host, path, progress=progress)
    try:
        yield path
    finally:
        with suppress(SentraPlayError):
            host.run(command("rm", "-f", "--", path))


def prove(reader: Reader, path: str, expected: StoredObject) -> None:
    """VerificationFailed unless the file `path` on the host has the object's size and sha256."""
    found = reader.stat(path)
    size = -1 if found is None else found.size
    said = reader.query(sha256_of(path, **PLAIN)).stdout[:64] if size == expected.size else ""
    if said != expected.sha256:
        raise VerificationFailed(
            message=f"{expected.key} is damaged",
            where=f"{reader.name}:{path}",
            why=f"it has {size} bytes, {expected.size} were stored" if not said else "its sha256 is another",
            hint="restore from another backup, or from a copy of this one in another repository",
        )


def _store_here(
    host: Host, members: tuple[Command | Script, ...], repository: OnHost, key: str, stdin: bytes, progress: Moved
) -> StoredObject | None:
    """Straight into the directory; None if the task's user may not write there."""
    temporary = repository.prepare(key)
    try:
        if not host.query(Script(_CAN_WRITE.text, (temporary,)), check=False).ok:
            repository.discard(temporary)
            return None
        sha256 = _receive(host, members, temporary, stdin, progress)
        found = host.stat(temporary)
        if found is None:
            raise RepositoryError(message=f"{temporary} was removed while it was written", where=host.name)
        repository.commit(temporary, key)
    except BaseException:
        with suppress(SentraPlayError):
            repository.discard(temporary)
        raise
    return StoredObject(key, found.size, sha256)


def _receive(host: Host, members: tuple[Command | Script, ...], temporary: str, stdin: bytes, progress: Moved) -> str:
    whole = Pipeline((*members, split_into(temporary, **PLAIN), sha256_of_input(**PLAIN)))
    with watching(host, temporary, progress), host.stream(whole) as stream:
        fill(stream, io.BytesIO(stdin))
        said = stream.stdout.read()
        try:
            stream.finish()
        except CommandFailed as failed:
            if failed.result.statuses[-2:-1] in ((), (0,)):
                raise
            raise explain(failed, f"{host.name}:{temporary}", host.name) from failed
    return said[:64].decode()


def _relay(
    host: Host,
    members: tuple[Command | Script, ...],
    repository: Repository,
    key: str,
    stdin: bytes,
    progress: Moved,
    through: Through = _as_it_is,
) -> StoredObject:
    with host.stream(Pipeline(members)) as stream:
        fill(stream, io.BytesIO(stdin))

        def ended(size: int) -> None:
            stream.finish()

        tap = Tap(stream.stdout, ended, lambda size: progress(size, None))
        return repository.put(key, through(buffered(tap)))


def _bring(repository: Repository, expected: StoredObject, host: Host, path: str, progress: Moved) -> Way:
    if isinstance(repository, OnHost) and repository.host_name == host.name:
        source = repository.path_of(expected.key)
        if host.query(Script(_CAN_READ.text, (source,)), check=False).ok:
            with watching(host, path, progress, expected.size):
                host.run(Script('umask 077; exec cat -- "$1" >"$2"', (source, path)))
            return "directory"
    if isinstance(repository, Presigning) and not why_relay(host, repository, expected.key):
        _by_itself(repository, expected, host, path, progress)
        return "target"
    with repository.get(expected.key) as source_stream:
        tap = Tap(source_stream, moved=lambda size: progress(size, expected.size))
        with host.stream(Script('umask 077; exec cat >"$1"', (path,))) as stream:
            fill(stream, buffered(tap))
            stream.stdout.read()
            stream.finish()
    return "relay"


def _by_itself(repository: Presigning, expected: StoredObject, host: Host, path: str, progress: Moved) -> None:
    """In ranges where that is worth it and the store can, else in one piece."""
    if is_worth_it(expected):
        with suppress(NoRanges):
            fetch_in_ranges(repository, expected, host, path, progress)
            return
    with watching(host, path, progress, expected.size):
        download(repository, expected, host, path)


def _refuse_relay(host: Host, repository: Repository) -> None:
    """RepositoryError if the repository wants the host to send by itself, and it cannot encrypt by itself."""
    if isinstance(repository, Presigning) and repository.transfer is Transfer.TARGET:
        raise RepositoryError(
            message=f"{host.name} cannot encrypt what it sends",
            where=host.name,
            why="the program age is not installed there, and transfer: target keeps the controller out of the way",
            hint=f"install age on {host.name}, or set the repository's transfer to auto or relay",
        )


def why_relay(host: Host, repository: Presigning, key: str) -> str:
    """Why the host cannot talk to the store by itself; empty if it can. RepositoryError if it must but cannot."""
    if repository.transfer is Transfer.RELAY:
        return "the repository says so (transfer: relay)"
    why = unreachable(host, repository, key)
    if why and repository.transfer is Transfer.TARGET:
        raise RepositoryError(
            message=f"{host.name} cannot reach the store by itself: {why}",
            where=host.name,
            hint="open the way, or set the repository's transfer to auto or relay",
        )
    return why
