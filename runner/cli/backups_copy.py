"""`sentraplay backups copy`: the backups one repository has and another lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from runner.cli.choosing import nothing_there
from runner.cli.repository import Opener, opens_repositories
from runner.errors import UsageError, VerificationFailed

if TYPE_CHECKING:
    from runner.backup.manifest import Manifest
    from runner.repositories.contract import Repository


@click.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("backup", nargs=-1)
@click.option("--service", metavar="NAME", help="Only backups of this service.")
@opens_repositories
def copy_backups(source: str, target: str, backup: tuple[str, ...], service: str | None, opener: Opener) -> None:
    """Copy every backup TO lacks from FROM, or the BACKUPs named and what they build on.

    Every object is read back in TO before the manifest makes it a backup there. With all of them goes the WAL that
    leads on from TO's base backups, of which a BACKUP named brings only what it needs itself.
    """
    with opener.open(source) as opened, opener.open(target) as other:
        chosen, refused = _chosen(opened, service, backup)
        _copy(opened, other, chosen, refused)
        brought = 0 if backup else _copy_wal(opened, other, service, opener.retention(target))
        if refused:
            raise _not_all(refused, other)
        if not chosen and not brought:
            raise nothing_there(opened, service)


def _copy(source: Repository, target: Repository, chosen: list[Manifest], refused: list[VerificationFailed]) -> None:
    """Every one that can be copied is; `refused` takes in why others were not."""
    from runner.backup.copying import copy

    for manifest in chosen:
        try:
            copied = copy(source, target, manifest)
        except VerificationFailed as error:
            refused.append(error)
            continue
        click.echo(f"{manifest.service}/{manifest.id}: {'copied' if copied else 'is there already'}")


def _copy_wal(source: Repository, target: Repository, service: str | None, retention: Mapping[str, object]) -> int:
    """The number of files brought."""
    from datetime import UTC, datetime

    from runner.backup.catalogue import services
    from runner.backup.following import follow, lacking

    brought = 0
    for name in [service] if service else services(target):
        if files := lacking(source, target, name, retention, datetime.now(UTC)):
            follow(source, target, files)
            click.echo(f"{name}/wal: {len(files)} file{'s' if len(files) > 1 else ''} copied, to {files[-1].name}")
            brought += len(files)
    return brought


def _not_all(refused: list[VerificationFailed], target: Repository) -> VerificationFailed:
    return VerificationFailed(
        f"{len(refused)} of the backups could not be copied: " + "; ".join(str(error) for error in refused),
        where=target.describe(),
        why="what is not sound in one repository must not look sound in two",
        hint="verify them (sentraplay backups verify); the others are copied",
    )


def _chosen(
    source: Repository, service: str | None, wanted: tuple[str, ...]
) -> tuple[list[Manifest], list[VerificationFailed]]:
    """The backups to copy, those they build on first, and why others cannot be."""
    from runner.backup.catalogue import catalogue, services
    from runner.backup.lineage import lineage

    catalogues = [catalogue(source, name) for name in ([service] if service else services(source))]
    known = [manifest for one in catalogues for manifest in one.backups]
    damaged = [one for found in catalogues for one in found.damaged]
    missing = set(wanted) - {manifest.id for manifest in known} - {one.id for one in damaged}
    if missing:
        raise UsageError(
            f"{source.name} has no backup {', '.join(sorted(missing))}",
            where=source.describe(),
            hint=f"sentraplay backups list {source.name} shows what it has",
        )
    refused = [one.error for one in damaged if not wanted or one.id in wanted]
    chosen: dict[tuple[str, str], Manifest] = {}
    for manifest in known:
        if wanted and manifest.id not in wanted:
            continue
        try:
            chosen |= {(one.service, one.id): one for one in lineage(source, manifest)}
        except VerificationFailed as error:
            refused.append(error)
    return list(chosen.values()), refused
