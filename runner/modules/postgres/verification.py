"""A database backup proved: decoded in full, or restored into a server of its own and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from runner.backup.manifest import Manifest
from runner.errors import TaskFailed, VerificationFailed
from runner.hosts.contract import Command
from runner.modules.contract import Acting
from runner.modules.postgres import archive, disposable, restoring, space, swap
from runner.modules.postgres import globals as server_globals
from runner.modules.postgres.catalog import Properties
from runner.modules.postgres.database import Database, SqlFailed
from runner.modules.postgres.disposable import Disposable
from runner.modules.postgres.pg_dump import DATABASE_ROLE, GLOBALS_ROLE
from runner.modules.postgres.programs import Version
from runner.modules.postgres.restoring import Dump
from runner.modules.postgres.server import Server
from runner.repositories.contract import Repository

# A backup of one of these is restored under another name: the new server has them already.
_TAKEN = ("postgres", "template0", "template1")


def decoded(at: Acting, repository: Repository, manifest: Manifest, server: Server, run_as: str) -> None:
    """Every block of the dump is read by pg_restore and every role statement understood; nothing is restored."""
    dump = Dump.of(manifest)
    server_globals.read(_globals(at, repository, manifest))
    with _place(at, dump, server, run_as) as made:
        _unpack(at, repository, dump, made)


def restored(
    at: Acting,
    repository: Repository,
    manifest: Manifest,
    server: Server,
    assertions: Sequence[Mapping[str, object]],
    jobs: int,
    run_as: str,
) -> dict[str, object]:
    """Restored where nothing else can be reached, compared and asserted; what was found, for the result.

    Raises VerificationFailed if the backup is to blame, TaskFailed if the host is (programs, room, extensions).
    """
    dump = Dump.of(manifest)
    roles = _globals(at, repository, manifest)
    with _place(at, dump, server, run_as) as made:
        _check_room(made, dump)
        path = _unpack(at, repository, dump, made)
        with made.serving():
            restoring.check_server(made.server, dump)
            restoring.create_missing_roles(made.server.maintenance(), roles)
            name = _create(at, made.server.maintenance(), dump)
            at.progress(f"restoring {dump.properties.name} to prove it", 0, dump.content.size)
            _load(made, name, path, jobs, manifest)
            return restoring.prove(made.server.database(name), dump, assertions)


def _place(at: Acting, dump: Dump, server: Server, run_as: str) -> AbstractContextManager[Disposable]:
    written_by = Version.of_text(str(dump.manifest.versions.get("pg_dump"))) or dump.server_version
    major = max(written_by.major, dump.server_version.major)
    if server.compose is not None:
        return disposable.in_own_container(at, server.compose, server.programs, major)
    return disposable.native(at, server.programs, major, run_as)


def _unpack(at: Acting, repository: Repository, dump: Dump, made: Disposable) -> str:
    one = dump.manifest.object(DATABASE_ROLE)
    path = f"{made.directory}/archive"
    archive.unpack(at, repository, one, dump.manifest, path, made.write)
    archive.decode(made.server, path, dump.manifest, one)
    return path


def _globals(at: Acting, repository: Repository, manifest: Manifest) -> str:
    return archive.text(at, repository, manifest, manifest.object(GLOBALS_ROLE))


def _check_room(made: Disposable, dump: Dump) -> None:
    programs = made.server.programs
    # The dump decompressed, and the database made of it.
    space.check(
        made.server.host.query,
        lambda path: Command((*programs.prefix, "df", "-P", "-k", "--", path), cwd=programs.cwd),
        [space.Need(made.directory, 2 * dump.content.size)],
        made.server.host.name,
    )


def _create(at: Acting, database: Database, dump: Dump) -> str:
    like = dump.properties
    name = f"{like.name}_verified" if like.name in _TAKEN else like.name
    try:
        restoring.create_database(database, name, like, like.owner, None)
    except SqlFailed as error:
        if "locale" not in error.message and "collat" not in error.message:
            raise
        at.warn(f"this host lacks the locale {like.collate!r}: the backup is verified with collation C")
        restoring.create_database(database, name, _portable(like), like.owner, None)
    # A search_path set on the database decides what the names in assertions mean.
    database.run(swap.carried_over(name, like))
    return name


def _portable(like: Properties) -> Properties:
    return replace(like, collate="C", ctype="C", locale_provider="c", locale=None)


def _load(made: Disposable, name: str, path: str, jobs: int, manifest: Manifest) -> None:
    try:
        restoring.load(made.server, name, path, jobs)
    except TaskFailed as failed:
        if "No space left" in failed.message or "disk full" in failed.message.lower():
            raise
        raise VerificationFailed(
            f"backup {manifest.id} cannot be restored: {failed.message}",
            where=failed.where,
            hint="restore from another backup",
            data=failed.data,
        ) from failed
