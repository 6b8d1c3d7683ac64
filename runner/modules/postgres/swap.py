"""Databases change places: the one that is proved becomes the live one, the other is kept.

Order, and what each cut leaves (measured on PostgreSQL 15):
1. ALLOW_CONNECTIONS false on the live database, committed at once: an uncommitted one keeps nobody out.
   Cut here: nobody gets in until the swap is run again or undone.
2. Sessions are terminated. A rename needs both databases empty.
3. ONE transaction: settings and privileges carried over, both renames, both comments, ALLOW_CONNECTIONS
   true on the database that is now live. Cut here: all of it happened or none.
Whatever fails after 1, the live database is opened again before the error goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from runner.errors import Refused, SentraPlayError
from runner.modules.contract import Acting
from runner.modules.postgres import marker
from runner.modules.postgres.catalog import Properties, Setting
from runner.modules.postgres.database import AUTOCOMMIT, Database, SqlFailed
from runner.modules.postgres.marker import Marker
from runner.modules.postgres.sql import bind, identifier, literal

# How often clients that keep coming back are thrown out before we give up, and the pause between, in seconds.
_ATTEMPTS: Final = 20
_PAUSE: Final = 0.25

_IN_USE: Final = "55006"
_LISTS: Final = frozenset(
    {
        "search_path",
        "local_preload_libraries",
        "session_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """`incoming` takes the name `live`; what has that name now, if anything, becomes `outgoing`.

    The comments are written whole, marker included.
    """

    live: str
    incoming: str
    outgoing: str
    live_comment: str
    outgoing_comment: str


def exchange(at: Acting, database: Database, wanted: Exchange, before: Sequence[str] = ()) -> None:
    """Carry it out from `database`, which is neither of them; `before` runs inside the same transaction."""
    present = wanted.live in marker.survey(database)
    if present:
        _refuse_prepared_transactions(database, wanted.live)
        database.run([_allow_connections(wanted.live, False)], AUTOCOMMIT)
    try:
        _rename(at, database, [*before, *_moves(wanted, present)], (wanted.live, wanted.incoming))
    except BaseException:
        # The answer to COMMIT may have been lost: what is live now is opened either way.
        with contextlib.suppress(SentraPlayError):
            database.run([_allow_connections(wanted.live, True)], AUTOCOMMIT)
        raise


def _moves(wanted: Exchange, present: bool) -> list[str]:
    outgoing = [
        f"ALTER DATABASE {identifier(wanted.live)} RENAME TO {identifier(wanted.outgoing)}",
        comment(wanted.outgoing, wanted.outgoing_comment),
    ]
    incoming = [
        f"ALTER DATABASE {identifier(wanted.incoming)} RENAME TO {identifier(wanted.live)}",
        comment(wanted.live, wanted.live_comment),
        _allow_connections(wanted.live, True),
    ]
    return outgoing * present + incoming


def comment(database: str, text: str) -> str:
    """The statement that sets a database's comment."""
    return f"COMMENT ON DATABASE {identifier(database)} IS {literal(text)}"


def carried_over(target: str, source: Properties) -> list[str]:
    """Statements that give `target` the settings, privileges and limit of `source`, which are not in a dump."""
    name = identifier(target)
    found = [_setting(name, setting) for setting in source.settings]
    if source.connection_limit != -1:
        found.append(f"ALTER DATABASE {name} CONNECTION LIMIT {source.connection_limit}")
    if source.privileges is not None:
        found.append(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        for right in source.privileges:
            grantee = identifier(right.grantee) if right.grantee is not None else "PUBLIC"
            option = " WITH GRANT OPTION" if right.grantable else ""
            found.append(f"GRANT {right.privilege} ON DATABASE {name} TO {grantee}{option}")
    return found


def drop(database: Database, name: str) -> None:
    """Remove a database whose sessions, if any, are ours; nothing happens if it is not there."""
    for session in _terminations((name,)):
        database.run([session], AUTOCOMMIT)
    database.run([f"DROP DATABASE IF EXISTS {identifier(name)}"], AUTOCOMMIT)


def marked(part: Marker, text: str | None) -> str:
    """The whole comment."""
    return marker.write(part, text)


def _setting(database: str, setting: Setting) -> str:
    target = f"ROLE {identifier(setting.role)} IN DATABASE {database}" if setting.role else f"DATABASE {database}"
    # The catalogue keeps these as lists of identifiers already quoted; as one literal they would be one name.
    value = setting.value if setting.name in _LISTS and setting.value else literal(setting.value)
    return f"ALTER {target} SET {_parameter(setting.name)} TO {value}"


def _parameter(name: str) -> str:
    """A parameter's name; one of an extension has two parts."""
    return ".".join(identifier(part) for part in name.split("."))


def _rename(at: Acting, database: Database, moves: Sequence[str], names: tuple[str, ...]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        for termination in _terminations(names):
            database.run([termination], AUTOCOMMIT)
        try:
            database.run(moves)
        except SqlFailed as error:
            if error.sqlstate != _IN_USE or attempt == _ATTEMPTS:
                raise
            at.sleep(_PAUSE)
        else:
            return


def _terminations(names: tuple[str, ...]) -> list[str]:
    return [
        bind(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type <> 'walsender'",
            [name],
        )
        for name in names
    ]


def _refuse_prepared_transactions(database: Database, name: str) -> None:
    prepared = database.rows("SELECT gid FROM pg_prepared_xacts WHERE database = %s", [name])
    if prepared:
        raise Refused(
            f"database {name!r} has {len(prepared)} prepared transactions, such as {prepared[0]['gid']!r}",
            why="a database with prepared transactions cannot be renamed",
            hint="COMMIT PREPARED or ROLLBACK PREPARED them first; nothing was changed",
        )


def _allow_connections(name: str, allowed: bool) -> str:
    return f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS {'true' if allowed else 'false'}"
