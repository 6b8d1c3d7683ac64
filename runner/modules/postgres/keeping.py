"""Databases that a swap put aside: their names, how long they stay, and who drops them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from runner.modules.postgres import swap
from runner.modules.postgres.database import Database
from runner.modules.postgres.marker import Marked, Marker, Part, name_beside

_STAMP = "%Y%m%dT%H%M%SZ"


def utc_now(database: Database) -> datetime:
    """The server's clock: it decides what has expired, whatever the controller's says."""
    return datetime.fromtimestamp(float(str(database.scalar("SELECT extract(epoch FROM now())::float8"))), UTC)


def iso(moment: datetime) -> str:
    """UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def name_aside(database: str, word: str, now: datetime, taken: Collection[str]) -> str:
    """`app_previous_20261123T030000Z`, or with a number if somebody was faster."""
    name = name_beside(database, f"_{word}_{now.strftime(_STAMP)}")
    number = 2
    while name in taken:
        name = name_beside(database, f"_{word}_{now.strftime(_STAMP)}_{number}")
        number += 1
    return name


def kept(database: str, run: str, backup: str, now: datetime, seconds: float) -> Marker:
    """The marker of a database put aside."""
    return Marker(Part.KEPT, database, run, backup, iso(now), keep_until=iso(now + timedelta(seconds=seconds)))


def drop_expired(server: Database, known: Mapping[str, Marked], database: str, run: str, now: datetime) -> list[str]:
    """Drop what earlier runs kept of `database` and whose time has passed; gives the names."""
    dropped = []
    for one in known.values():
        mark = one.marker
        if mark is None or mark.part != Part.KEPT or mark.database != database or mark.run == run:
            continue
        if mark.keep_until < iso(now):
            swap.drop(server, one.name)
            dropped.append(one.name)
    return dropped


def drop_leftovers(server: Database, known: Mapping[str, Marked], database: str, run: str, now: datetime) -> list[str]:
    """Drop side databases that other, dead runs left a day ago or longer and nobody is connected to."""
    limit = iso(now - timedelta(days=1))
    dropped = []
    for one in known.values():
        mark = one.marker
        stale = mark is not None and mark.part == Part.SIDE and mark.database == database and mark.run != run
        if mark is not None and stale and mark.at < limit and not one.sessions:
            swap.drop(server, one.name)
            dropped.append(one.name)
    return dropped
