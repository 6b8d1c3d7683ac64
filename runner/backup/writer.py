"""Making one backup: objects first, the manifest last; until then there is no backup."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

from runner.backup.catalogue import check_presence, sweep
from runner.backup.encryption import SUFFIX, described, sealing
from runner.backup.identity import check_service, manifest_key, new_id, object_key
from runner.backup.lineage import lineage
from runner.backup.manifest import BackupObject, Chain, Manifest, Provenance, Source, to_json
from runner.backup.transfer import Transferred, nobody, store
from runner.backup.watching import Moved
from runner.errors import SentraPlayError
from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Pipeline, Reader, Runnable, Script
from runner.repositories.contract import Repository

_SYSTEM: Final = Script("""
uname -n
if [ -r /etc/os-release ]; then ( . /etc/os-release; echo "$PRETTY_NAME" ); else uname -sr; fi
uname -m
{ getconf GNU_LIBC_VERSION || ldd --version 2>&1 | head -n 2 | tr '\\n' ' '; } 2>/dev/null
""")


@frozen
class Contents:
    """What a kind of backup says of itself in the manifest; see `Manifest` for the fields."""

    restored_point: datetime
    consistent: bool
    contents: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    row_counts: Mapping[str, int] | None = None
    warnings: tuple[str, ...] = ()
    chain: Chain | None = None


class BackupWriter:
    """One backup in the making; a context manager.

    Leaving the context without `commit` removes the objects stored so far. What a killed process
    could not remove, the writer of a later run of the same service does (`sweep`).
    """

    def __init__(self, repository: Repository, service: str, kind: str, made_by: Provenance) -> None:
        """`kind` is what is backed up: "database", "files", "images", "base" or "project"."""
        self._repository = repository
        self.service = check_service(service)
        self.kind = kind
        self.started_at = datetime.now(UTC)
        self.id = new_id(kind, self.started_at)
        self._made_by = made_by
        self._stored: list[Transferred] = []
        self._objects: list[BackupObject] = []
        self._sealing = False
        self._suffix = SUFFIX if repository.encryption.recipients else ""

    def __enter__(self) -> BackupWriter:
        sweep(self._repository, self.service)
        return self

    def store(
        self,
        host: Host,
        producer: Runnable,
        name: str,
        *,
        role: str,
        format: str,
        compression: str,
        stdin: bytes = b"",
        details: Mapping[str, Any] | None = None,
        progress: Moved = nobody,
    ) -> Transferred:
        """Run `producer` (compression included) on the host and store what it writes as object `name` of the backup.

        `role`, `format`, `compression` and `details` go into the manifest. It is encrypted, and its name then
        ends in `.age`, if the repository says so. Raises like `transfer.store`.
        """
        sealed = sealing(host, self._repository.encryption)
        through, reason = None, ""
        if sealed is not None:
            producer = joined(producer, sealed.members)
            through, reason = sealed.through, sealed.reason
        key = object_key(self.service, self.id, name + self._suffix)
        transferred = store(host, producer, self._repository, key, stdin=stdin, progress=progress, through=through)
        self._stored.append(replace(transferred, reason=reason or transferred.reason))
        one = transferred.stored
        self._objects.append(
            BackupObject(name + self._suffix, role, one.size, one.sha256, format, compression, details or {})
        )
        return transferred

    def detail(self, name: str, details: Mapping[str, Any]) -> None:
        """Say more about a stored object, known only after it flowed."""
        for index, one in enumerate(self._objects):
            if one.name == name + self._suffix:
                merged = {**one.details, **details}
                self._objects[index] = BackupObject(
                    one.name, one.role, one.size, one.sha256, one.format, one.compression, merged
                )

    def commit(self, reader: Reader, contents: Contents) -> Manifest:
        """Make it a backup of `reader`'s host; AlreadyExists or VerificationFailed if it cannot be one."""
        source, libc = describe(reader)
        manifest = Manifest(
            id=self.id,
            service=self.service,
            kind=self.kind,
            started_at=_to_milliseconds(self.started_at),
            finished_at=_to_milliseconds(datetime.now(UTC)),
            restored_point=_to_milliseconds(contents.restored_point),
            consistent=contents.consistent,
            source=source,
            made_by=self._made_by,
            objects=tuple(self._objects),
            versions={"libc": libc, **contents.versions},
            contents=contents.contents,
            row_counts=contents.row_counts,
            chain=contents.chain,
            encryption=described(self._repository.encryption),
            warnings=contents.warnings,
        )
        for one in lineage(self._repository, manifest)[:-1]:
            # Pruned meanwhile, perhaps: an increment on nothing is no backup.
            check_presence(self._repository, one)
        check_presence(self._repository, manifest)
        self._sealing = True
        self._repository.put_if_absent(manifest_key(self.service, self.id), to_json(manifest))
        return manifest

    @property
    def ways(self) -> tuple[Transferred, ...]:
        """How each object went, in order."""
        return tuple(self._stored)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Once the manifest was on its way it may be there, whatever was heard of it: its objects stay.
        if self._sealing:
            return
        for transferred in self._stored:
            # What cannot be removed now is no backup either, and a later run sweeps it.
            with suppress(SentraPlayError):
                self._repository.delete(transferred.stored.key)


def joined(producer: Runnable, members: tuple[Command, ...]) -> Pipeline:
    """`producer` with more members after it."""
    return Pipeline((*(producer.members if isinstance(producer, Pipeline) else (producer,)), *members))


def describe(reader: Reader) -> tuple[Source, str]:
    """Where a backup comes from, and the C library there (a physical restore must not change it)."""
    lines = [*reader.query(_SYSTEM, check=False).stdout.splitlines(), "", "", "", ""]
    return Source(reader.name, lines[0], f"{lines[1]} {lines[2]}".strip()), lines[3].strip()


def _to_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
