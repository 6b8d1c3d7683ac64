"""backup_verify: a backup is what has been restored; anything less is a hope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from time import monotonic
from typing import ClassVar, Final, Literal

from runner.backup.catalogue import LATEST, check_presence, find, stored
from runner.backup.compression import undo
from runner.backup.identity import MANIFEST, is_beside, object_key, parse_id
from runner.backup.manifest import BackupObject, Manifest
from runner.backup.summary import summary
from runner.backup.transfer import at_hand
from runner.errors import ObjectNotFound, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import CommandFailed, Pipeline, Script
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres import verification
from runner.modules.postgres.server import Server
from runner.repositories.contract import Repository

Level = Literal["quick", "full", "restore"]
Kind = Literal["database", "files", "images"]

# One line per entry, whatever its name holds; tar reads the archive to its last byte.
_LIST: Final = Script("exec tar --list --file=- --quoting-style=escape", env={"LC_ALL": "C"})
_COUNT: Final = Script("exec wc -l")


@frozen
class BackupVerifyArgs:
    service: str
    repository: str
    backup: str = LATEST
    kind: Kind = "database"
    level: Level = "restore"
    server: Server = field(default_factory=Server)
    assertions: tuple[Mapping[str, object], ...] = ()
    jobs: int = 2
    run_as: str = "postgres"


class BackupVerify:
    name: ClassVar = "backup_verify"
    Args = BackupVerifyArgs

    def preview(self, at: Reading, args: BackupVerifyArgs) -> Change:
        repository = at.repositories.get(args.repository)
        manifest = _quick(repository, args)
        return Change(False, f"would verify backup {manifest.id}", data=summary(manifest, repository))

    def apply(self, at: Acting, args: BackupVerifyArgs) -> Outcome:
        begun = monotonic()
        repository = at.repositories.get(args.repository)
        manifest = _quick(repository, args)
        proof: dict[str, object] = {}
        if args.level != "quick":
            proof = _proved(at, repository, manifest, args)
        data = {**summary(manifest, repository), **proof, "level": args.level}
        return Outcome(False, {**data, "seconds": round(monotonic() - begun, 3)})


def _quick(repository: Repository, args: BackupVerifyArgs) -> Manifest:
    """The manifest, sound, and exactly the objects it names, with their sizes."""
    identity = parse_id(args.backup)
    kind = identity.kind if identity else args.kind
    try:
        manifest = find(repository, args.service, args.backup, kind)
    except ObjectNotFound as missing:
        raise VerificationFailed(
            missing.message, where=missing.where, why="what is not there cannot be restored", hint=missing.hint
        ) from missing
    check_presence(repository, manifest)
    known = {one.name for one in manifest.objects} | {MANIFEST}
    prefix = object_key(manifest.service, manifest.id, "")
    names = [info.key.removeprefix(prefix) for info in repository.list(prefix)]
    foreign = [f"{prefix}{name}" for name in names if name not in known and not is_beside(name)]
    if foreign:
        raise VerificationFailed(
            f"backup {manifest.id} has objects its manifest does not name: {', '.join(foreign[:5])}",
            where=repository.describe(),
            why="somebody or something else writes there",
            hint="find out who, and move them away",
        )
    return manifest


def _proved(at: Acting, repository: Repository, manifest: Manifest, args: BackupVerifyArgs) -> dict[str, object]:
    if manifest.kind != "database":
        return {"entries": sum(_listed(at, repository, manifest, one) for one in manifest.objects)}
    # Of the description only what leads to programs is passed on: no address, role or password of the live server.
    programs = replace(Server(), programs=args.server.programs, compose=args.server.compose)
    if args.level == "full":
        verification.decoded(at, repository, manifest, programs, args.run_as)
        return {}
    return verification.restored(at, repository, manifest, programs, args.assertions, args.jobs, args.run_as)


def _listed(at: Acting, repository: Repository, manifest: Manifest, one: BackupObject) -> int:
    """How many entries an archive holds, all of it read; VerificationFailed if that is not what was counted."""
    expected = stored(manifest, one)
    with at_hand(
        repository, expected, at.host, progress=lambda done, total: at.progress(one.name, done, total)
    ) as path:
        source = Script('exec cat <"$1"', (path,))
        try:
            listing = Pipeline((source, *undo(at.host, one.compression), _LIST, _COUNT))
            entries = int(at.host.query(listing).stdout)
        except CommandFailed as failed:
            raise VerificationFailed(
                f"{one.name} of backup {manifest.id} cannot be decoded: {failed.result.stderr.strip()[-300:]}",
                where=at.host.name,
                hint="restore from another backup",
            ) from failed
    recorded = one.details.get("entries", entries)
    if entries != recorded:
        raise VerificationFailed(
            f"{one.name} of backup {manifest.id} holds {entries} entries instead of {recorded}",
            where=at.host.name,
            why="the backup does not hold what was there when it was made",
            hint="restore from another backup",
        )
    return entries
