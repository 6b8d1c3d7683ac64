"""What a server says about its databases, and what a backup remembers of one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, TypeVar

from runner.frozen import frozen
from runner.modules.arguments import build
from runner.modules.postgres.sql import identifier, literal

T = TypeVar("T")

Ask = Callable[[str], Sequence[Mapping[str, object]]]
"""A reading statement -> its rows, in a session of its own or in a held snapshot."""

# One statement counts this many tables: few round trips, and no statement too long to plan.
_TABLES_AT_ONCE: Final = 50

# Columns that only some versions have are read through to_jsonb, so that one statement fits them all.
_PROPERTIES: Final = """
SELECT json_build_object(
  'name', d.datname,
  'owner', pg_get_userbyid(d.datdba),
  'encoding', pg_encoding_to_char(d.encoding),
  'collate', d.datcollate,
  'ctype', d.datctype,
  'locale_provider', coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
  'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
  'collation_version', to_jsonb(d) ->> 'datcollversion',
  'tablespace', t.spcname,
  'connection_limit', d.datconnlimit,
  'comment', shobj_description(d.oid, 'pg_database'),
  'settings', coalesce((
    SELECT json_agg(json_build_object(
      'role', CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END,
      'name', split_part(one, '=', 1),
      'value', substr(one, strpos(one, '=') + 1)))
    FROM pg_db_role_setting s, unnest(s.setconfig) one WHERE s.setdatabase = d.oid), '[]'),
  'privileges', (
    SELECT json_agg(json_build_object(
      'grantee', CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,
      'privilege', a.privilege_type,
      'grantable', a.is_grantable))
    FROM aclexplode(d.datacl) a)
) AS properties
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
WHERE d.datname = %s
"""

_CONTENT: Final = """
SELECT json_build_object(
  'size', pg_database_size(current_database()),
  'large_objects', (SELECT count(*) FROM pg_largeobject_metadata),
  'extensions', coalesce((
    SELECT json_agg(json_build_object('name', e.extname, 'version', e.extversion) ORDER BY e.extname)
    FROM pg_extension e WHERE e.extname <> 'plpgsql'), '[]')
) AS content
"""

_TABLES: Final = """
SELECT n.nspname AS "schema", c.relname AS "table", format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (
    SELECT FROM pg_depend p
    WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'e')
ORDER BY 1, 2
"""


@frozen
class Setting:
    """`ALTER DATABASE … SET`, or with `role` `ALTER ROLE … IN DATABASE … SET`."""

    name: str
    value: str
    role: str | None = None


@frozen
class Privilege:
    """A right on the database itself; `grantee` None is PUBLIC."""

    privilege: str
    grantable: bool = False
    grantee: str | None = None


@frozen
class Properties:
    """What lies around a database's content and is not part of its dump. `privileges` None: never changed."""

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    locale_provider: str = "c"
    locale: str | None = None
    collation_version: str | None = None
    tablespace: str = "pg_default"
    connection_limit: int = -1
    comment: str | None = None
    settings: tuple[Setting, ...] = ()
    privileges: tuple[Privilege, ...] | None = None


@frozen
class Extension:
    name: str
    version: str


@frozen
class Content:
    """What a database holds. `size` is in bytes, on the server's disk."""

    size: int
    large_objects: int
    extensions: tuple[Extension, ...]


def properties(ask: Ask, name: str) -> Properties | None:
    """The properties of a database, asked for in any database of its server; None if there is none of that name."""
    rows = ask(_PROPERTIES.replace("%s", literal(name)))
    return from_data(Properties, rows[0]["properties"]) if rows else None


def content(ask: Ask) -> Content:
    """What the database holds that `ask` asks."""
    return from_data(Content, ask(_CONTENT)[0]["content"])


def row_counts(ask: Ask, excluded: Collection[str] = ()) -> dict[str, int]:
    """How many rows each table holds, by `schema.table` as PostgreSQL quotes it.

    Tables that belong to an extension, and those in `excluded`, are left out.
    """
    wanted = [row for row in ask(_TABLES) if row["name"] not in excluded]
    counts: dict[str, int] = {}
    for start in range(0, len(wanted), _TABLES_AT_ONCE):
        # ONLY: the rows of a child table are counted with the child.
        counting = " UNION ALL ".join(
            f"SELECT {literal(row['name'])} AS name, count(*) AS counted"
            f" FROM ONLY {identifier(str(row['schema']), str(row['table']))}"
            for row in wanted[start : start + _TABLES_AT_ONCE]
        )
        counts |= {str(row["name"]): int(str(row["counted"])) for row in ask(counting)}
    return counts


def from_data(kind: type[T], data: object) -> T:
    """One of the dataclasses here from what `to_data` gave, or the server's JSON."""
    if not isinstance(data, Mapping):
        raise TypeError(f"{kind.__name__} wants a mapping")
    return build(kind, data)


def to_data(value: Properties | Content) -> dict[str, Any]:
    """Plain data for a manifest."""
    return asdict(value)
