"""What pgBackRest did and found, told to our repository: `sentraplay backups status` reads it there."""

from __future__ import annotations

from datetime import UTC, datetime

from runner.backup.reports import Kept, Report, What, report
from runner.errors import SentraPlayError
from runner.modules.contract import Acting
from runner.modules.postgres.pgbackrest.configuration import Stanza
from runner.modules.postgres.pgbackrest.info import Backup, info
from runner.repositories.contract import Repository


def tell(
    at: Acting,
    repository: Repository,
    stanza: Stanza,
    what: What,
    *,
    backup: str = "",
    seconds: float = 0.0,
    segments: int | None = None,
    error: str | None = None,
) -> None:
    """Keep a report of it with the backups there are now; that it cannot be kept changes nothing else, and is said."""
    try:
        kept = tuple(_kept(one) for one in info(at.host, stanza).backups)
        told = Report(what, datetime.now(UTC), stanza.where, kept, backup, seconds, segments, error, at.run.id)
        report(repository, stanza.name, told)
    except SentraPlayError as trouble:
        at.warn(
            f"what pgBackRest did could not be told to {repository.name}: {trouble}",
            "`sentraplay backups status` does not know of it",
        )


def _kept(one: Backup) -> Kept:
    return Kept(one.id, one.ended, one.stored, one.damaged)
