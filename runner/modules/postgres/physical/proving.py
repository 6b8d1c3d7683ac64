"""A base backup proved: its WAL read whole, or all of it recovered where nobody can reach it, and removed again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from runner.backup.manifest import Manifest
from runner.backup.wal.fetching import prove
from runner.backup.wal.own import own_wal
from runner.hosts.contract import Script
from runner.modules.contract import Acting
from runner.modules.postgres.physical import fitness, side
from runner.modules.postgres.physical.choosing import choose, major_of
from runner.modules.postgres.physical.cluster import IN_IMAGE, as_owner, in_compose, native
from runner.modules.postgres.physical.feeding import prepared
from runner.modules.postgres.physical.recovering import recover
from runner.modules.postgres.physical.side import Side
from runner.modules.postgres.physical.target import target_of
from runner.modules.postgres.physical.unpacking import unpack
from runner.modules.postgres.server import Server
from runner.repositories.contract import Repository

_GIVE: Final = Script('exec chown -- "$2" "$1"')


def wal_read(at: Acting, repository: Repository, manifest: Manifest) -> int:
    """Read the WAL the backup itself needs on the task's host; how many files it is.

    VerificationFailed if one is missing or is not what was archived.
    """
    archive, files = own_wal(repository, manifest)
    for one in files:
        prove(archive, one, at.host)
    return len(files)


def recovered(
    at: Acting,
    repository: Repository,
    manifest: Manifest,
    server: Server,
    run_as: str,
    database: str,
    asked: Sequence[Mapping[str, object]],
) -> dict[str, Any]:
    """The backup unpacked, compared with the server's own list of files, recovered to its own end by a server no client
    can reach, and the assertions `asked` in `database`; what was found, for the result. Nothing of it stays.

    Raises VerificationFailed if the backup is to blame, TaskFailed if the host is (programs, room).
    """
    target = target_of({}, "immediate", True, None)
    choice = choose(repository, manifest.service, manifest.id, target, at.host)
    with disposable(at, server, run_as, major_of(manifest)) as beside:
        fitness.check(beside, fitness.origin_of(choice.manifest), other_libc=True)
        unpack(at, repository, choice.manifest, choice.base, beside)
        return dict(recover(at, beside, choice, prepared(choice, beside), {}, database, asked).to_plain())


@contextmanager
def disposable(at: Acting, server: Server, run_as: str, major: int) -> Iterator[Side]:
    """An empty place with programs of that version; a container of the service's image where it is one's."""
    if server.compose is None:
        cluster = native(at, server, "/nonexistent", None, run_as)
        with as_owner(at.host, cluster.owner).private_directory() as room:
            yield side.natively(at, cluster, room, f"{room}/data/data", room, server, major)
        return
    cluster = in_compose(at, server.compose, IN_IMAGE)
    name = f"sentraplay-verify-{secrets.token_hex(8)}"
    with at.host.private_directory() as room:
        at.host.run(Script(_GIVE.text, (room, cluster.owner.ids)))
        try:
            side.start_container(at, cluster, room, server, name)
            yield side.in_named_container(at, cluster, room, f"{room}/data/data", server, major, name)
        finally:
            side.end_container(at.host, name)
