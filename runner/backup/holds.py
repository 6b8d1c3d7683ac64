"""A hold: this backup is not to be deleted, whatever the retention says, until somebody releases it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from runner.backup.identity import HOLD, object_key
from runner.errors import ObjectNotFound
from runner.frozen import frozen
from runner.repositories.contract import Locking, Repository

_LARGEST: Final = 64 * 1024


@frozen
class Hold:
    """Why, by whom, since when (UTC)."""

    reason: str
    by: str
    at: datetime


def hold(repository: Repository, service: str, backup_id: str, reason: str, by: str) -> bool:
    """Hold a backup; False if it is held already (the older reason stays).

    Where the store itself can hold objects, each of them is held there too, so that no other program deletes it.
    """
    new = held(repository, service, backup_id) is None
    if new:
        _write(repository, service, backup_id, {"reason": reason, "by": by, "at": _now()})
    _in_store(repository, service, backup_id, held=True)
    return new


def release(repository: Repository, service: str, backup_id: str) -> bool:
    """Let a backup go; False if it was not held.

    The hold is written over, not deleted: where objects are locked, deleting it would be refused.
    """
    there = held(repository, service, backup_id) is not None
    _in_store(repository, service, backup_id, held=False)
    if there:
        _write(repository, service, backup_id, {"released": _now()})
    return there


def held(repository: Repository, service: str, backup_id: str) -> Hold | None:
    """The hold a backup is under; None if it is under none. A hold that cannot be read still holds."""
    try:
        with repository.get(object_key(service, backup_id, HOLD)) as source:
            data = source.read(_LARGEST)
    except ObjectNotFound:
        return None
    try:
        plain = json.loads(data)
        if "released" in plain:
            return None
        return Hold(str(plain["reason"]), str(plain["by"]), datetime.fromisoformat(plain["at"]).astimezone(UTC))
    except (ValueError, KeyError, TypeError):
        return Hold("the hold's own text is damaged", "", datetime.fromtimestamp(0, UTC))


def _write(repository: Repository, service: str, backup_id: str, plain: Mapping[str, str]) -> None:
    data = (json.dumps(plain, indent=2) + "\n").encode()
    repository.put(object_key(service, backup_id, HOLD), io.BytesIO(data))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _in_store(repository: Repository, service: str, backup_id: str, *, held: bool) -> None:
    if isinstance(repository, Locking):
        for info in list(repository.list(object_key(service, backup_id, ""))):
            repository.hold(info.key, held)
