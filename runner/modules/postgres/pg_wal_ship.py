"""pg_wal_ship: archived WAL from a host's spool into the repository."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from runner.backup.compression import Wanted, choose
from runner.backup.distributing import further
from runner.backup.following import follow_everywhere, lacking
from runner.backup.wal.shipping import look, ship
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class PgWalShipArgs:
    service: str
    repository: str
    spool: str
    compression: Wanted = "auto"
    copy_to: tuple[str, ...] = ()


class PgWalShip:
    name: ClassVar = "pg_wal_ship"
    Args = PgWalShipArgs

    def preview(self, at: Reading, args: PgWalShipArgs) -> Change:
        waiting = look(at.host, args.spool).waiting
        repository = at.repositories.get(args.repository)
        summary, behind = f"would ship {len(waiting)} WAL files to {repository.describe()}", 0
        for target in further(at.repositories, repository, args.copy_to):
            retention = at.repositories.retention(target.name)
            files = lacking(repository, target, args.service, retention, datetime.now(UTC))
            summary += f", and copy {len(files)} that are there already, and these, to {target.describe()}"
            behind += len(files)
        return Change(bool(waiting or behind), summary, data={"files": list(waiting)})

    def apply(self, at: Acting, args: PgWalShipArgs) -> Outcome:
        repository = at.repositories.get(args.repository)
        others = further(at.repositories, repository, args.copy_to)
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
        copied = follow_everywhere(at.repositories, repository, others, args.service, datetime.now(UTC))
        return Outcome(bool(done or copied), {"files": done, "location": repository.describe(), "copied": copied})
