"""The database that a restore replaced, brought back."""

from __future__ import annotations

from collections.abc import Mapping

from runner.errors import Refused
from runner.modules.contract import Change, Outcome
from runner.modules.postgres import keeping, marker, swap
from runner.modules.postgres.marker import Marked, Marker, Part
from runner.modules.postgres.session import Postgres


def preview(server: Postgres, database: str) -> Change:
    """What roll_back would do."""
    wanted = _wanted(marker.survey(server.maintenance(database)), database)
    if wanted is None:
        return Change(False, f"{database!r} is no restored database, or was rolled back already")
    return Change(True, f"would bring {wanted.name!r} back as {database!r}")


def roll_back(server: Postgres, database: str, run: str, keep_seconds: float) -> Outcome:
    """Swap again: what a restore replaced becomes live, what it brought is kept aside. Twice is like once.

    Raises Refused if the replaced database is gone, or there was none.
    """
    maintenance = server.maintenance(database)
    known = marker.survey(maintenance)
    previous = _wanted(known, database)
    if previous is None:
        return Outcome(False, {"database": database, "rolled_back": False})
    now = keeping.utc_now(maintenance)
    live = known.get(database)
    backup = live.marker.backup if live and live.marker else ""
    aside = keeping.name_aside(database, "undone", now, known)
    brought_back = Marker(Part.LIVE, database, run, backup, keeping.iso(now), rolled_back=True)
    undone = keeping.kept(database, run, backup, now, keep_seconds)
    swap.exchange(
        maintenance,
        swap.Exchange(
            live=database,
            incoming=previous.name,
            outgoing=aside,
            live_comment=marker.write(brought_back, previous.comment),
            outgoing_comment=marker.write(undone, live.comment if live else ""),
        ),
    )
    data = {"database": database, "rolled_back": True, "undone": aside if live else "", "keep_until": undone.keep_until}
    return Outcome(True, data)


def _wanted(known: Mapping[str, Marked], database: str) -> Marked | None:
    """The database to bring back; None if there is nothing to undo. Refused if it should be there and is not."""
    live = known.get(database)
    if live is None:
        return _newest_kept(known, database)
    mark = live.marker
    if mark is None or mark.part != Part.LIVE or mark.rolled_back:
        return None
    if mark.replaced not in known:
        raise Refused(
            f"there is nothing to bring back for {database!r}",
            why=f"{mark.replaced!r} was dropped" if mark.replaced else "the restore replaced no database",
            hint="restore an older backup instead; nothing was changed",
        )
    return known[mark.replaced]


def _newest_kept(known: Mapping[str, Marked], database: str) -> Marked:
    found = [(one.marker.at, one.name) for one in known.values() if one.marker and _is_kept(one.marker, database)]
    if not found:
        raise Refused(
            f"there is no database {database!r}, and none was kept in its place",
            hint="restore a backup instead (state: restored)",
        )
    return known[max(found)[1]]


def _is_kept(mark: Marker, database: str) -> bool:
    return mark.part == Part.KEPT and mark.database == database
