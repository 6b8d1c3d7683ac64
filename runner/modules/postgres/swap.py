"""Databases change places: the one that is proved becomes the live one, the other is kept.

One DO statement, so that the server carries it to its end even if whoever asked for it dies. In it
(measured on PostgreSQL 15):
1. ALLOW_CONNECTIONS false on the live database, committed: an uncommitted one keeps nobody out.
2. Sessions are terminated; a rename waits up to five seconds for both databases to be empty.
3. ONE transaction: what is carried over, both renames, both comments, ALLOW_CONNECTIONS true on the
   database that is now live.
If 3 does not succeed, the live database is opened again and the error goes on. Only a server that
crashes between 1 and 3 leaves it shut; running the same step again finishes the swap or opens it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from runner.errors import Refused
from runner.frozen import frozen
from runner.modules.postgres import marker
from runner.modules.postgres.catalog import Properties, Setting
from runner.modules.postgres.database import AUTOCOMMIT, Database, Execution
from runner.modules.postgres.sql import bind, identifier, literal

# How often clients that keep coming back are thrown out before we give up; each rename waits five seconds.
_ATTEMPTS: Final = 6

_SWAP: Final = """DO {tag}
DECLARE
  trouble text := 'sessions kept coming back';
  code text := '55006';
BEGIN
  {shut}
  COMMIT;
  FOR attempt IN 1..{attempts} LOOP
    BEGIN
      PERFORM pg_stat_clear_snapshot();
      {terminate}
      {moves}
      RETURN;
    EXCEPTION
      WHEN object_in_use THEN NULL;
      -- OTHERS leaves a cancelled query out.
      WHEN query_canceled OR OTHERS THEN
        GET STACKED DIAGNOSTICS trouble = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
        EXIT;
    END;
  END LOOP;
  {reopen}
  COMMIT;
  RAISE EXCEPTION USING MESSAGE = 'the databases were not swapped: ' || trouble, ERRCODE = code;
END
{tag}"""

_LISTS: Final = frozenset(
    {
        "search_path",
        "local_preload_libraries",
        "session_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)


@frozen
class Exchange:
    """`incoming` takes the name `live`; what has that name now, if anything, becomes `outgoing`.

    The comments are written whole, marker included.
    """

    live: str
    incoming: str
    outgoing: str
    live_comment: str
    outgoing_comment: str


def exchange(database: Database, wanted: Exchange, before: Sequence[str] = ()) -> None:
    """Carry it out from `database`, which is neither of them; `before` runs in the transaction of the renames.

    Raises Refused if it cannot work (nothing was changed), SqlFailed if it did not (the live database is as it was).
    """
    present = wanted.live in marker.survey(database)
    if present:
        refuse_prepared_transactions(database, wanted.live)
    database.run(
        [
            _SWAP.format(
                tag=f"$swap_{secrets.token_hex(8)}$",
                attempts=_ATTEMPTS,
                shut=_allow_connections(wanted.live, False) + ";" if present else "",
                reopen=_allow_connections(wanted.live, True) + ";" if present else "",
                terminate=_terminate("PERFORM", (wanted.live, wanted.incoming)) + ";",
                moves=";\n      ".join((*before, *_moves(wanted, present), "")),
            )
        ],
        Execution(autocommit=True, to_the_end=True),
    )


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
    if source.privileges is None:
        # What every database has until somebody changes it.
        found.append(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC")
    else:
        found.append(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        for right in source.privileges:
            grantee = identifier(right.grantee) if right.grantee is not None else "PUBLIC"
            option = " WITH GRANT OPTION" if right.grantable else ""
            found.append(f"GRANT {right.privilege} ON DATABASE {name} TO {grantee}{option}")
    return found


def drop(database: Database, name: str) -> None:
    """Remove a database, its sessions cut; nothing happens if it is not there."""
    database.run([_terminate("SELECT", (name,)), f"DROP DATABASE IF EXISTS {identifier(name)}"], AUTOCOMMIT)


def _setting(database: str, setting: Setting) -> str:
    target = f"ROLE {identifier(setting.role)} IN DATABASE {database}" if setting.role else f"DATABASE {database}"
    # The catalogue keeps these as lists of identifiers already quoted; as one literal they would be one name.
    value = setting.value if setting.name in _LISTS and setting.value else literal(setting.value)
    return f"ALTER {target} SET {_parameter(setting.name)} TO {value}"


def _parameter(name: str) -> str:
    """A parameter's name; one of an extension has two parts."""
    return ".".join(identifier(part) for part in name.split("."))


def _terminate(verb: str, names: Sequence[str]) -> str:
    return bind(
        verb
        + " pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname::text = ANY (%s) AND pid <> pg_backend_pid()",
        [list(names)],
    )


def refuse_prepared_transactions(database: Database, name: str) -> None:
    """Refused if `name` has prepared transactions."""
    prepared = database.rows("SELECT gid FROM pg_prepared_xacts WHERE database = %s", [name])
    if prepared:
        raise Refused(
            f"database {name!r} has {len(prepared)} prepared transactions, such as {prepared[0]['gid']!r}",
            why="a database with prepared transactions cannot be renamed",
            hint="COMMIT PREPARED or ROLLBACK PREPARED them first; nothing was changed",
        )


def _allow_connections(name: str, allowed: bool) -> str:
    return f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS {'true' if allowed else 'false'}"
