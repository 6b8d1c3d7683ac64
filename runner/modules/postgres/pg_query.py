"""pg_query: SQL in a database, its rows as a result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final

from runner.errors import TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres import assertions as sql_assertions
from runner.modules.postgres.database import Execution
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.modules.postgres.sql import bind, statements
from runner.modules.postgres.values import Rows
from runner.units import seconds

# A transaction has an id only once it has written something (documented with pg_current_xact_id_if_assigned).
_WROTE: Final = "SELECT txid_current_if_assigned() IS NOT NULL AS wrote"

_COPY: Final = re.compile(r"COPY\b.*\b(?:STDIN|STDOUT)\b", re.IGNORECASE | re.DOTALL)


@frozen
class Expected:
    """How many rows the last statement must give."""

    rows: int | None = None
    at_least: int | None = None
    at_most: int | None = None


@frozen
class PgQueryArgs:
    database: str
    server: Server = field(default_factory=Server)
    query: tuple[str, ...] = ()
    script: str | None = None
    params: Mapping[str, object] | tuple[object, ...] = ()
    expect: Expected | None = None
    assertions: tuple[Mapping[str, object], ...] = ()
    read_only: bool = False
    autocommit: bool = False
    statement_timeout: Duration = "1h"


class PgQuery:
    name: ClassVar = "pg_query"
    Args = PgQueryArgs

    def preview(self, at: Reading, args: PgQueryArgs) -> Change:
        wanted = _statements(at, args)
        if args.read_only or not wanted:
            _, data = _run(Postgres(at.host, args.server), args, wanted)
            return Change(False, f"reads database {args.database!r}", data=data)
        return Change(None, f"{len(wanted)} statements in database {args.database!r}: what they change shows when run")

    def apply(self, at: Acting, args: PgQueryArgs) -> Outcome:
        changed, data = _run(Postgres(at.host, args.server, at.host, pause=at.sleep), args, _statements(at, args))
        return Outcome(changed, data)


def _statements(at: Reading, args: PgQueryArgs) -> list[str]:
    # Positional parameters are used up in the order of the statements.
    found = statements(bind("\n;\n".join(args.query), args.params))
    if args.script is not None:
        found += statements(at.content(at.find("files", args.script)).decode("utf-8"))
    if copying := next((one for one in found if _COPY.match(one)), None):
        raise TaskFailed(
            f"COPY to or from the client does not work here: {copying[:60]!r}",
            hint="read rows with SELECT; load many rows with psql in a `command` task",
        )
    return found


def _run(server: Postgres, args: PgQueryArgs, wanted: list[str]) -> tuple[bool, dict[str, object]]:
    database = server.database(args.database)
    how = Execution(args.autocommit, args.read_only, seconds(args.statement_timeout))
    asks = bool(wanted) and not (args.autocommit or args.read_only)
    results = database.run([*wanted, _WROTE] if asks else wanted, how) if wanted else []
    wrote = results.pop().rows[0]["wrote"] is True if asks else bool(wanted) and not args.read_only
    data = _data(results)
    if results and args.expect is not None:
        _expect(args.expect, results[-1], args.database, data)
    data["assertions"] = sql_assertions.check(database, args.assertions)
    return wrote, data


def _data(results: list[Rows]) -> dict[str, object]:
    last = results[-1] if results else Rows()
    return {
        "rows": [dict(row) for row in last.rows],
        "rowcount": last.rowcount,
        "results": [{"rows": [dict(row) for row in one.rows], "rowcount": one.rowcount} for one in results],
    }


def _expect(expected: Expected, last: Rows, database: str, data: Mapping[str, object]) -> None:
    count = last.rowcount
    wrong = (
        (expected.rows is not None and count != expected.rows and f"{expected.rows}")
        or (expected.at_least is not None and count < expected.at_least and f"at least {expected.at_least}")
        or (expected.at_most is not None and count > expected.at_most and f"at most {expected.at_most}")
    )
    if wrong:
        raise VerificationFailed(
            f"the query gave {count} rows, and {wrong} were expected", where=f"database {database!r}", data=data
        )
