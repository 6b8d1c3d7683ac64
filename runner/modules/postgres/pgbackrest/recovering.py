"""Recovery by pgBackRest: what is saved off a dead server, and a backup proved by recovering it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.errors import TaskFailed, VerificationFailed
from runner.modules.contract import Acting
from runner.modules.postgres.pgbackrest.choosing import Chosen
from runner.modules.postgres.pgbackrest.configuration import Files, Stanza
from runner.modules.postgres.pgbackrest.feeding import restore
from runner.modules.postgres.pgbackrest.program import configured, run, said
from runner.modules.postgres.physical import fitness
from runner.modules.postgres.physical.cluster import Cluster, as_owner, native
from runner.modules.postgres.physical.proving import disposable
from runner.modules.postgres.physical.recovering import recover
from runner.modules.postgres.physical.salvage import ready
from runner.modules.postgres.server import Server


def salvage(at: Acting, cluster: Cluster, stanza: Stanza) -> tuple[str, ...]:
    """Archive what a stopped server had finished and not archived any more; gives the names."""
    names = ready(at.host, cluster)
    if not names:
        return ()
    own = as_owner(at.host, cluster.owner)
    with configured(own, stanza.text(Files(cluster.directory))) as path:
        for name in names:
            done = run(own, stanza, path, "archive-push", f"{cluster.directory}/pg_wal/{name}")
            if not done.ok:
                raise TaskFailed(
                    f"{name}, which the stopped server had not archived, cannot be saved: {said(done)}",
                    where=f"{at.host.name}, {stanza.where}",
                    why="recovery would end before it, and its only copy would be put aside with the old cluster",
                )
    return names


def verify(at: Acting, stanza: Stanza, run_as: str) -> None:
    """Every file of the repository read and compared with its checksum; VerificationFailed if any is damaged."""
    own = as_owner(at.host, native(at, Server(), "/nonexistent", None, run_as).owner)
    with configured(own, stanza.text(process_max="2")) as path:
        done = run(own, stanza, path, "verify")
    found = [line for line in done.stdout.splitlines() if _is_bad(line)]
    if not done.ok or found:
        raise VerificationFailed(
            f"pgBackRest found damage: {' / '.join(found)[-600:] or said(done)}",
            where=stanza.where,
            hint="make a new backup now (pg_basebackup); the damaged file is named above",
        )


def _is_bad(line: str) -> bool:
    return "invalid" in line or "status: error" in line


def recovered(
    at: Acting,
    stanza: Stanza,
    chosen: Chosen,
    server: Server,
    run_as: str,
    database: str,
    asked: Sequence[Mapping[str, object]],
) -> dict[str, Any]:
    """The backup restored and recovered to its target by a server no client can reach, and the assertions `asked` in
    `database`; what was found, for the result. Nothing of it stays."""
    with disposable(at, server, run_as, chosen.major) as beside:
        fitness.check(beside, chosen.origin, other_libc=True)
        feed = restore(at, stanza, chosen, beside)
        return dict(recover(at, beside, chosen, feed, {}, database, asked).to_plain())
