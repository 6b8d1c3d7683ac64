"""What verifying a backup found, kept beside its manifest without touching it.

Each result is an object of its own, `<service>/<id>/verifications/<time>-<level>.json`, so that two
who verify at once overwrite nothing, and a failed verification is remembered like a good one.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from runner.backup.identity import VERIFICATIONS, object_key
from runner.backup.manifest import Manifest
from runner.frozen import frozen
from runner.repositories.contract import Repository

Level = Literal["quick", "full", "restore"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

FORMAT: Final = 1
_LARGEST: Final = 1024 * 1024
_NAME: Final = re.compile(r"(\d{8}T\d{9}Z)-(quick|full|restore)-[0-9a-f]{6}\.json")
_STAMP: Final = "%Y%m%dT%H%M%S"


@frozen
class Verification:
    """One result. `at` is when it ended (UTC), `seconds` how long it took; `error` is None if all was well.

    `level`: quick (manifest, presence, sizes), full (every byte hashed and decoded), restore (restored and compared).
    """

    backup: str
    level: Level
    at: datetime
    seconds: float
    error: str | None = None
    run: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.error is None


@frozen
class Proof:
    """What is known of a backup by its verifications: the last good one of each level, and the last failure.

    A failure counts until a later verification of that level or a higher one was good.
    """

    good: Mapping[Level, datetime] = field(default_factory=dict)
    failed: Verification | None = None

    @property
    def level(self) -> Level | None:
        """The highest level at which it was good and after which nothing was found wrong; None if never."""
        if self.failed is not None:
            return None
        return next((level for level in reversed(LEVELS) if level in self.good), None)

    @property
    def at(self) -> datetime | None:
        """When it was good at that level last."""
        level = self.level
        return self.good[level] if level else None


def record(repository: Repository, manifest: Manifest, result: Verification) -> None:
    """Keep a result; RepositoryError if it cannot be stored."""
    moment = result.at.astimezone(UTC)
    stamp = f"{moment.strftime(_STAMP)}{moment.microsecond // 1000:03}Z"
    name = f"{VERIFICATIONS}{stamp}-{result.level}-{secrets.token_hex(3)}.json"
    repository.put_if_absent(object_key(manifest.service, manifest.id, name), _to_json(result))


def verifications(repository: Repository, service: str, backup_id: str) -> tuple[Verification, ...]:
    """Every result of a backup, oldest first. What is no sound result is left out: it proves nothing."""
    prefix = object_key(service, backup_id, VERIFICATIONS)
    found = []
    for info in repository.list(prefix):
        if _NAME.fullmatch(info.key.removeprefix(prefix)):
            with repository.get(info.key) as source:
                result = _from_json(source.read(_LARGEST))
            if result is not None and result.backup == backup_id:
                found.append(result)
    return tuple(sorted(found, key=lambda one: one.at))


def proof(results: Sequence[Verification]) -> Proof:
    """What results, oldest first, say together."""
    good: dict[Level, datetime] = {}
    failed: Verification | None = None
    for one in results:
        if not one.ok:
            failed = one
            continue
        good[one.level] = one.at
        if failed is not None and LEVELS.index(one.level) >= LEVELS.index(failed.level):
            failed = None
    return Proof(good, failed)


def _to_json(result: Verification) -> bytes:
    plain = {
        "format": FORMAT,
        "backup": result.backup,
        "level": result.level,
        "at": result.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round(result.seconds, 3),
        "ok": result.ok,
        "error": result.error,
        "run": result.run,
        "details": dict(result.details),
    }
    return (json.dumps(plain, indent=2, default=str) + "\n").encode()


def _from_json(data: bytes) -> Verification | None:
    try:
        plain = json.loads(data)
        known = plain["format"] == FORMAT and plain["level"] in LEVELS and plain["ok"] is (plain["error"] is None)
        if not known:
            return None
        return Verification(
            backup=plain["backup"],
            level=plain["level"],
            at=datetime.fromisoformat(plain["at"]).astimezone(UTC),
            seconds=float(plain["seconds"]),
            error=plain["error"],
            run=plain["run"],
            details=plain["details"],
        )
    except (ValueError, KeyError, TypeError):
        return None
