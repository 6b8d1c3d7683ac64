"""A base backup by pgBackRest: whole, or only what changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runner.backup.writer import describe
from runner.errors import TaskFailed
from runner.modules.contract import Acting
from runner.modules.postgres.pgbackrest.archiving import files_of, make_repository
from runner.modules.postgres.pgbackrest.configuration import Stanza
from runner.modules.postgres.pgbackrest.info import Backup, info
from runner.modules.postgres.pgbackrest.program import check_there, configured, run, said
from runner.modules.postgres.physical.cluster import as_owner, owner_of
from runner.modules.postgres.session import Postgres


def why_whole(backups: tuple[Backup, ...], full_every: float, max_chain: int, now: datetime) -> str | None:
    """Why the next backup cannot be an increment; None if it can. `full_every` is in seconds."""
    whole = next((one for one in reversed(backups) if one.kind == "full"), None)
    if whole is None:
        return "there is no whole backup yet"
    if (now - whole.begun).total_seconds() >= full_every:
        return f"the last whole backup, {whole.id}, is old enough"
    if sum(one.begun >= whole.begun for one in backups) >= max_chain:
        return f"{max_chain} backups build on {whole.id} already, itself counted"
    return None


def take(
    at: Acting, server: Postgres, stanza: Stanza, increment: tuple[float, int] | None, wal_timeout: float
) -> dict[str, Any]:
    """The backup made; it counts only once its WAL is in the archive. `increment` is `full_every` in seconds and
    `max_chain`; None makes a whole one. TaskFailed if there is no backup."""
    check_there(at.host)
    files = files_of(server)
    owner = owner_of(at.host, files.data)
    own = as_owner(at.host, owner)
    make_repository(at.host, own, owner, stanza)
    before = info(at.host, stanza).backups
    why = why_whole(before, *increment, datetime.now(UTC)) if increment else None
    kind = "incr" if increment and why is None else "full"
    source, libc = describe(at.host)
    notes = {"architecture": source.system.rpartition(" ")[2], "libc": libc}
    words = [f"--annotation={name}={value}" for name, value in notes.items() if value]
    with configured(own, stanza.text(files, archive_timeout=f"{wal_timeout:g}")) as path:
        done = run(own, stanza, path, f"--type={kind}", *words, "backup")
    if not done.ok:
        raise TaskFailed(
            f"pgBackRest made no backup: {said(done)}",
            where=stanza.where,
            hint="earlier backups are untouched; is archiving set up with the same engine (pg_wal_archive)?",
            data={"stdout": done.stdout, "stderr": done.stderr},
        )
    made = info(at.host, stanza).backups[-1]
    return {**made.to_plain(), "full_because": why, "location": stanza.where}
