"""The SQL that brings rows of a staging table into a live one, by key, in one transaction. Pure text.

Rows are compared as text: json, xml and the geometric types know no equality. User triggers are off
meanwhile, or they would change what is restored; foreign keys are deferred, so that neither order nor
cycles matter, and all are checked before the transaction ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Literal

from runner.frozen import frozen
from runner.modules.postgres.sql import identifier, literal
from runner.modules.postgres.tables.shape import SILENT, ForeignKey, Shape

Mode = Literal["insert", "merge", "replace"]


@frozen
class Merge:
    """One table: the staging table holds `columns` of the rows to bring back, `key` tells which is which."""

    live: Shape
    staging: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    mode: Mode

    @property
    def values(self) -> tuple[str, ...]:
        """What an UPDATE may set: neither the key nor a column that is GENERATED ALWAYS."""
        always = {column.name for column in self.live.columns if column.always}
        return tuple(name for name in self.columns if name not in self.key and name not in always)


def counting(one: Merge) -> str:
    """A statement with what the merge would do: `inserted`, `updated`, `deleted`, `unchanged` rows."""
    missing = f"SELECT FROM {one.live.name} l WHERE {_same_key(one)}"
    matched = f"FROM {one.staging} s JOIN {one.live.name} l ON {_same_key(one)}"
    updated = f"(SELECT count(*) {matched} WHERE {_differs(one)})" if _updates(one) else "0"
    deleted = f"(SELECT count(*) FROM {one.live.name} l WHERE {_absent(one)})" if one.mode == "replace" else "0"
    return (
        f"SELECT (SELECT count(*) FROM {one.staging} s WHERE NOT EXISTS ({missing})) AS inserted,"
        f" {updated} AS updated, {deleted} AS deleted, (SELECT count(*) {matched}) - {updated} AS unchanged"
    )


def duplicates(one: Merge) -> str:
    """A statement with the number of keys that stand more than once, or are null, in the staging table."""
    key = _list(one.key)
    null = " OR ".join(f"{identifier(name)} IS NULL" for name in one.key)
    return (
        f"SELECT (SELECT count(*) FROM (SELECT {key} FROM {one.staging} GROUP BY {key} HAVING count(*) > 1) d)"
        f" + (SELECT count(*) FROM {one.staging} WHERE {null}) AS unclear"
    )


def silently_changed(one: Merge, key: ForeignKey) -> str:
    """A statement with how many rows of another table would change because what they refer to is deleted."""
    pairs = zip(key.columns, key.referenced, strict=True)
    refers = " AND ".join(f"r.{identifier(here)} = l.{identifier(there)}" for here, there in pairs)
    return (
        f"SELECT count(*) AS changed FROM {key.table} r WHERE EXISTS"
        f" (SELECT FROM {one.live.name} l WHERE {refers} AND {_absent(one)})"
    )


def silent_keys(one: Merge, chosen: Iterable[str]) -> list[ForeignKey]:
    """The foreign keys by which deleting from this table would change tables that are not among those chosen."""
    names = set(chosen)
    keys = one.live.foreign_keys if one.mode == "replace" else ()
    return [
        key for key in keys if key.refers_to == one.live.name and key.on_delete in SILENT and key.table not in names
    ]


def transaction(merges: Sequence[Merge], kept: str | None) -> tuple[list[str], list[tuple[str, int]]]:
    """The statements, all for one transaction, and which of them count what: (`table what`, index).

    With `kept`, a schema of that name takes a copy of every table as it was.
    """
    names = ", ".join(merge.live.name for merge in merges)
    found = [
        "SET LOCAL lock_timeout = '60s'",
        "SET LOCAL row_security = off",
        f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE",
        *([f"CREATE SCHEMA {identifier(kept)}"] if kept else []),
        *(f"CREATE TABLE {kept_name(kept, merge.live)} AS TABLE {merge.live.name}" for merge in merges if kept),
    ]
    keys = {(key.table, key.name): key for merge in merges for key in merge.live.foreign_keys}
    fixed = [key for key in keys.values() if not key.deferrable]
    found += [_deferrable(key, "DEFERRABLE INITIALLY DEFERRED") for key in fixed]
    found += ["SET CONSTRAINTS ALL DEFERRED", *_triggers(merges, "DISABLE")]
    counts: list[tuple[str, int]] = []
    for what, statement in (("deleted", _delete), ("updated", _update), ("inserted", _insert)):
        for merge in merges:
            if text := statement(merge):
                counts.append((f"{merge.live.name} {what}", len(found)))
                found.append(text)
    found += [_proof(merge) for merge in merges]
    found += [text for merge in merges for text in _sequences(merge)]
    found += ["SET CONSTRAINTS ALL IMMEDIATE", *_triggers(merges, "ENABLE")]
    found += [_deferrable(key, "NOT DEFERRABLE") for key in fixed]
    return found, counts


def kept_name(schema: str | None, live: Shape) -> str:
    """Where a copy of a table is kept: its whole name is the name in that schema, so that no two are one."""
    return identifier(schema or "", live.name.encode()[:63].decode(errors="ignore"))


def _delete(one: Merge) -> str:
    return f"DELETE FROM {one.live.name} l WHERE {_absent(one)}" if one.mode == "replace" else ""


def _update(one: Merge) -> str:
    if not _updates(one):
        return ""
    sets = ", ".join(f"{identifier(name)} = s.{identifier(name)}" for name in one.values)
    return f"UPDATE {one.live.name} l SET {sets} FROM {one.staging} s WHERE {_same_key(one)} AND {_differs(one)}"


def _insert(one: Merge) -> str:
    columns = _list(one.columns)
    return (
        f"INSERT INTO {one.live.name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {one.staging} s"
        f" WHERE NOT EXISTS (SELECT FROM {one.live.name} l WHERE {_same_key(one)})"
    )


def _updates(one: Merge) -> bool:
    return one.mode != "insert" and bool(one.values)


def _proof(one: Merge) -> str:
    """Ends the transaction unless every row asked for is there as it was asked for."""
    wrong = f"NOT EXISTS (SELECT FROM {one.live.name} l WHERE {_same_key(one)}"
    wrong += f" AND NOT ({_differs(one)}))" if _updates(one) else ")"
    more = f" OR EXISTS (SELECT FROM {one.live.name} l WHERE {_absent(one)})" if one.mode == "replace" else ""
    message = f"{one.live.name} does not hold what was restored into it: a rule or a privilege stands in the way"
    tag = f"$prove_{secrets.token_hex(8)}$"
    return (
        f"DO {tag} BEGIN IF EXISTS (SELECT FROM {one.staging} s WHERE {wrong}){more} THEN"
        f" RAISE EXCEPTION USING MESSAGE = {literal(message)}; END IF; END {tag}"
    )


def _sequences(one: Merge) -> list[str]:
    """Statements that move the sequences a table owns past every value in it, never back."""
    found = []
    for column in one.live.columns:
        if column.sequence is None:
            continue
        # setval may name the same value again: only a sequence that is behind is moved.
        found.append(
            f"SELECT setval({literal(column.sequence)}::regclass, m.edge)"
            f" FROM (SELECT max({identifier(column.name)}) AS edge FROM {one.live.name}) m, {column.sequence} q"
            f" WHERE (SELECT seqincrement FROM pg_sequence WHERE seqrelid = {literal(column.sequence)}::regclass) > 0"
            f" AND (m.edge > q.last_value OR (m.edge = q.last_value AND NOT q.is_called))"
        )
    return found


def _triggers(merges: Sequence[Merge], verb: str) -> list[str]:
    return [
        f"ALTER TABLE {merge.live.name} {verb} TRIGGER {identifier(name)}"
        for merge in merges
        for name in merge.live.triggers
    ]


def _deferrable(key: ForeignKey, how: str) -> str:
    return f"ALTER TABLE {key.table} ALTER CONSTRAINT {identifier(key.name)} {how}"


def _same_key(one: Merge) -> str:
    return " AND ".join(f"l.{identifier(name)} = s.{identifier(name)}" for name in one.key)


def _absent(one: Merge) -> str:
    return f"NOT EXISTS (SELECT FROM {one.staging} s WHERE {_same_key(one)})"


def _differs(one: Merge) -> str:
    return " OR ".join(f"l.{name}::text IS DISTINCT FROM s.{name}::text" for name in map(identifier, one.values)).join(
        "()"
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(identifier, names))
