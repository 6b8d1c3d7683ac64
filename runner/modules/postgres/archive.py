"""A backup's dump as a file that pg_restore can read: proved, decompressed, decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from runner.backup.encryption import readable
from runner.backup.manifest import BackupObject, Manifest
from runner.errors import SentraPlayError, VerificationFailed
from runner.hosts.contract import Command, CommandFailed, Host, Pipeline, Script
from runner.modules.contract import Acting
from runner.modules.postgres.hints import client_reason
from runner.modules.postgres.programs import Programs
from runner.modules.postgres.session import Postgres
from runner.repositories.contract import Repository

Writer = Callable[[str], Command | Script]
"""A path -> what writes its input there, readable by nobody but the programs."""

_WRITE = 'umask 077; exec cat >"$1"'


def scratch(programs: Programs) -> str:
    """The directory whose file system holds the decompressed dump while it is restored."""
    return "/tmp" if programs.in_container else "/var/tmp"


@contextmanager
def archive(at: Acting, repository: Repository, manifest: Manifest, server: Postgres, role: str) -> Iterator[str]:
    """The path of the decompressed object of that role where the server's client programs run.

    It is gone when the context closes. VerificationFailed if it is not byte for byte what was stored.
    """
    programs = server.programs
    if programs.in_container:
        path = f"{scratch(programs)}/sentraplay-{manifest.id}-{at.run.id}"[:200]
        try:
            unpack(at, repository, manifest.object(role), manifest, path, _into_container(programs))
            yield path
        finally:
            with suppress(SentraPlayError):
                at.host.run(Command((*programs.prefix, "rm", "-f", "--", path), cwd=programs.cwd))
        return
    with at.host.private_directory() as directory:
        path = f"{directory}/archive"
        unpack(at, repository, manifest.object(role), manifest, path, _on_host)
        yield path


def unpack(
    at: Acting, repository: Repository, one: BackupObject, manifest: Manifest, path: str, writer: Writer
) -> None:
    """Bring an object to the host, prove it, and let `writer` write it decompressed to `path`."""
    label = f"fetching {one.name}"
    with readable(
        repository, manifest, one, at.host, progress=lambda done, total: at.progress(label, done, total)
    ) as opening:
        try:
            at.host.run(Pipeline((*opening.members, writer(path))), stdin=opening.stdin)
        except CommandFailed as failed:
            raise _undecodable(failed, one, manifest, at.host) from failed


def text(at: Acting, repository: Repository, manifest: Manifest, one: BackupObject) -> str:
    """A small object's content. It is read quietly: it may hold password hashes."""
    with readable(repository, manifest, one, at.host) as opening:
        return at.host.query(Pipeline(opening.members), stdin=opening.stdin).stdout


def decode(server: Postgres, path: str, manifest: Manifest, one: BackupObject) -> None:
    """Read every block of a dump without restoring it; `pg_restore --list` would pass half a file."""
    try:
        server.host.query(server.programs.command("pg_restore", "-f", "/dev/null", path))
    except CommandFailed as failed:
        raise _undecodable(failed, one, manifest, server.host.name) from failed


def _into_container(programs: Programs) -> Writer:
    return lambda path: Command((*programs.prefix, "sh", "-c", _WRITE, "sh", path), cwd=programs.cwd)


def _on_host(path: str) -> Script:
    return Script(_WRITE, (path,))


def _undecodable(failed: CommandFailed, one: BackupObject, manifest: Manifest, host: Host | str) -> SentraPlayError:
    said = client_reason(failed.result.stderr)
    if "No space left" in said:
        return failed
    return VerificationFailed(
        f"{one.name} of backup {manifest.id} cannot be decoded: {said}",
        where=host if isinstance(host, str) else host.name,
        why="the bytes are as they were stored, so they were wrong when the backup was made, or a program is too old",
        hint="restore from another backup",
    )
