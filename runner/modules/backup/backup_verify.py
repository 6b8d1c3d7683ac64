"""backup_verify: a backup is what has been restored; anything less is a hope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import ClassVar, Final, Literal

from runner.backup.catalogue import LATEST, find
from runner.backup.checking import COUNT, LIST, check_entries, check_opens, check_whole, undecodable
from runner.backup.encryption import readable
from runner.backup.identity import parse_id
from runner.backup.increments import archives
from runner.backup.lineage import lineage
from runner.backup.manifest import BackupObject, Manifest
from runner.backup.summary import summary
from runner.backup.verifications import Level, Verification, record
from runner.backup.wal.base import KIND
from runner.errors import ObjectNotFound, SentraPlayError, UsageError, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import CommandFailed, Host, Pipeline
from runner.modules.backup.project_backup import CONTROLLER
from runner.modules.backup.project_backup import KIND as PROJECT
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres import verification
from runner.modules.postgres.pgbackrest import recovering as backrest
from runner.modules.postgres.pgbackrest.choosing import candidates, choose
from runner.modules.postgres.pgbackrest.configuration import Engine, Stanza, stanza
from runner.modules.postgres.pgbackrest.info import info
from runner.modules.postgres.pgbackrest.telling import tell
from runner.modules.postgres.physical import proving
from runner.modules.postgres.physical.target import target_of
from runner.modules.postgres.server import Server
from runner.repositories.contract import Repository

Kind = Literal["database", "files", "images", "base", "project"]

# What of a result is worth keeping for years: counts, not every table's.
_RECORDED: Final = ("entries", "rows", "segments")
_RESTORED: Final = ("database", KIND)


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
    database: str = "postgres"
    record: bool = True
    engine: Engine = "sentraplay"
    pgbackrest: Mapping[str, object] = field(default_factory=dict)


class BackupVerify:
    name: ClassVar = "backup_verify"
    Args = BackupVerifyArgs

    def preview(self, at: Reading, args: BackupVerifyArgs) -> Change:
        repository = at.repositories.get(args.repository)
        if args.engine == "pgbackrest":
            newest = candidates(info(at.host, _stanza(at, args)), _stanza(at, args), args.backup)[-1]
            return Change(False, f"would verify backup {newest.id}", data=newest.to_plain())
        manifest = _found(repository, args)
        for one in lineage(repository, manifest):
            check_whole(repository, one)
        return Change(False, f"would verify backup {manifest.id}", data=summary(manifest, repository))

    def apply(self, at: Acting, args: BackupVerifyArgs) -> Outcome:
        begun = monotonic()
        repository = at.repositories.get(args.repository)
        if args.engine == "pgbackrest":
            return Outcome(False, {**_by_pgbackrest(at, args, repository), "seconds": round(monotonic() - begun, 3)})
        manifest = _found(repository, args)
        try:
            chain = lineage(repository, manifest)
            for one in chain:
                check_whole(repository, one)
                check_opens(repository, one)
            proof = _proved(at, repository, chain, args) if args.level != "quick" else {}
        except VerificationFailed as error:
            _record(at, repository, manifest, args, monotonic() - begun, error=str(error))
            raise
        _record(at, repository, manifest, args, monotonic() - begun, details=proof)
        data = {**summary(manifest, repository), **proof, "level": args.level}
        return Outcome(False, {**data, "seconds": round(monotonic() - begun, 3)})


def _by_pgbackrest(at: Acting, args: BackupVerifyArgs, repository: Repository) -> dict[str, object]:
    stanza, begun = _stanza(at, args), monotonic()
    try:
        found = _proved_by_pgbackrest(at, args, stanza)
    except VerificationFailed as failed:
        if args.record:
            backup = "" if args.backup == LATEST else args.backup
            took = monotonic() - begun
            tell(at, repository, stanza, args.level, backup=backup, seconds=took, error=str(failed))
        raise
    if args.record:
        tell(at, repository, stanza, args.level, backup=str(found["backup_id"]), seconds=monotonic() - begun)
    return found


def _proved_by_pgbackrest(at: Acting, args: BackupVerifyArgs, stanza: Stanza) -> dict[str, object]:
    """The whole repository at `full` and above, the backup itself recovered to its own end at `restore`."""
    with _must_be_there():
        chosen = choose(at.host, stanza, args.backup, target_of({}, "immediate", True, None))
    if args.level != "quick":
        backrest.verify(at, stanza, args.run_as)
    programs = replace(Server(), programs=args.server.programs, user=args.server.user)
    asked = (programs, args.run_as, args.database, args.assertions)
    proof = backrest.recovered(at, stanza, chosen, *asked) if args.level == "restore" else {}
    return {**chosen.backup.to_plain(), **proof, "level": args.level}


def _stanza(at: Reading, args: BackupVerifyArgs) -> Stanza:
    if args.kind != KIND:
        raise UsageError("engine: pgbackrest makes base backups alone", hint=f"give `kind: {KIND}`")
    if args.server.compose is not None:
        raise UsageError(
            "engine: pgbackrest works on a host's own servers alone",
            hint="leave `engine` out for a compose service: SentraPlay's own goes into containers",
        )
    return stanza(at.repositories.get(args.repository), args.service, at.host.name, args.pgbackrest)


def _found(repository: Repository, args: BackupVerifyArgs) -> Manifest:
    """The backup's manifest, sound."""
    identity = parse_id(args.backup)
    kind = identity.kind if identity else args.kind
    with _must_be_there():
        return find(repository, args.service, args.backup, kind)


