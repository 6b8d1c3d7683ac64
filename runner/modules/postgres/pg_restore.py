"""pg_restore: a backup into a side database, proved, and only then swapped in.

What a run that dies leaves, and what the same run does about it when it goes on:
- a side database not yet proved is dropped and restored again; a proved one is swapped in;
- after the swap, the live database's comment says that this run brought it: nothing is left to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field, replace
from time import monotonic
from typing import ClassVar, Literal

from runner.backup.catalogue import LATEST, check_presence, find
from runner.errors import TaskFailed, UsageError
from runner.frozen import frozen
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres import archive, catalog, keeping, marker, restoring, rollback, room, swap
from runner.modules.postgres.catalog import Properties
from runner.modules.postgres.database import Database
from runner.modules.postgres.marker import Marked, Marker, Part
from runner.modules.postgres.pg_dump import DATABASE_ROLE, GLOBALS_ROLE, KIND
from runner.modules.postgres.restoring import Dump
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.repositories.contract import Repository
from runner.units import seconds


@frozen
class PgRestoreArgs:
    database: str
    service: str | None = None
    repository: str | None = None
    backup: str = LATEST
    server: Server = field(default_factory=Server)
    state: Literal["restored", "rolled_back"] = "restored"
    assertions: tuple[Mapping[str, object], ...] = ()
    jobs: int = 2
    keep_previous: Duration = "7d"
    owner: str | None = None


class PgRestore:
    name: ClassVar = "pg_restore"
    Args = PgRestoreArgs

    def preview(self, at: Reading, args: PgRestoreArgs) -> Change:
        server = Postgres(at.host, args.server)
        if args.state == "rolled_back":
            return rollback.preview(server, args.database)
        repository, dump = _backup(at, args)
        known = marker.survey(server.maintenance(args.database))
        if _is_done(known, args.database, at.run.id, dump):
            return Change(False, f"backup {dump.manifest.id} is restored")
        restoring.check_server(server, dump)
        check_presence(repository, dump.manifest)
        return Change(True, f"would restore backup {dump.manifest.id} beside {args.database!r} and swap it in")

    def apply(self, at: Acting, args: PgRestoreArgs) -> Outcome:
        server = Postgres(at.host, args.server, at.host, pause=at.sleep)
        if args.state == "rolled_back":
            return rollback.roll_back(server, args.database, at.run.id, seconds(args.keep_previous))
        repository, dump = _backup(at, args)
        return _Restore(at, args, server, repository, dump).carry_out()


def _backup(at: Reading, args: PgRestoreArgs) -> tuple[Repository, Dump]:
    if args.repository is None or args.service is None:
        raise UsageError("pg_restore needs `repository` and `service`", hint="only state: rolled_back goes without")
    repository = at.repositories.get(args.repository)
    return repository, Dump.of(find(repository, args.service, args.backup, KIND))


def _is_done(known: Mapping[str, Marked], database: str, run: str, dump: Dump) -> Marker | None:
    """The live database's marker, if this very run has swapped this very backup in."""
    live = known.get(database)
    mark = live.marker if live else None
    if mark is None or mark.part != Part.LIVE or mark.rolled_back:
        return None
    return mark if (mark.run, mark.backup) == (run, dump.manifest.id) else None


