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
    from runner.backup.status import Line

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
    """Say of each service and kind how old and how well proved its newest backup is, and when its WAL last came.

    Where WAL leads on from base backups, --rpo asks for the WAL and not for them; WAL that leads on from none is a
    failure. Of what pgBackRest keeps by itself it tells what was last reported to the repository: by a backup, a
    check or a verification with that engine.

    What is read is the repository, so that it can be asked from any machine. A failed verification, a
    damaged manifest, a missed limit or no backup at all ends with exit code 3.
    """
    from runner.backup.status import known_services, statuses

    limits = (_limit(rpo), _limit(proved_within))
    now = datetime.now(UTC)
    with opener.open(repository) as opened:
        found = [
            one
            for name in ([service] if service else known_services(opened))
            for one in statuses(opened, name, opener.retention(repository))
        ]
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


def _show(found: list[Line], troubles: dict[str, list[str]], now: datetime, output: str) -> None:
    if output == "json":
        for one in found:
            click.echo(json.dumps({**one.plain(now), "troubles": troubles[one.name]}))
        return
    rows = [(*_row(one, now), "; ".join(troubles[one.name])) for one in found]
    if rows:
        click.echo("\n".join(table([HEADINGS, *rows])))


def _row(one: Line, now: datetime) -> tuple[str, ...]:
    from runner.units import human_bytes, human_seconds

    size = "" if one.size is None else human_bytes(one.size)
    if one.moment is None:
        return (one.service, one.kind, one.amount, size, "none", "", *one.proof)
    age = human_seconds((now - one.moment).total_seconds())
    return (one.service, one.kind, one.amount, size, f"{one.moment:%Y-%m-%d %H:%M}", age, *one.proof)
