"""`sentraplay backups list`: what a repository holds, read from the repository itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from runner.cli import options
from runner.cli.repository import Opener, opens_repositories
from runner.cli.tables import table
from runner.errors import VerificationFailed

if TYPE_CHECKING:
    from runner.backup.catalogue import Catalogue
    from runner.backup.standing import Standing

HEADINGS: Final = ("BACKUP", "SERVICE", "KIND", "STATE OF (UTC)", "SIZE", "FROM", "VERIFIED", "NOTES")


@click.command("list")
@click.argument("repository")
@click.option("--service", metavar="NAME", help="Only backups of this service.")
@options.output
@opens_repositories
def list_backups(repository: str, service: str | None, output: options.Output, opener: Opener) -> None:
    """List the backups in REPOSITORY (a name from the inventory, or an address), the oldest first."""
    from runner.backup.catalogue import catalogue, services
    from runner.backup.standing import standing

    with opener.open(repository) as opened:
        found = [catalogue(opened, name) for name in ([service] if service else services(opened))]
        known = [standing(opened, manifest) for one in found for manifest in one.backups]
    _show(known, output)
    _refuse_damaged(found)


def _show(known: list[Standing], output: str) -> None:
    from runner.units import human_bytes

    if output == "json":
        for one in known:
            click.echo(json.dumps(_plain(one)))
        return
    now = datetime.now(UTC)
    rows = [
        (
            one.manifest.id,
            one.manifest.service,
            one.manifest.kind,
            one.manifest.restored_point.strftime("%Y-%m-%d %H:%M:%S"),
            human_bytes(one.manifest.size),
            one.manifest.source.host,
            verified(one, now),
            notes(one),
        )
        for one in known
    ]
    click.echo("\n".join(table([HEADINGS, *rows])) if rows else "no backups")


def verified(one: Standing, now: datetime) -> str:
    """How well a backup is proved, and how long ago: `restore, 2 h ago`, `no`, `FAILED`."""
    from runner.units import human_seconds

    if one.proof.failed is not None:
        return f"FAILED ({one.proof.failed.level})"
    if one.proof.at is None:
        return "no"
    return f"{one.proof.level}, {human_seconds(max(0.0, (now - one.proof.at).total_seconds()))} ago"


def notes(one: Standing) -> str:
    """What is particular about a backup, in words."""
    chain = one.manifest.chain
    said = [f"incremental on {chain.parents[-1]}"] if chain else []
    said += ["encrypted"] if one.manifest.encryption else []
    said += [f"held: {one.hold.reason}"] if one.hold else []
    return ", ".join(said)


def _plain(one: Standing) -> dict[str, object]:
    manifest, proof = one.manifest, one.proof
    return {
        "id": manifest.id,
        "service": manifest.service,
        "kind": manifest.kind,
        "restored_point": manifest.restored_point.isoformat(),
        "finished_at": manifest.finished_at.isoformat(),
        "size": manifest.size,
        "host": manifest.source.host,
        "playbook": manifest.made_by.playbook,
        "git_commit": manifest.made_by.git_commit,
        "parents": list(manifest.chain.parents) if manifest.chain else [],
        "encrypted": manifest.encryption is not None,
        "verified": proof.level,
        "verified_at": proof.at.isoformat() if proof.at else None,
        "verification_failed": proof.failed.error if proof.failed else None,
        "held": one.hold.reason if one.hold else None,
    }


def _refuse_damaged(found: list[Catalogue]) -> None:
    """A damaged manifest is an error, but only after the good ones were shown."""
    damaged = [one for catalogue in found for one in catalogue.damaged]
    if damaged:
        raise VerificationFailed(
            f"{len(damaged)} of the manifests cannot be trusted: " + "; ".join(str(one.error) for one in damaged),
            hint="restore from another backup, or from a copy of it in another repository",
        )
