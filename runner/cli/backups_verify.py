"""`sentraplay backups verify`: is what the manifests say in the repository, and is it whole?"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import click

from runner.cli.choosing import chosen, nothing_there
from runner.cli.repository import Opener, opens_repositories
from runner.errors import SentraPlayError, VerificationFailed

if TYPE_CHECKING:
    from runner.backup.verifications import Level
    from runner.backup.wal.archive import WalArchive
    from runner.hosts.contract import Host
    from runner.repositories.contract import Repository


@click.command("verify")
@click.argument("repository")
@click.argument("backup", nargs=-1)
@click.option("--service", metavar="NAME", help="Only backups of this service.")
@click.option(
    "--level",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="quick looks at manifests and sizes; full reads and decodes every byte.",
)
@click.option("--wal", is_flag=True, help="The WAL too, every timeline: is any missing? full reads every file.")
@click.option("--record/--no-record", default=True, show_default=True, help="Keep the results beside the manifests.")
@opens_repositories
def verify_backups(
    repository: str, backup: tuple[str, ...], service: str | None, level: Level, wal: bool, record: bool, opener: Opener
) -> None:
    """Verify every backup of REPOSITORY, or the BACKUPs named, and what each builds on.

    No host is touched. Restoring into a disposable server is the module backup_verify's.
    """
    from contextlib import closing

    from runner.backup.wal.gaps import may_be_cut
    from runner.hosts.local import open_local

    failed: list[str] = []
    with opener.open(repository) as opened, closing(open_local()) as controller:
        names = chosen(opened, backup, service)
        for owner, backup_id in names:
            error = _verify(opened, controller, owner, backup_id, level, keep=record)
            click.echo(f"{owner}/{backup_id}: {error or 'good'}")
            failed += [backup_id] if error else []
        archives = _archives(opened, service) if wal else []
        for archive in archives:
            error, told = _verify_wal(archive, controller, level, pruned=may_be_cut(opener.retention(repository)))
            name = f"{archive.service}/wal/{archive.system_identifier}"
            click.echo(f"{name}: {error or told}")
            failed += [name] if error else []
    if not names and not archives:
        raise nothing_there(opened, service)
    if wal and not archives:
        click.echo("no WAL")
    if failed:
        raise VerificationFailed(
            f"{len(failed)} of {len(names) + len(archives)} backups are not what they must be: {', '.join(failed)}",
            where=opened.describe(),
            hint="restore from another backup, or from a copy of it in another repository",
        )


def _verify(opened: Repository, controller: Host, service: str, backup_id: str, level: Level, *, keep: bool) -> str:
    """What is wrong with a backup; "" if nothing is."""
    from datetime import UTC, datetime

    from runner.backup.catalogue import read
    from runner.backup.checking import check_opens, check_sound, check_whole
    from runner.backup.lineage import lineage
    from runner.backup.verifications import Verification, record

    begun, error = monotonic(), ""
    try:
        manifest = read(opened, service, backup_id)
    except VerificationFailed as damaged:
        return str(damaged)
    try:
        for one in lineage(opened, manifest):
            check_whole(opened, one)
            check_opens(opened, one)
            if level == "full":
                check_sound(opened, one, controller, lambda name, done, total: None)
    except VerificationFailed as wrong:
        error = str(wrong)
    if keep:
        result = Verification(manifest.id, level, datetime.now(UTC), monotonic() - begun, error or None)
        try:
            record(opened, manifest, result)
        except SentraPlayError as trouble:
            click.echo(f"the result could not be kept beside {manifest.id}: {trouble}", err=True)
    return error


def _archives(opened: Repository, service: str | None) -> list[WalArchive]:
    """The WAL of every cluster."""
    from runner.backup.catalogue import services
    from runner.backup.wal.archive import WalArchive, archived

    names = [service] if service else services(opened)
    return [WalArchive(opened, name, system) for name in names for system in archived(opened, name)]


def _verify_wal(archive: WalArchive, controller: Host, level: Level, *, pruned: bool) -> tuple[str, str]:
    """What is wrong with a cluster's WAL, "" if nothing is; and what there is of it."""
    from runner.backup.wal.fetching import prove_all
    from runner.backup.wal.gaps import base_backups, check_timelines

    try:
        files = archive.files()
        bases = base_backups(archive)
        count = check_timelines(files, archive.describe(), bases, pruned=pruned)
        if level == "full":
            prove_all(archive, [one for ones in files.values() for one in ones], controller)
    except VerificationFailed as wrong:
        return str(wrong), ""
    return "", f"good, {sum(map(len, files.values()))} files, timelines {', '.join(map(str, count))}"
