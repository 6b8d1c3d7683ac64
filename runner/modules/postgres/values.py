"""PostgreSQL's text form of a value -> plain data, the same for psycopg and psql."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Final

from runner.frozen import frozen


@frozen
class Rows:
    """What one statement gave: its columns, its rows by column name, and how many rows it touched."""

    columns: tuple[str, ...] = ()
    rows: tuple[Mapping[str, object], ...] = ()
    rowcount: int = 0


def _number(text: str) -> object:
    """An integer or a float if that holds the value exactly, else its text: a wrong number is worse than none."""
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    return number if isfinite(number) and Decimal(repr(number)) == Decimal(text) else text


def _float(text: str) -> object:
    number = float(text)
    return number if isfinite(number) else text


_DECODERS: Final[Mapping[str, Callable[[str], object]]] = {
    "boolean": lambda text: text == "t",
    "smallint": int,
    "integer": int,
    "bigint": int,
    "oid": int,
    "real": _float,
    "double precision": _float,
    "numeric": _number,
    "json": json.loads,
    "jsonb": json.loads,
}

TYPE_OF_OID: Final[Mapping[int, str]] = {
    16: "boolean",
    20: "bigint",
    21: "smallint",
    23: "integer",
    26: "oid",
    114: "json",
    700: "real",
    701: "double precision",
    1700: "numeric",
    3802: "jsonb",
}
"""The object ids of these types never change (src/include/catalog/pg_type.dat)."""


def decode(type_name: str, text: str | None) -> object:
    """Whole numbers, floats, booleans and JSON as such; everything else as PostgreSQL writes it."""
    if text is None:
        return None
    decoder = _DECODERS.get(type_name.partition("(")[0])
    return decoder(text) if decoder else text


def named(columns: tuple[str, ...], types: tuple[str, ...], values: tuple[str | None, ...]) -> dict[str, object]:
    """One row by column name. Two columns of one name: the last one stays, as in every mapping."""
    return {column: decode(type_name, value) for column, type_name, value in zip(columns, types, values, strict=True)}