class _Restore:
    """One restore on its way; the methods stand in the order in which they are called."""

    def __init__(self, at: Acting, args: PgRestoreArgs, server: Postgres, repository: Repository, dump: Dump) -> None:
        self.at = at
        self.args = args
        self.server = server
        self.repository = repository
        self.dump = dump
        self.maintenance = server.maintenance(args.database)
        digest = hashlib.sha256(f"{at.run.id} {dump.manifest.id} {args.database}".encode()).hexdigest()[:10]
        self.side = marker.name_beside(args.database, f"_restore_{digest}")

    def carry_out(self) -> Outcome:
        begun = monotonic()
        known = marker.survey(self.maintenance)
        if done := _is_done(known, self.args.database, self.at.run.id, self.dump):
            return Outcome(False, self._done(done, known.get(done.replaced)))
        self._check(known)
        live = catalog.properties(self.maintenance.rows, self.args.database)
        proof = self._reusable(known)
        if proof is None:
            swap.drop(self.maintenance, self.side)
            proof = self._build(live)
        replaced, keep_until = self._swap(live)
        self._tidy()
        return Outcome(True, {**self._data(replaced, keep_until, proof), "seconds": round(monotonic() - begun, 3)})

    def _done(self, mark: Marker, kept: Marked | None) -> dict[str, object]:
        """The result again; rows are the recorded ones, which were compared before the swap."""
        counts = dict(self.dump.manifest.row_counts or {})
        keep_until = kept.marker.keep_until if kept and kept.marker else ""
        proof = {
            "row_counts": counts,
            "rows": sum(counts.values()),
            "assertions": [],
            "roles_created": [],
            "seconds": 0.0,
        }
        return self._data(mark.replaced, keep_until, proof)

    def _check(self, known: Mapping[str, Marked]) -> None:
        """Everything that would stop the swap is found before hours go into the restore."""
        restoring.check_server(self.server, self.dump)
        check_presence(self.repository, self.dump.manifest)
        if self.args.database in known:
            swap.refuse_prepared_transactions(self.maintenance, self.args.database)
        if self.side not in known:
            room.check(self.at, self.server, self.dump.content.size)

    def _reusable(self, known: Mapping[str, Marked]) -> dict[str, object] | None:
        """What proving it again says, if this run got as far as a proved side database before it was cut off."""
        side = known.get(self.side)
        if side is None or side.marker is None or not side.marker.proved:
            return None
        proof = restoring.prove(self.server.database(self.side), self.dump, self.args.assertions)
        return {**proof, "roles_created": []}

    def _build(self, live: Properties | None) -> dict[str, object]:
        """The side database: restored, analysed, compared, proved. On any failure it is gone again."""
        with archive.archive(self.at, self.repository, self.dump.manifest, self.server, DATABASE_ROLE) as path:
            archive.decode(self.server, path, self.dump.manifest, self.dump.manifest.object(DATABASE_ROLE))
            made = restoring.create_missing_roles(self.maintenance, self._globals())
            try:
                proof = self._fill(path, live)
            except TaskFailed:
                swap.drop(self.maintenance, self.side)
                raise
        return {**proof, "roles_created": made}

    def _globals(self) -> str:
        manifest = self.dump.manifest
        return archive.text(self.at, self.repository, manifest, manifest.object(GLOBALS_ROLE))

    def _fill(self, path: str, live: Properties | None) -> dict[str, object]:
        owner = self.args.owner or (live or self.dump.properties).owner
        mark = Marker(
            Part.SIDE,
            self.args.database,
            self.at.run.id,
            self.dump.manifest.id,
            keeping.iso(keeping.utc_now(self.maintenance)),
        )
        restoring.create_database(self.maintenance, self.side, self.dump.properties, owner, marker.write(mark, None))
        self.at.progress(f"restoring into {self.side}", 0, self.dump.content.size)
        restoring.load(self.server, self.side, path, self.args.jobs)
        proof = restoring.prove(self.server.database(self.side), self.dump, self.args.assertions)
        proved = marker.write(replace(mark, proved=True), None)
        self.maintenance.run([swap.comment(self.side, proved)])
        return proof

    def _swap(self, live: Properties | None) -> tuple[str, str]:
        """The name of the database that was replaced ("" if there was none), and until when it is kept."""
        now = keeping.utc_now(self.maintenance)
        names = marker.survey(self.maintenance)
        aside = keeping.name_aside(self.args.database, "previous", now, names)
        around = live or self.dump.properties
        run, backup = self.at.run.id, self.dump.manifest.id
        kept = keeping.kept(self.args.database, run, backup, now, seconds(self.args.keep_previous))
        brought = Marker(
            Part.LIVE,
            self.args.database,
            run,
            backup,
            keeping.iso(now),
            restored_point=self._restored_point(),
            replaced=aside if live else "",
        )
        exchange = swap.Exchange(
            live=self.args.database,
            incoming=self.side,
            outgoing=aside,
            live_comment=marker.write(brought, marker.split(around.comment)[0]),
            outgoing_comment=marker.write(kept, marker.split(around.comment)[0]),
        )
        swap.exchange(self.maintenance, exchange, swap.carried_over(self.side, around))
        return (aside, kept.keep_until) if live else ("", "")

    def _tidy(self) -> None:
        """Drop what earlier runs kept long enough; that it cannot be dropped now does not undo the restore."""
        database: Database = self.maintenance
        now = keeping.utc_now(database)
        known = marker.survey(database)
        try:
            keeping.drop_expired(database, known, self.args.database, self.at.run.id, now)
            keeping.drop_leftovers(database, known, self.args.database, self.at.run.id, now)
        except TaskFailed as error:
            self.at.warn(f"the restore is done, but a database of an earlier one could not be dropped: {error}")

    def _restored_point(self) -> str:
        return self.dump.manifest.restored_point.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _data(self, replaced: str, keep_until: str, proof: Mapping[str, object]) -> dict[str, object]:
        return {
            "database": self.args.database,
            "backup_id": self.dump.manifest.id,
            "restored_point": self._restored_point(),
            "previous": replaced,
            "keep_until": keep_until,
            "size": self.dump.content.size,
            **proof,
        }
