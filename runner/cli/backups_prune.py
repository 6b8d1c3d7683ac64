"""`sentraplay backups prune`: what retention says of every backup; with --yes it is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from runner.cli import options
from runner.cli.repository import Opener, opens_repositories
from runner.cli.tables import table
from runner.errors import RepositoryError, UsageError

if TYPE_CHECKING:
    from runner.backup.pruning import Plan, Pruned

F = TypeVar("F", bound=Callable[..., Any])

COUNTS: Final = ("keep_last", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly", "minimum_verified")
TEXTS: Final = ("keep_within", "pitr_window", "time_zone")


def rules(function: F) -> F:
    """An option for each rule; they arrive under their own names."""
    found: Any = function
    for name in reversed(TEXTS):
        metavar = "ZONE" if name == "time_zone" else "DURATION"
        found = click.option(f"--{name.replace('_', '-')}", metavar=metavar, help="As in `retention`.")(found)
    for name in reversed(COUNTS):
        kind = click.IntRange(min=0)
        found = click.option(f"--{name.replace('_', '-')}", type=kind, metavar="N", help="As in `retention`.")(found)
    return found  # type: ignore[no-any-return]  # the same function for its caller


@click.command("prune")
@click.argument("repository")
@click.option("--service", metavar="NAME", help="Only backups of this service.")
@rules
@click.option("--yes", is_flag=True, help="Remove what is to go. Without it nothing is changed.")
@options.output
@opens_repositories
def prune_backups(
    repository: str, service: str | None, yes: bool, output: options.Output, opener: Opener, **given: Any
) -> None:
    """Say which backups of REPOSITORY retention no longer keeps; with --yes remove them.

    The rules are those of the repository's definition (`retention`), or those given here, which then count alone.
    """
    from runner.backup.catalogue import services
    from runner.backup.policy import policy_of
    from runner.backup.pruning import plan, prune

    said = {name: value for name, value in given.items() if value is not None} or opener.retention(repository)
    if not said:
        raise UsageError(
            f"nothing says how long backups stay in {repository}",
            why="without a rule nothing may be deleted",
            hint="give `retention` in its definition, or --keep-daily 30 and the like",
        )
    policy = policy_of(said)
    with opener.open(repository) as opened:
        for name in [service] if service else services(opened):
            _show(plan(opened, name, policy, datetime.now(UTC)), output)
            if yes:
                done = prune(opened, name, policy, lambda: datetime.now(UTC))
                _report(done, output)
    if not yes and output == "text":
        click.echo("nothing was changed; --yes removes what is to go")


def _show(found: Plan, output: str) -> None:
    from runner.units import human_bytes

    if output == "json":
        for one in found.verdicts:
            decision = {"keep": one.decision.keep, "reasons": list(one.decision.reasons)}
            click.echo(json.dumps({"service": found.service, "id": one.manifest.id, **decision}))
        for wal in found.wal:
            told = {"files": wal.count, "dropped": len(wal.dropped), "bytes": wal.size, "reason": wal.reason}
            click.echo(json.dumps({"service": found.service, "wal": wal.system_identifier, **told}))
        return
    rows = [
        (
            one.manifest.service,
            one.manifest.id,
            "keep" if one.decision.keep else "DROP",
            ", ".join(one.decision.reasons),
        )
        for one in found.verdicts
    ]
    rows += [(found.service, one.id, "keep", "its manifest is damaged: look at it by hand") for one in found.damaged]
    if rows:
        click.echo("\n".join(table(rows)))
    for wal in found.wal:
        click.echo(
            f"WAL of {found.service}, cluster {wal.system_identifier}: {len(wal.dropped)} of {wal.count} files DROP"
            f" ({human_bytes(wal.size)}); {wal.reason}"
        )


def _report(done: Pruned, output: str) -> None:
    from runner.units import human_bytes

    if output == "text":
        swept = f", {len(done.swept)} leftovers" if done.swept else ""
        wal = f", {len(done.wal)} WAL files" if done.wal else ""
        click.echo(f"removed {len(done.removed)} backups{wal}, {human_bytes(done.size)}{swept}")
    else:
        removed = {"removed": [one.id for one in done.removed], "wal_removed": len(done.wal)}
        click.echo(json.dumps({**removed, "bytes": done.size}))
    if done.refused or done.wal_refused:
        told = [f"{manifest.id} stays: {error}" for manifest, error in done.refused]
        raise RepositoryError(
            "; ".join([*told, *(f"WAL stays: {error}" for error in done.wal_refused)]),
            why="the store refused to give them up",
            hint="if they are locked, that is what the lock is for; otherwise look at the credential's rights",
        )
