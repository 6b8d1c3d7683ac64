"""`sentraplay backups hold` and `release`: what no retention may delete."""

from __future__ import annotations

import getpass
import socket

import click

from runner.cli.choosing import chosen
from runner.cli.repository import Opener, opens_repositories


@click.command("hold")
@click.argument("repository")
@click.argument("backup")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept with the hold.")
@opens_repositories
def hold_backup(repository: str, backup: str, reason: str, opener: Opener) -> None:
    """Keep BACKUP and all it builds on from being pruned, until it is released.

    Where the store can hold objects itself, it is asked to, so that no other program deletes them either.
    """
    from runner.backup.catalogue import read
    from runner.backup.holds import hold
    from runner.backup.lineage import lineage

    by = f"{getpass.getuser()}@{socket.gethostname()}"
    with opener.open(repository) as opened:
        ((service, backup_id),) = chosen(opened, [backup])
        for manifest in lineage(opened, read(opened, service, backup_id)):
            new = hold(opened, service, manifest.id, reason, by)
            click.echo(f"{service}/{manifest.id}: {'held' if new else 'is held already'}")


@click.command("release")
@click.argument("repository")
@click.argument("backup")
@opens_repositories
def release_backup(repository: str, backup: str, opener: Opener) -> None:
    """Let retention decide about BACKUP again. What it builds on stays held until it is released itself."""
    from runner.backup.holds import release

    with opener.open(repository) as opened:
        ((service, backup_id),) = chosen(opened, [backup])
        there = release(opened, service, backup_id)
    click.echo(f"{service}/{backup_id}: {'released' if there else 'was not held'}")
