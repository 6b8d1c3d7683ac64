"""pg_wal_ship: archived WAL from a host's spool into the repository."""

from __future__ import annotations

from typing import ClassVar

from runner.backup.compression import Wanted, choose
from runner.backup.wal.shipping import look, ship
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class PgWalShipArgs:
    service: str
    repository: str
    spool: str
    compression: Wanted = "auto"


class PgWalShip:
    name: ClassVar = "pg_wal_ship"
    Args = PgWalShipArgs

    def preview(self, at: Reading, args: PgWalShipArgs) -> Change:
        waiting = look(at.host, args.spool).waiting
        where = at.repositories.get(args.repository).describe()
        return Change(bool(waiting), f"would ship {len(waiting)} WAL files to {where}", data={"files": list(waiting)})

    def apply(self, at: Acting, args: PgWalShipArgs) -> Outcome:
        repository = at.repositories.get(args.repository)
        done: list[str] = []
        # What arrived while it shipped is shipped too, so that the newest is as new as can be.
        while (found := look(at.host, args.spool)).waiting:
            done += ship(
                at.host,
                found,
                repository,
                args.service,
                choose(at.host, args.compression),
                lambda sent, total: at.progress("shipping WAL", sent, total, "files"),
            )
        return Outcome(bool(done), {"files": done, "location": repository.describe()})
