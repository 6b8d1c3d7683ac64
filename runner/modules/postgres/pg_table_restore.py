"""pg_table_restore: rows of single tables, from a backup or a CSV file, by key and in one transaction.

The backup is restored whole into a side database and proved there; from it rows come into staging tables
beside the live ones. Nothing of the live tables changes before the one transaction that merges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field
from time import monotonic
from typing import Any, ClassVar, Literal

from runner.backup.catalogue import LATEST, check_presence, find
from runner.errors import ObjectNotFound, Refused, TaskFailed, UsageError
from runner.frozen import frozen
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres import keeping, restoring
from runner.modules.postgres.database import Database, Execution
from runner.modules.postgres.pg_dump import KIND
from runner.modules.postgres.restoring import Dump
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.modules.postgres.tables import kept, merging, side, staging
from runner.modules.postgres.tables.merging import Merge, Mode
from runner.modules.postgres.tables.shape import SILENT, Shape, key_of, shape
from runner.repositories.contract import Repository
from runner.units import seconds

State = Literal["restored", "compared", "rolled_back"]


@frozen
class TableArgs:
    name: str
    key: tuple[str, ...] = ()
    csv: str | None = None


@frozen
class PgTableRestoreArgs:
    database: str
    tables: tuple[str | TableArgs, ...]
    service: str | None = None
    repository: str | None = None
    backup: str = LATEST
    server: Server = field(default_factory=Server)
    mode: Mode = "merge"
    state: State = "restored"
    jobs: int = 2
    keep_previous: Duration = "7d"


class PgTableRestore:
    name: ClassVar = "pg_table_restore"
    Args = PgTableRestoreArgs

    def preview(self, at: Reading, args: PgTableRestoreArgs) -> Change:
        server = Postgres(at.host, args.server)
        names = ", ".join(one.name for one in _tables(args))
        if args.state == "rolled_back":
            schema, _ = _kept(server.database(args.database), args)
            return Change(True, f"would bring {names} back as they are in {schema}")
        if (given := _dump(at, args)) is not None:
            repository, dump = given
            restoring.check_server(server, dump)
            check_presence(repository, dump.manifest)
        for one in _tables(args):
            if (live := shape(server.database(args.database).rows, one.name)) is not None:
                key_of(live, one.key)
        if args.state == "compared":
            return Change(False, f"would compare {names} with what they were")
        return Change(None, f"would {args.mode} rows of {names}; `state: compared` tells how many")

    def apply(self, at: Acting, args: PgTableRestoreArgs) -> Outcome:
        begun = monotonic()
        work = _Work(at, args)
        with work.prepared() as merges:
            outcome = work.settle(merges)
        return Outcome(outcome.changed, {**outcome.data, "seconds": round(monotonic() - begun, 3)})


class _Work:
    """One use of the module."""

    def __init__(self, at: Acting, args: PgTableRestoreArgs) -> None:
        self.at = at
        self.args = args
        self.server = Postgres(at.host, args.server, at.host, pause=at.sleep)
        self.live = self.server.database(args.database)
        digest = hashlib.sha256(f"{at.run.id} {args.database}".encode()).hexdigest()[:10]
        self.staging = f"sentraplay_staging_{digest}"
        self.backup = ""
        self.references: list[str] = []

    @contextmanager
    def prepared(self) -> Iterator[list[Merge]]:
        """The merges to do, their rows in staging tables. Tables made anew go again if what follows fails."""
        tables = _tables(self.args)
        with ExitStack() as stack:
            if self.args.state == "rolled_back":
                yield self._from_kept(tables)
                return
            source = self._side(stack, tables)
            shapes = self._shapes(stack, tables, source)
            stack.enter_context(staging.schema(self.live, self.staging))
            yield [self._staged(table, live, source) for table, live in zip(tables, shapes, strict=True)]

    def settle(self, merges: Sequence[Merge]) -> Outcome:
        """Count, and if that is what was asked for and there is something to do, do it."""
        counts = [self._counted(merge) for merge in merges]
        needed = any(one["inserted"] or one["updated"] or one["deleted"] for one in counts) or bool(self.references)
        data: dict[str, Any] = {"database": self.args.database, "backup_id": self.backup, "tables": counts, "kept": ""}
        if self.args.state == "compared" or not needed:
            return Outcome(False, data)
        self._refuse_silent_changes(merges)
        done, copies = self._carry_out(merges)
        for one in counts:
            one |= {what: done.get(f"{one['table']} {what}", 0) for what in ("inserted", "updated", "deleted")}
        return Outcome(True, {**data, "kept": copies})

    def _side(self, stack: ExitStack, tables: Sequence[TableArgs]) -> Database | None:
        given = _dump(self.at, self.args)
        if given is None or all(table.csv for table in tables):
            return None
        repository, dump = given
        restoring.check_server(self.server, dump)
        check_presence(repository, dump.manifest)
        self.backup = dump.manifest.id
        return stack.enter_context(
            side.side_database(self.at, self.server, repository, dump, self.args.database, self.args.jobs)
        )

    def _shapes(self, stack: ExitStack, tables: Sequence[TableArgs], source: Database | None) -> list[Shape]:
        found = [shape(self.live.rows, table.name) for table in tables]
        lost = [table for table, live in zip(tables, found, strict=True) if live is None]
        if lost and self.args.state == "restored" and source is not None:
            self._make_anew(stack, lost, source)
            found = [shape(self.live.rows, table.name) for table in tables]
        known = [live for live in found if live is not None]
        if len(known) < len(tables):
            raise TaskFailed(
                f"database {self.args.database!r} has no table {', '.join(table.name for table in lost)}",
                where=self.server.where,
                hint="write its schema too (public.scans), in quotes if it has capitals; state: restored makes it anew",
            )
        return known

    def _make_anew(self, stack: ExitStack, lost: Sequence[TableArgs], source: Database) -> None:
        shapes = [_in_backup(source, table) for table in lost]
        side.create_absent(self.server, self.at.host, source.name, self.live, shapes)
        self.references = side.lost_references(self.live, shapes)
        stack.push(lambda kind, error, trace: side.drop_created(self.live, shapes) if kind else None)

    def _staged(self, table: TableArgs, live: Shape, source: Database | None) -> Merge:
        name = merging.kept_name(self.staging, live)
        self.at.progress(f"rows of {live.name}", 0, None, "rows")
        if table.csv is not None:
            columns = staging.header(self.at.host, table.csv, live)
            staging.create(self.live, name, live, columns)
            staging.from_csv(self.server, self.at.host, self.args.database, table.csv, live, name)
        elif source is not None:
            columns = _common(live, _in_backup(source, table))
            staging.create(self.live, name, live, columns)
            staging.from_side(self.server, self.at.host, source.name, self.args.database, live, name, columns)
        else:
            raise UsageError(f"{table.name} has no source", hint="give `repository` and `service`, or its `csv`")
        self.live.run([f"ANALYZE {name}"])
        return self._clear(Merge(live, name, columns, key_of(live, table.key), self.args.mode))

    def _from_kept(self, tables: Sequence[TableArgs]) -> list[Merge]:
        schema, copies = _kept(self.live, self.args)
        self.backup = copies.backup
        found = []
        for table in tables:
            live = shape(self.live.rows, table.name)
            if live is None or live.name not in copies.tables:
                raise TaskFailed(f"{schema} has no copy of {table.name}, or the table is gone", where=self.server.where)
            copy = shape(self.live.rows, merging.kept_name(schema, live))
            columns = _common(live, copy) if copy else ()
            staged = merging.kept_name(schema, live)
            found.append(self._clear(Merge(live, staged, columns, key_of(live, table.key), "replace")))
        return found

    def _clear(self, merge: Merge) -> Merge:
        missing = [name for name in merge.key if name not in merge.columns]
        unclear = 0 if missing else self.live.scalar(merging.duplicates(merge))
        if missing or unclear:
            raise Refused(
                f"the rows for {merge.live.name} cannot be told apart by {', '.join(merge.key)}",
                where=self.server.where,
                why=f"{', '.join(missing)} is not among them" if missing else f"{unclear} keys are double or null",
                hint="name other columns: tables: [{name: …, key: […]}]; nothing was changed",
            )
        return merge

    def _counted(self, merge: Merge) -> dict[str, Any]:
        (row,) = self.live.rows(merging.counting(merge))
        return {"table": merge.live.name, **row}

    def _refuse_silent_changes(self, merges: Sequence[Merge]) -> None:
        chosen = [merge.live.name for merge in merges]
        for merge in merges:
            for key in merging.silent_keys(merge, chosen):
                changed = self.live.scalar(merging.silently_changed(merge, key))
                if changed:
                    raise Refused(
                        f"replacing {merge.live.name} would change {changed} rows of {key.table}",
                        where=self.server.where,
                        why=f"its foreign key {key.name} says {SILENT[key.on_delete]}",
                        hint=f"restore {key.table} in the same task, or use mode: merge; nothing was changed",
                    )

    def _carry_out(self, merges: Sequence[Merge]) -> tuple[Mapping[str, int], str]:
        """How many rows each statement touched, and the schema that holds the tables as they were."""
        now = keeping.utc_now(self.live)
        lasts = seconds(self.args.keep_previous)
        keeps = kept.schema_name(now, self.at.run.id) if lasts else ""
        statements, counts = merging.transaction(merges, keeps or None)
        names = tuple(merge.live.name for merge in merges)
        if keeps:
            copies = kept.KeptTables(self.at.run.id, self.backup, kept.until(now, lasts), names)
            statements.append(kept.marking(keeps, copies))
        statements += [*self.references, *kept.dropping(kept.known(self.live), self.at.run.id, now)]
        rows = self.live.run(statements, Execution(to_the_end=True))
        return {what: rows[index].rowcount for what, index in counts}, keeps


def _tables(args: PgTableRestoreArgs) -> list[TableArgs]:
    return [TableArgs(one) if isinstance(one, str) else one for one in args.tables]


def _dump(at: Reading, args: PgTableRestoreArgs) -> tuple[Repository, Dump] | None:
    if args.repository is None or args.service is None:
        if all(table.csv for table in _tables(args)):
            return None
        raise UsageError("pg_table_restore needs `repository` and `service`", hint="only tables with `csv` go without")
    repository = at.repositories.get(args.repository)
    return repository, Dump.of(find(repository, args.service, args.backup, KIND))


def _in_backup(source: Database, table: TableArgs) -> Shape:
    found = shape(source.rows, table.name)
    if found is None:
        raise ObjectNotFound(f"the backup has no table {table.name}", hint="write its schema too: public.scans")
    return found


def _common(live: Shape, there: Shape) -> tuple[str, ...]:
    """The columns both have; Refused if the backup has some that the live table lost: their data would be lost."""
    names = {column.name for column in live.stored}
    lost = [column.name for column in there.stored if column.name not in {one.name for one in live.columns}]
    if lost:
        raise Refused(
            f"{live.name} has no column {', '.join(lost)} any more",
            why="what the backup holds there would be lost without a word",
            hint="add the column first, or restore the whole database beside it (pg_restore into another name)",
        )
    return tuple(column.name for column in there.stored if column.name in names)


def _kept(live: Database, args: PgTableRestoreArgs) -> tuple[str, kept.KeptTables]:
    """The newest copies of these tables."""
    wanted = [table.name for table in _tables(args)]
    names = {found.name for name in wanted if (found := shape(live.rows, name)) is not None}
    for schema, copies in reversed(list(kept.known(live).items())):
        if names <= set(copies.tables) and names:
            return schema, copies
    raise ObjectNotFound(
        f"no restore kept {', '.join(wanted)}",
        where=f"database {live.name!r}",
        hint="copies are kept for keep_previous; restore from a backup",
    )
