"""`sentraplay bootstrap`: from a bucket's name and an identity to playbooks, inventory and manifests."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from

if TYPE_CHECKING:
    from runner.backup.bootstrap import Brought


@click.command("bootstrap")
@click.argument("repository")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--service", metavar="NAME", help="Whose project, where the repository holds several.")
@click.option("--backup", metavar="ID", default="latest", show_default=True, help="Which backup of the project.")
@given
@click.pass_obj
def bootstrap(
    invocation: Invocation, repository: str, directory: Path, service: str | None, backup: str, keys: GivenKeys
) -> None:
    """Bring playbooks, inventory and manifests back from REPOSITORY into the empty DIRECTORY.

    REPOSITORY is an address: s3://bucket/prefix?region=…, or a path. Nothing but it and an identity is
    needed (--identity), and nothing is overwritten.
    """
    from contextlib import closing

    from runner.backup.bootstrap import bring_back
    from runner.hosts.local import open_local
    from runner.inventory import load_inventory
    from runner.wiring.assembly import repository_alone

    opening = keys_from(invocation, keys)
    with repository_alone(repository, load_inventory(()), {}, opening) as opened, closing(open_local()) as controller:
        _show(bring_back(opened, controller, directory, service, backup), repository, directory)


def _show(brought: Brought, repository: str, directory: Path) -> None:
    click.echo(f"{brought.project.service}/{brought.project.id}: {brought.unpacked.entries} entries in {directory}")
    click.echo(f"{brought.manifests} manifests in {directory / 'manifests'}")
    for name in brought.unpacked.left_out:
        click.echo(f"left out, because it leads outside: {name}", err=True)
    for one in brought.damaged:
        click.echo(f"damaged and not written: the manifest of {one}", err=True)
    next_steps = (
        ("cd", str(directory)),
        ("sentraplay", "backups", "list", repository),
        ("sentraplay", "validate", "."),
    )
    click.echo(f"next: {'; '.join(map(shlex.join, next_steps))}")
