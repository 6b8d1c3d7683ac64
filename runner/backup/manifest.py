"""The manifest: what makes a heap of objects a backup, and all that is needed to restore it.

It is JSON for people and programs, described by schemas/manifest.json. It holds its own sha256 and
is accepted only byte for byte as it was written, so that no damage of it goes unseen.
A new field means a new format number; readers of old formats stay. Format 2 added `chain` and
`encryption`, which format 1 kept empty.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field, fields
from datetime import UTC, datetime
from typing import Any, Final

from runner.backup.identity import parse_id
from runner.document import Document
from runner.errors import VerificationFailed
from runner.frozen import frozen
from runner.schema import problems

FORMAT: Final = 2
READABLE: Final = (1, 2)
_NO_HASH: Final = "0" * 64


@frozen
class BackupObject:
    """One stored object. `size` is in bytes, of what is stored; `role` says what it is for.

    `format` names what is inside once decompressed (`tar`, `pg_dump custom`, `sql`); `details` belong to the kind.
    """

    name: str
    role: str
    size: int
    sha256: str
    format: str
    compression: str
    details: Mapping[str, Any] = field(default_factory=dict)


@frozen
class Source:
    """Where a backup comes from: the host's inventory name, its own name, its operating system."""

    host: str
    hostname: str
    system: str


@frozen
class Provenance:
    """Who made it: the run, its playbook and the commit that playbook was at, the version of SentraPlay."""

    run: str
    playbook: str
    git_commit: str
    sentraplay: str


@frozen
class Chain:
    """What an incremental backup builds on: ids of backups of the same service and kind, the base first.

    A restore needs every one of `parents`, in that order, before the backup itself; the last of them
    is the one it was compared with.
    """

    parents: tuple[str, ...]

    @property
    def base(self) -> str:
        """The whole backup everything stands on."""
        return self.parents[0]


@frozen
class Encryption:
    """How every object is encrypted: the `method` ("age") and for whom (public recipients, never an identity)."""

    method: str
    recipients: tuple[str, ...]


@frozen
class Manifest:
    """One backup. Times are UTC.

    `restored_point` is the moment a restore brings back: everything written before it is in the backup.
    `consistent` says whether all of it is of that one moment (a dump's snapshot) or was read over a
    while and may hold later writes too (live files).
    `versions` holds what a restore must compare: server, libc, programs, image digests.
    `contents` belongs to the kind; `row_counts` (`schema.table` -> rows) is None where there are no tables.
    `chain` is None for a whole backup, `encryption` where the objects are not encrypted; `size` and
    `sha256` of an object are always those of the bytes as stored.
    """

    id: str
    service: str
    kind: str
    started_at: datetime
    finished_at: datetime
    restored_point: datetime
    consistent: bool
    source: Source
    made_by: Provenance
    objects: tuple[BackupObject, ...]
    versions: Mapping[str, Any] = field(default_factory=dict)
    contents: Mapping[str, Any] = field(default_factory=dict)
    row_counts: Mapping[str, int] | None = None
    chain: Chain | None = None
    encryption: Encryption | None = None
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(one.size for one in self.objects)

    def object(self, role: str) -> BackupObject:
        """The one object of that role; VerificationFailed if there is none."""
        for one in self.objects:
            if one.role == role:
                return one
        raise VerificationFailed(
            message=f"backup {self.id} of {self.service} has no {role}",
            hint="was it made by another kind of step? see its manifest",
        )


def to_json(manifest: Manifest) -> bytes:
    """The manifest as it is stored."""
    plain = {
        "format": FORMAT,
        "id": manifest.id,
        "service": manifest.service,
        "kind": manifest.kind,
        "started_at": _time_text(manifest.started_at),
        "finished_at": _time_text(manifest.finished_at),
        "restored_point": _time_text(manifest.restored_point),
        "consistent": manifest.consistent,
        "source": _fields(manifest.source),
        "made_by": _fields(manifest.made_by),
        "versions": dict(manifest.versions),
        "objects": [_fields(one) for one in manifest.objects],
        "contents": dict(manifest.contents),
        "row_counts": None if manifest.row_counts is None else dict(manifest.row_counts),
        "chain": manifest.chain and {"parents": list(manifest.chain.parents)},
        "encryption": manifest.encryption and _encryption_fields(manifest.encryption),
        "warnings": list(manifest.warnings),
        "sha256": _NO_HASH,
    }
    return _sealed(plain)


def from_json(data: bytes, where: str) -> Manifest:
    """The manifest read from `where`; VerificationFailed if one bit is not as it was written."""
    plain = _parse(data, where)
    if plain.get("format") not in READABLE:
        raise VerificationFailed(
            message=f"the manifest has format {plain.get('format')!r}, this SentraPlay reads formats up to {FORMAT}",
            where=where,
            hint="use the version of SentraPlay that made the backup, or a newer one",
        )
    if data != _sealed(plain):
        raise _damaged(where, "its content does not match its own sha256")
    wrong = problems("manifest.json", Document(plain, {}, {}, where))
    if wrong:
        raise _damaged(where, "; ".join(problem.message for problem in wrong))
    try:
        return _manifest(plain)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(where, f"{type(error).__name__}: {error}") from error


def _parse(data: bytes, where: str) -> dict[str, Any]:
    try:
        plain = json.loads(data.decode())
    except ValueError as error:
        raise _damaged(where, str(error)) from error
    if not isinstance(plain, dict):
        raise _damaged(where, "it is not a mapping")
    return plain


def _sealed(plain: Mapping[str, Any]) -> bytes:
    blank = _text({**plain, "sha256": _NO_HASH})
    return _text({**plain, "sha256": hashlib.sha256(blank).hexdigest()})


def _text(plain: Mapping[str, Any]) -> bytes:
    # Names of files may hold bytes that are no UTF-8; escaped, every name survives.
    return (json.dumps(plain, indent=2, ensure_ascii=True) + "\n").encode()


def _manifest(plain: Mapping[str, Any]) -> Manifest:
    if parse_id(plain["id"]) is None:
        raise ValueError(f"{plain['id']!r} is not the id of a backup")
    return Manifest(
        id=plain["id"],
        service=plain["service"],
        kind=plain["kind"],
        started_at=_time(plain["started_at"]),
        finished_at=_time(plain["finished_at"]),
        restored_point=_time(plain["restored_point"]),
        consistent=plain["consistent"],
        source=Source(**plain["source"]),
        made_by=Provenance(**plain["made_by"]),
        objects=tuple(BackupObject(**one) for one in plain["objects"]),
        versions=plain["versions"],
        contents=plain["contents"],
        row_counts=plain["row_counts"],
        chain=plain["chain"] and Chain(tuple(plain["chain"]["parents"])),
        encryption=plain["encryption"]
        and Encryption(plain["encryption"]["method"], tuple(plain["encryption"]["recipients"])),
        warnings=tuple(plain["warnings"]),
    )


def _fields(part: BackupObject | Source | Provenance) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _encryption_fields(encryption: Encryption) -> dict[str, Any]:
    return {"method": encryption.method, "recipients": list(encryption.recipients)}


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _damaged(where: str, why: str) -> VerificationFailed:
    return VerificationFailed(
        message="the manifest is damaged",
        where=where,
        why=why,
        hint="restore from another backup, or from a copy of this one in another repository",
    )