@contextmanager
def _must_be_there() -> Iterator[None]:
    try:
        yield
    except ObjectNotFound as missing:
        raise VerificationFailed(
            missing.message, where=missing.where, why="what is not there cannot be restored", hint=missing.hint
        ) from missing


def _record(
    at: Acting,
    repository: Repository,
    manifest: Manifest,
    args: BackupVerifyArgs,
    took: float,
    *,
    error: str | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Keep the result beside the manifest; that it cannot be kept does not change what was found, and is said."""
    if not args.record:
        return
    found = {name: value for name, value in (details or {}).items() if name in _RECORDED}
    # Of files and images there is no server to restore into: they were decoded to the last byte.
    level: Level = "full" if args.level == "restore" and manifest.kind not in _RESTORED else args.level
    result = Verification(manifest.id, level, datetime.now(UTC), took, error, at.run.id, found)
    try:
        record(repository, manifest, result)
    except SentraPlayError as trouble:
        at.warn(f"the result could not be kept beside backup {manifest.id}: {trouble}", "record: false does not try")


def _proved(at: Acting, repository: Repository, chain: Sequence[Manifest], args: BackupVerifyArgs) -> dict[str, object]:
    """All that a restore would read is read; `chain` ends with the backup itself."""
    manifest = chain[-1]
    # Of the description only what leads to programs is passed on: no address, role or password of the live server.
    programs = replace(Server(), programs=args.server.programs, compose=args.server.compose)
    if manifest.kind == KIND:
        return _base_proved(at, repository, chain, args, replace(programs, user=args.server.user))
    if manifest.kind != "database":
        # Only the controller may read what belongs to it: the keys to everything are among it.
        host = at.host_named(CONTROLLER) if manifest.kind == PROJECT else at.host
        return {"entries": sum(_listed(at, host, repository, one, part) for one in chain for part in archives(one))}
    if args.level == "full":
        verification.decoded(at, repository, manifest, programs, args.run_as)
        return {}
    return verification.restored(at, repository, manifest, programs, args.assertions, args.jobs, args.run_as)


def _base_proved(
    at: Acting, repository: Repository, chain: Sequence[Manifest], args: BackupVerifyArgs, server: Server
) -> dict[str, object]:
    if args.level == "restore":
        return proving.recovered(at, repository, chain[-1], server, args.run_as, args.database, args.assertions)
    parts = [(one, part) for one in chain for part in archives(one)]
    for one, part in parts:
        if part.format != "tar":
            _read(at, repository, one, part)
    entries = sum(_listed(at, at.host, repository, one, part) for one, part in parts if part.format == "tar")
    return {"entries": entries, "segments": proving.wal_read(at, repository, chain[-1])}


def _read(at: Acting, repository: Repository, manifest: Manifest, one: BackupObject) -> None:
    with readable(repository, manifest, one, at.host) as opening:
        try:
            at.host.query(Pipeline((*opening.members, COUNT)), stdin=opening.stdin)
        except CommandFailed as failed:
            raise undecodable(manifest, one, failed, at.host.name) from failed


def _listed(at: Acting, host: Host, repository: Repository, manifest: Manifest, one: BackupObject) -> int:
    """How many entries an archive holds, all of it read; VerificationFailed if that is not what was counted."""
    with readable(
        repository, manifest, one, host, progress=lambda done, total: at.progress(one.name, done, total)
    ) as opening:
        try:
            listing = Pipeline((*opening.members, LIST, COUNT))
            entries = int(host.query(listing, stdin=opening.stdin).stdout)
        except CommandFailed as failed:
            raise undecodable(manifest, one, failed, host.name) from failed
    check_entries(manifest, one, entries, host.name)
    return entries
