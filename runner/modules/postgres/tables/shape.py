"""What a live table looks like, as far as bringing rows back into it depends on that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from runner.errors import Refused, TaskFailed
from runner.frozen import frozen
from runner.modules.arguments import build
from runner.modules.postgres.catalog import Ask
from runner.modules.postgres.sql import bind

# NO ACTION and RESTRICT are errors by themselves; these would change rows nobody asked about.
SILENT: Final[Mapping[str, str]] = {"c": "ON DELETE CASCADE", "n": "ON DELETE SET NULL", "d": "ON DELETE SET DEFAULT"}

_SHAPE: Final = """
SELECT json_build_object(
  'name', format('%%I.%%I', n.nspname, c.relname),
  'kind', c.relkind,
  'columns', (
    SELECT coalesce(json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'generated', a.attgenerated <> '', 'always', a.attidentity = 'a',
      'sequence', pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname)) ORDER BY a.attnum), '[]')
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'primary_key', (
    SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
    FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE i.indrelid = c.oid AND i.indisprimary),
  'triggers', (
    SELECT coalesce(json_agg(t.tgname ORDER BY t.tgname), '[]')
    FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled = 'O'),
  'foreign_keys', (
    SELECT coalesce(json_agg(json_build_object(
      'name', f.conname, 'table', format('%%I.%%I', fn.nspname, fc.relname),
      'refers_to', format('%%I.%%I', pn.nspname, pc.relname),
      'deferrable', f.condeferrable, 'on_delete', f.confdeltype, 'definition', pg_get_constraintdef(f.oid),
      'columns', (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(f.conkey) WITH ORDINALITY k (attnum, place)
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum),
      'referenced', (SELECT json_agg(a.attname ORDER BY k.place)
        FROM unnest(f.confkey) WITH ORDINALITY k (attnum, place)
        JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum)) ORDER BY f.conname), '[]')
    FROM pg_constraint f
    JOIN pg_class fc ON fc.oid = f.conrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
    JOIN pg_class pc ON pc.oid = f.confrelid JOIN pg_namespace pn ON pn.oid = pc.relnamespace
    WHERE f.contype = 'f' AND c.oid IN (f.conrelid, f.confrelid))
) AS shape
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)
"""


@frozen
class Column:
    """`always`: GENERATED ALWAYS AS IDENTITY. `sequence` is the one it owns, quoted; None if it owns none."""

    name: str
    type: str
    generated: bool
    always: bool
    sequence: str | None


@frozen
class ForeignKey:
    """A constraint of `table` (quoted, with its schema) that refers to another, or to itself.

    `definition` is what follows its name in SQL.
    """

    name: str
    table: str
    refers_to: str
    deferrable: bool
    on_delete: str
    definition: str
    columns: tuple[str, ...]
    referenced: tuple[str, ...]


@frozen
class Shape:
    """A table by its quoted name. `foreign_keys` are those it has and those that refer to it."""

    name: str
    kind: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    triggers: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that hold data of their own."""
        return tuple(column for column in self.columns if not column.generated)


def shape(ask: Ask, table: str) -> Shape | None:
    """What `table` (as SQL writes it) looks like; None if there is none. TaskFailed if it cannot hold rows itself."""
    rows = ask(bind(_SHAPE, [table]))
    if not rows:
        return None
    data: Any = rows[0]["shape"]
    found = build(Shape, data)
    if found.kind != "r":
        raise TaskFailed(
            f"{table} is no plain table",
            why="rows of views and foreign tables are elsewhere, those of a partitioned table in its partitions",
            hint="name the tables that hold the rows, for example the partitions",
        )
    return found


def key_of(found: Shape, wanted: Sequence[str]) -> tuple[str, ...]:
    """The columns that say which row is which: `wanted`, or the primary key. Refused if there is none."""
    names = {column.name for column in found.stored}
    missing = [name for name in wanted if name not in names]
    if missing:
        raise TaskFailed(
            f"{found.name} has no column {', '.join(missing)}", hint=f"its columns are {', '.join(sorted(names))}"
        )
    key = tuple(wanted) or found.primary_key
    if not key:
        raise Refused(
            f"{found.name} has no primary key",
            why="which row of the backup is which row of the table cannot be told",
            hint="name columns that identify a row: tables: [{name: …, key: […]}]",
        )
    return key
