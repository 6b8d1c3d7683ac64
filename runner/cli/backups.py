"""`sentraplay backups`: what a repository holds, read from the repository itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from runner.cli import options
from runner.cli.files import existing_inventories
from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from
from runner.cli.lazy import Entry, LazyGroup
from runner.cli.tables import table
from runner.errors import VerificationFailed

if TYPE_CHECKING:
    from runner.backup.catalogue import Catalogue
    from runner.backup.manifest import Manifest

HEADINGS: Final = ("BACKUP", "SERVICE", "KIND", "STATE OF (UTC)", "SIZE", "FROM")


@click.command("list")
@click.argument("repository")
@options.inventories
@click.option("--service", metavar="NAME", help="Only backups of this service.")
@options.variables
@options.output
@options.passwords
@given
@click.pass_obj
def list_backups(
    invocation: Invocation,
    repository: str,
    inventories: tuple[str, ...],
    service: str | None,
    extra: tuple[str, ...],
    output: options.Output,
    ask_become_pass: bool,
    ask_pass: bool,
    keys: GivenKeys,
) -> None:
    """List the backups in REPOSITORY, a name from the inventory, the oldest first."""
    from runner.backup.catalogue import catalogue, services
    from runner.cli.carrying import Carrying, passwords_from
    from runner.plan import Options
    from runner.wiring.assembly import repository_alone

    opening = keys_from(invocation, keys)
    wanted = Options(extra_vars=options.extra_variables(extra, opening))
    passwords = passwords_from(invocation, ask_pass, ask_become_pass)
    carrying = Carrying(invocation, existing_inventories(inventories), wanted, passwords, opening)
    with repository_alone(repository, carrying.inventory, wanted.extra_vars, opening) as opened:
        found = [catalogue(opened, name) for name in ([service] if service else services(opened))]
    _show([manifest for one in found for manifest in one.backups], output)
    _refuse_damaged(found)


def _load_copy() -> click.Command:
    from runner.cli.backups_copy import copy_backups

    return copy_backups


backups = LazyGroup(
    name="backups",
    help="List, show, copy and look after the backups of a repository.",
    entries={
        "list": Entry(
            "List the backups in REPOSITORY, a name from the inventory, the oldest first.", lambda: list_backups
        ),
        "copy": Entry("Copy the backups of one repository that another lacks.", _load_copy),
    },
)


def _show(manifests: list[Manifest], output: str) -> None:
    from runner.units import human_bytes

    if output == "json":
        for manifest in manifests:
            click.echo(json.dumps(_plain(manifest)))
        return
    rows = [
        (
            manifest.id,
            manifest.service,
            manifest.kind,
            manifest.restored_point.strftime("%Y-%m-%d %H:%M:%S"),
            human_bytes(sum(one.size for one in manifest.objects)),
            manifest.source.host,
        )
        for manifest in manifests
    ]
    click.echo("\n".join(table([HEADINGS, *rows])) if rows else "no backups")


def _plain(manifest: Manifest) -> dict[str, object]:
    return {
        "id": manifest.id,
        "service": manifest.service,
        "kind": manifest.kind,
        "restored_point": manifest.restored_point.isoformat(),
        "finished_at": manifest.finished_at.isoformat(),
        "size": sum(one.size for one in manifest.objects),
        "host": manifest.source.host,
        "playbook": manifest.made_by.playbook,
        "git_commit": manifest.made_by.git_commit,
    }


def _refuse_damaged(found: list[Catalogue]) -> None:
    """A damaged manifest is an error, but only after the good ones were shown."""
    damaged = [one for catalogue in found for one in catalogue.damaged]
    if damaged:
        raise VerificationFailed(
            f"{len(damaged)} of the manifests cannot be trusted: " + "; ".join(str(one.error) for one in damaged),
            hint="restore from another backup, or from a copy of it in another repository",
        )
