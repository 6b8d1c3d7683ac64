"""`sentraplay backups show`: everything a repository knows of one backup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from runner.cli import options
from runner.cli.choosing import one_backup
from runner.cli.repository import Opener, opens_repositories

if TYPE_CHECKING:
    from runner.backup.manifest import Manifest
    from runner.backup.standing import Standing


@click.command("show")
@click.argument("repository")
@click.argument("backup")
@options.output
@opens_repositories
def show_backup(repository: str, backup: str, output: options.Output, opener: Opener) -> None:
    """Show BACKUP of REPOSITORY: its manifest, results of verifications, holds."""
    from runner.backup.catalogue import raw
    from runner.backup.standing import standing

    with opener.open(repository) as opened:
        manifest = one_backup(opened, backup)
        known = standing(opened, manifest)
        plain: dict[str, Any] = json.loads(raw(opened, manifest.service, manifest.id))
        where = opened.describe()
    if output == "json":
        click.echo(json.dumps({"manifest": plain, **_beside(known)}))
    else:
        click.echo("\n".join(_lines(known, where)))


def _beside(known: Standing) -> dict[str, Any]:
    return {
        "verifications": [
            {"level": one.level, "at": one.at.isoformat(), "seconds": one.seconds, "ok": one.ok, "error": one.error}
            for one in known.results
        ],
        "hold": {"reason": known.hold.reason, "by": known.hold.by, "at": known.hold.at.isoformat()}
        if known.hold
        else None,
        "locked_until": known.lock.until.isoformat() if known.lock.until else None,
    }


def _lines(known: Standing, where: str) -> Iterator[str]:
    from runner.units import human_seconds

    manifest = known.manifest
    took = (manifest.finished_at - manifest.started_at).total_seconds()
    yield f"{manifest.service}/{manifest.id} in {where}"
    yield f"  kind          {manifest.kind}"
    yield f"  state of      {manifest.restored_point:%Y-%m-%d %H:%M:%S} UTC" + (
        "" if manifest.consistent else ", read over a while"
    )
    yield f"  made          {manifest.started_at:%Y-%m-%d %H:%M:%S} UTC, in {human_seconds(took)}"
    yield f"  from          {manifest.source.host} ({manifest.source.hostname}, {manifest.source.system})"
    commit = f", commit {manifest.made_by.git_commit[:12]}" if manifest.made_by.git_commit else ""
    yield f"  by            {manifest.made_by.playbook}, run {manifest.made_by.run}{commit}"
    yield from _contents(manifest)
    yield from _proofs(known)


def _contents(manifest: Manifest) -> Iterator[str]:
    from runner.units import human_bytes

    for name, value in manifest.versions.items():
        yield f"  version       {name}: {value}"
    for parent in manifest.chain.parents if manifest.chain else ():
        yield f"  builds on     {parent}"
    for recipient in manifest.encryption.recipients if manifest.encryption else ():
        yield f"  encrypted for {recipient}"
    yield f"  objects       {len(manifest.objects)}, {human_bytes(manifest.size)}"
    for one in manifest.objects:
        yield f"    {one.name}  {human_bytes(one.size)}  sha256 {one.sha256}"
    if manifest.row_counts is not None:
        yield f"  rows          {sum(manifest.row_counts.values())} in {len(manifest.row_counts)} tables"
    for warning in manifest.warnings:
        yield f"  warning       {warning}"


def _proofs(known: Standing) -> Iterator[str]:
    from runner.units import human_seconds

    for result in known.results:
        end = "good" if result.ok else f"FAILED: {result.error}"
        took_text = human_seconds(result.seconds)
        yield f"  verified      {result.level}, {result.at:%Y-%m-%d %H:%M:%S} UTC, in {took_text}: {end}"
    if not known.results:
        yield "  verified      never"
    if known.hold:
        yield f"  held          {known.hold.reason} ({known.hold.by}, {known.hold.at:%Y-%m-%d %H:%M} UTC)"
    if known.lock.until:
        yield f"  locked until  {known.lock.until:%Y-%m-%d %H:%M} UTC by the store"
