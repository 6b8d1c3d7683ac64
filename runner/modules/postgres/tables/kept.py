"""Copies of tables as they were before a restore: in a schema of the same database, for a while."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from runner.frozen import frozen
from runner.modules.arguments import build
from runner.modules.postgres.database import Database
from runner.modules.postgres.keeping import iso
from runner.modules.postgres.sql import identifier, literal

PREFIX: Final = "sentraplay_previous_"
_STAMP: Final = "%Y%m%dt%H%M%S"
_KNOWN: Final = (
    "SELECT nspname AS name, obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace"
    " WHERE starts_with(nspname, '" + PREFIX + "') ORDER BY nspname"
)


@frozen
class KeptTables:
    """`tables` are quoted names with their schemas; times are UTC, ISO 8601."""

    run: str
    backup: str
    keep_until: str
    tables: tuple[str, ...]


def schema_name(now: datetime, run: str) -> str:
    """A name nobody else has, that sorts by time."""
    return f"{PREFIX}{now.strftime(_STAMP)}_{run[-6:].lower()}"[:63]


def marking(schema: str, kept: KeptTables) -> str:
    """The statement that writes into the schema's comment what it is."""
    text = json.dumps(
        {"run": kept.run, "backup": kept.backup, "keep_until": kept.keep_until, "tables": list(kept.tables)}
    )
    return f"COMMENT ON SCHEMA {identifier(schema)} IS {literal(text)}"


def until(now: datetime, seconds: float) -> str:
    """When a copy made now may go."""
    return iso(now + timedelta(seconds=seconds))


def known(database: Database) -> Mapping[str, KeptTables]:
    """The copies in a database by their schemas, the newest last. Schemas that only have such a name are left out."""
    found = {}
    for row in database.rows(_KNOWN):
        try:
            found[str(row["name"])] = build(KeptTables, json.loads(str(row["comment"])))
        except (ValueError, TypeError):
            continue
    return found


def dropping(copies: Mapping[str, KeptTables], run: str, now: datetime) -> Sequence[str]:
    """Statements that drop what other runs kept and whose time has passed."""
    return [
        f"DROP SCHEMA {identifier(name)} CASCADE"
        for name, one in copies.items()
        if one.run != run and one.keep_until < iso(now)
    ]
