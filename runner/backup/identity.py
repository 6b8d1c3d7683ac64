"""What a backup is called: `20261123T025822Z-files-7a120c4f09c1`, in UTC.

Backups of one kind sort by time: twelve hexadecimal digits follow, five for the microsecond it
began at and seven at random. Ids of before had six random ones alone and are still read.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen

MANIFEST: Final = "manifest.json"
HOLD: Final = "hold.json"
VERIFICATIONS: Final = "verifications/"
_ID: Final = re.compile(r"(\d{8}T\d{6}Z)-([a-z]{1,20})-(?:[0-9a-f]{6}|([0-9a-f]{5})[0-9a-f]{7})")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_SERVICE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@frozen
class Identity:
    """The parts of a backup's id."""

    started_at: datetime
    kind: str


def new_id(kind: str, now: datetime) -> str:
    """An id nobody else has, for a backup of `kind` begun `now`."""
    moment = now.astimezone(UTC)
    return f"{moment.strftime(_STAMP)}-{kind}-{moment.microsecond:05x}{secrets.token_hex(4)[:7]}"


def parse_id(text: str) -> Identity | None:
    """The parts of an id; None if `text` is not one."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    try:
        started = datetime.strptime(match[1], _STAMP).replace(microsecond=int(match[3] or "0", 16), tzinfo=UTC)
    except ValueError:
        return None
    return Identity(started, match[2])


def check_service(service: str) -> str:
    """`service` itself; TaskFailed if it cannot be part of a key."""
    if _SERVICE.fullmatch(service):
        return service
    raise TaskFailed(
        message=f"{service!r} cannot be the name of a service",
        hint="use letters, digits, dots, dashes and underscores, beginning with a letter or digit",
    )


def object_key(service: str, backup_id: str, name: str) -> str:
    """Where an object of a backup is in its repository."""
    return f"{check_service(service)}/{backup_id}/{name}"


def is_beside(name: str) -> bool:
    """Whether an object of a backup is one that comes after its manifest, which does not name it."""
    return name == HOLD or name.startswith(VERIFICATIONS)


def manifest_key(service: str, backup_id: str) -> str:
    return object_key(service, backup_id, MANIFEST)
