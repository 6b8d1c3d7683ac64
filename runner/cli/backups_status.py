"""`sentraplay backups status`: one line per service and kind, for people and for monitoring."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from runner.cli import options
from runner.cli.choosing import nothing_there
from runner.cli.repository import Opener, opens_repositories
from runner.cli.tables import table
from runner.errors import UsageError, VerificationFailed

if TYPE_CHECKING:
    from runner.backup.status import Status

HEADINGS: Final = ("SERVICE", "KIND", "BACKUPS", "SIZE", "NEWEST (UTC)", "AGE", "NEWEST PROVED", "HOW", "TROUBLE")


@click.command("status")
@click.argument("repository")
@click.option("--service", metavar="NAME", help="Only this service.")
@click.option("--rpo", metavar="DURATION", help="End with 3 if a newest backup is older than this, such as 26h.")
@click.option("--proved-within", metavar="DURATION", help="End with 3 unless one so old at most was proved by reading.")
@options.output
@opens_repositories
def show_status(
    repository: str,
    service: str | None,
    rpo: str | None,
    proved_within: str | None,
    output: options.Output,
    opener: Opener,
) -> None:
    """Say of each service and kind how old and how well proved its newest backup is.

    What is read is the repository, so that it can be asked from any machine. A failed verification, a
    damaged manifest, a missed limit or no backup at all ends with exit code 3.
    """
    from runner.backup.catalogue import services
    from runner.backup.status import statuses

    limits = (_limit(rpo), _limit(proved_within))
    now = datetime.now(UTC)
    with opener.open(repository) as opened:
        found = [one for name in ([service] if service else services(opened)) for one in statuses(opened, name)]
    troubles = {one.name: one.troubles(now, *limits) for one in found}
    _show(found, troubles, now, output)
    wrong = [f"{name}: {trouble}" for name, said in troubles.items() for trouble in said]
    if not found:
        raise nothing_there(opened, service)
    if wrong:
        raise VerificationFailed(
            "; ".join(wrong),
            where=repository,
            why="what is too old, damaged or never proved is not there in the hour it is needed",
            hint="run the backup or verification that is due; `sentraplay backups list` shows each one",
        )


def _limit(text: str | None) -> float | None:
    from runner.units import seconds

    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no duration", hint="write 90m, 26h or 8d") from error


def _show(found: list[Status], troubles: dict[str, list[str]], now: datetime, output: str) -> None:
    from runner.units import human_bytes, human_seconds

    if output == "json":
        for one in found:
            click.echo(json.dumps({**one.plain(now), "troubles": troubles[one.name]}))
        return
    rows = []
    for one in found:
        proved = one.proved
        newest = one.newest
        rows.append(
            (
                one.service,
                one.kind,
                str(one.count),
                human_bytes(one.size),
                f"{newest.restored_point:%Y-%m-%d %H:%M}" if newest else "none",
                human_seconds((now - newest.restored_point).total_seconds()) if newest else "",
                proved.manifest.id if proved else "none",
                str(proved.proof.level) if proved else "",
                "; ".join(troubles[one.name]),
            )
        )
    if rows:
        click.echo("\n".join(table([HEADINGS, *rows])))
