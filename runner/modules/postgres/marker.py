"""What SentraPlay writes into a database's comment, so that any later run knows what that database is.

The comment people wrote stays in front, the marker is its last line. Renaming does not touch it, and
it is written in the transaction that does what it says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Final

from runner.frozen import frozen
from runner.modules.arguments import build
from runner.modules.postgres.database import Database

_PREFIX: Final = "sentraplay: "


class Part(StrEnum):
    """SIDE is being restored into; LIVE was swapped in; KEPT is what it replaced."""

    SIDE = "side"
    LIVE = "live"
    KEPT = "kept"


@frozen
class Marker:
    """`database` is the live name it belongs to; times are UTC, ISO 8601.

    `proved` (SIDE): completely restored and checked. `replaced` (LIVE): the name of the database it
    replaced, "" if there was none. `keep_until` (KEPT): when a later run may drop it. `rolled_back`
    (LIVE): it was brought back. `restored_point`: the state of the data in the backup.
    """

    part: str
    database: str
    run: str
    backup: str
    at: str
    restored_point: str = ""
    proved: bool = False
    replaced: str = ""
    keep_until: str = ""
    rolled_back: bool = False


@frozen
class Marked:
    """A database of the server as its comment shows it; `marker` is None for those SentraPlay never touched."""

    name: str
    allows_connections: bool
    sessions: int
    comment: str
    marker: Marker | None


def write(marker: Marker, comment: str | None) -> str:
    """The comment that holds both."""
    text, _ = split(comment)
    line = _PREFIX + json.dumps({key: value for key, value in asdict(marker).items() if value}, ensure_ascii=False)
    return f"{text}\n{line}" if text else line


def split(comment: str | None) -> tuple[str, Marker | None]:
    """What people wrote, and the marker if there is one."""
    text, separator, last = (comment or "").rpartition("\n")
    if not last.startswith(_PREFIX):
        return comment or "", None
    try:
        return text, build(Marker, json.loads(last.removeprefix(_PREFIX)))
    except (ValueError, TypeError):
        # Somebody's own words that only look like a marker.
        return comment or "", None


def survey(database: Database) -> Mapping[str, Marked]:
    """Every database of the server by name, seen from any of them."""
    rows: Sequence[Mapping[str, object]] = database.rows(
        "SELECT d.datname AS name, d.datallowconn AS open, shobj_description(d.oid, 'pg_database') AS comment,"
        " (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid) AS sessions FROM pg_database d"
    )
    found = {}
    for row in rows:
        text, marker = split(None if row["comment"] is None else str(row["comment"]))
        name = str(row["name"])
        found[name] = Marked(name, bool(row["open"]), int(str(row["sessions"])), text, marker)
    return found


def name_beside(database: str, suffix: str) -> str:
    """`database` + `suffix`, the front cut so that the whole stays within PostgreSQL's 63 bytes."""
    room = 63 - len(suffix.encode())
    return database.encode()[:room].decode(errors="ignore") + suffix
